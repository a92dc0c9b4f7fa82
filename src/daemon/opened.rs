//! What is opened while the process still has its rights: everything else is opened without them.

use std::collections::BTreeSet;
use std::env::current_exe;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::StartError;
use super::descriptors;
use super::figures::Proc;
use super::load::Ready;
use crate::config::{ClusterSettings, Config, DnsSettings, GateSettings, HookSettings, ReceiverSettings};
use crate::control;
use crate::dns;
use crate::handover::{Offer, Offered, Predecessor, Starter};
use crate::rights::{self, GivenUp, Needs};
use crate::supervisor::Supervisor;

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
    /// Who starts a successor one day; nobody, in a process that gives nothing up.
    pub(super) starter: Option<Starter>,
    /// Who answers until we do.
    pub(super) predecessor: Option<Predecessor>,
    /// Its control socket, where that stays.
    pub(super) control: Option<OwnedFd>,
    /// Who watches over us; nobody, in a process that does other things as well.
    pub(super) supervisor: io::Result<Option<Supervisor>>,
}

/// Takes all that needs a right. Starts no thread.
///
/// # Errors
/// When an address cannot be had.
pub fn open(ready: Ready) -> Result<Opened, StartError> {
    open_with(ready, Offered::default())
}

/// The same with what a predecessor has open; it goes on answering meanwhile.
///
/// # Errors
/// When a new address cannot be had, or when this cannot be its successor.
pub fn take_over(ready: Ready, predecessor: Predecessor) -> Result<Opened, StartError> {
    let offered = predecessor.offer().map_err(|error| StartError::Handover(error.to_string()))?;
    let offered = offered.map(|(offer, offered)| successor_of(&offer, &ready.config).map(|()| offered));
    let offered = offered.transpose().map_err(StartError::Handover)?;
    // Of one that is gone there is nothing to be had.
    let opened = open_with(ready, offered.unwrap_or_default())?;
    Ok(Opened { predecessor: Some(predecessor), ..opened })
}

fn open_with(ready: Ready, offered: Offered) -> Result<Opened, StartError> {
    let Offered { dns, api, control } = offered;
    let config = &ready.config;
    let few_descriptors = descriptors::take(config);
    let bound = dns::bind_with(&config.dns, dns::Sockets::of(dns)).map_err(StartError::Dns)?;
    let listeners = control::listen_with(&config.api, api).map_err(StartError::Api)?;
    let bound = bound.direct_to_rings();
    let proc = Proc::open();
    let control = control.filter(|(path, _)| *path == config.control.socket).map(|(_, socket)| socket);
    #[rustfmt::skip]
    let opened = Opened {
        ready, bound, listeners, proc, few_descriptors, given_up: None, starter: None, predecessor: None, control, supervisor: Ok(None),
    };
    Ok(opened)
}

/// What is about the node itself no upgrade changes: the state would be another's.
fn successor_of(offer: &Offer, config: &Config) -> Result<(), String> {
    let differs = |key: &str, was: &str, is: &str| {
        Err(format!("[node] {key} is {is} and was {was}, and no upgrade changes that; a restart does"))
    };
    let Config { node, dns, .. } = config;
    if node.name.to_string() != offer.node {
        return differs("name", &offer.node, &node.name.to_string());
    }
    if node.state_dir != offer.state_dir {
        return differs(
            "state_dir",
            &offer.state_dir.display().to_string(),
            &node.state_dir.display().to_string(),
        );
    }
    if dns.xdp.is_some() {
        return Err("[dns] xdp: AF_XDP begins with a restart; an upgrade does not begin it".to_owned());
    }
    Ok(())
}

impl Opened {
    /// Gives up every right that this process does not need any more, for good. No thread may run yet.
    ///
    /// # Errors
    /// When that cannot be done: the process must end then.
    pub fn give_up_rights(self) -> Result<Opened, StartError> {
        let supervisor = Supervisor::of_environment(); // before it is out of reach
        let needs = needs(&self.ready.file, &self.ready.config);
        let all = [self.ready.prober.programs(), &self.ready.programs];
        let mut starter = None;
        let start_others = || {
            starter = Some(Starter::start(&self.ready.file)?);
            let mut some = all.iter().filter(|programs| !programs.is_empty());
            some.try_for_each(|programs| programs.start_runner(current_exe()?.as_os_str()))
        };
        let given_up = rights::give_up(&needs, start_others).map_err(StartError::Rights)?;
        Ok(Opened { given_up: Some(given_up), starter, supervisor, ..self })
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
