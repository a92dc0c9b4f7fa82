//! unbound, as one of the many resolvers that users sit behind: it caches, and knows where the name is delegated to.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::network::Site;
use crate::process::Process;
use crate::world::NAME;

/// A resolver that runs as long as the value lives.
pub(crate) struct Resolver {
    /// Where clients ask it.
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Resolver {
    /// Starts it on the first address of the site.
    pub(crate) fn start(site: &Site, authority: IpAddr, folder: &Path) -> Resolver {
        let address = site.v4(10);
        let file = folder.join("unbound.conf");
        fs::write(&file, configuration(&address, authority)).expect("the test's folder is writable");
        let mut command = Command::new("unbound");
        command.arg("-d").arg("-c").arg(&file);
        let process = Process::start(site.namespace(), "unbound", folder, command);
        let address = format!("{address}:53").parse().expect("an address");
        Resolver { address, _process: process }
    }
}

fn configuration(listen: &str, authority: IpAddr) -> String {
    format!(
        r#"
server:
    interface: {listen}
    access-control: 0.0.0.0/0 allow
    username: ""
    chroot: ""
    directory: "/"
    pidfile: ""
    use-syslog: no
    logfile: ""
    module-config: "iterator"
remote-control:
    control-enable: no
stub-zone:
    name: "{NAME}"
    stub-addr: {authority}
"#
    )
}
