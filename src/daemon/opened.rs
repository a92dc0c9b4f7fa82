//! What is opened while the process still has its rights: everything else is opened without them.

use std::collections::BTreeSet;
use std::env::current_exe;
use std::path::{Path, PathBuf};

use super::StartError;
use super::descriptors;
use super::figures::Proc;
use super::load::Ready;
use crate::config::{ClusterSettings, Config, DnsSettings, GateSettings, HookSettings, ReceiverSettings};
use crate::control;
use crate::dns;
use crate::rights::{self, GivenUp, Needs};

/// Sockets that are taken and not yet served, and what they are for.
pub struct Opened {
    pub(super) ready: Ready,
    pub(super) bound: dns::Bound,
    /// Of `[api] listen`.
    pub(super) listeners: control::Listeners,
    pub(super) proc: Proc,
    /// The lack of descriptors, if there is one.
    pub(super) few_descriptors: Option<String>,
    /// Nothing is given up in a process that does other things as well.
    pub(super) given_up: Option<GivenUp>,
}

/// Takes all that needs a right. Starts no thread.
///
/// # Errors
/// When an address cannot be had.
pub fn open(ready: Ready) -> Result<Opened, StartError> {
    let few_descriptors = descriptors::take(&ready.config);
    let bound = dns::bind(&ready.config.dns).map_err(StartError::Dns)?;
    let listeners = control::listen(&ready.config.api).map_err(StartError::Api)?;
    let bound = bound.direct_to_rings();
    let proc = Proc::open();
    Ok(Opened { ready, bound, listeners, proc, few_descriptors, given_up: None })
}

impl Opened {
    /// Gives up every right that this process does not need any more, for good. No thread may run yet.
    ///
    /// # Errors
    /// When that cannot be done: the process must end then.
    pub fn give_up_rights(self) -> Result<Opened, StartError> {
        let needs = needs(&self.ready.file, &self.ready.config);
        let all = [self.ready.prober.programs(), &self.ready.programs];
        let start_runner = || {
            let mut some = all.iter().filter(|programs| !programs.is_empty());
            some.try_for_each(|programs| programs.start_runner(current_exe()?.as_os_str()))
        };
        let given_up = rights::give_up(&needs, start_runner).map_err(StartError::Rights)?;
        Ok(Opened { given_up: Some(given_up), ..self })
    }
}

/// What is used for as long as the process runs. Files are read again when they have changed, and the new ones are
/// others for the kernel, so it is their folders that are needed.
fn needs(file: &Path, config: &Config) -> Needs {
    let Config { node, dns, control, api, zones, probes, asked, deeds, receivers, cluster, .. } = config;
    let authorities = probes.iter().filter_map(|probe| probe.kind.trust()?.ca_file.as_deref());
    let certificates = dns.tls.iter().flat_map(|tls| [tls.certificate.as_path(), &tls.key]);
    let of_api = api
        .tls
        .iter()
        .flat_map(|tls| [Some(tls.certificate.as_path()), Some(tls.key.as_path()), tls.client_ca.as_deref()]);
    let of_api = of_api.flatten().chain(api.access_file.as_ref().map(|access| access.file.as_path()));
    let read_again = certificates.chain(dns.cookies.secret_file.as_deref()).chain(of_api);
    let files = [file].into_iter().chain(zones.iter().map(|zone| zone.file.as_path()));
    let believed = asked.iter().filter_map(GateSettings::authorities);
    let believed = believed.chain(deeds.iter().filter_map(HookSettings::authorities));
    let believed = believed.chain(receivers.iter().filter_map(ReceiverSettings::authorities));
    let secrets = asked.iter().filter_map(GateSettings::secret_file);
    let secrets = secrets.chain(deeds.iter().filter_map(HookSettings::secret_file));
    let secrets = secrets.chain(receivers.iter().flat_map(ReceiverSettings::secret_files));
    let secrets = secrets.chain(cluster.iter().flat_map(ClusterSettings::read_again));
    let secrets: Vec<&Path> = secrets.map(|secret| secret.file.as_path()).collect();
    let read_again = read_again.chain(secrets);
    let believed = believed.chain(cluster.iter().map(|cluster| &cluster.etcd.authorities));
    let files = files.chain(authorities).chain(believed.filter_map(|believed| believed.ca_file.as_deref()));
    let files = files.chain(read_again.clone());
    let read: BTreeSet<PathBuf> = files.flat_map(folders_of).collect();
    Needs {
        user: node.user.clone(),
        written: vec![node.state_dir.clone(), folder_of(&control.socket)],
        read: read.into_iter().collect(),
        ports: ports(dns),
        read_again: read_again.map(Path::to_owned).collect(),
        landlock: node.landlock,
        seccomp: node.seccomp,
    }
}

/// Those that are listened on: another address of this machine may come with a reload.
fn ports(dns: &DnsSettings) -> Vec<u16> {
    let encrypted = dns
        .tls
        .iter()
        .flat_map(|tls| tls.listen.iter().chain(tls.https.iter().flat_map(|https| &https.listen)));
    let ports: BTreeSet<u16> = dns.listen.iter().chain(encrypted).map(std::net::SocketAddr::port).collect();
    ports.into_iter().filter(|port| *port > 0).collect()
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Where the file is named, and where it lies: certificates often are links to the latest one.
fn folders_of(file: &Path) -> [PathBuf; 2] {
    let real = file.canonicalize().map(|real| folder_of(&real));
    [folder_of(file), real.unwrap_or_else(|_| folder_of(file))]
}
