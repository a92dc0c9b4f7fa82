//! `cadence-dns probe`: the probes of a region once, now, each phase of them; and the same for all, for `check --live`.

mod render;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::failure::{Failure, refused};
use super::output::{Output, complain, print, print_as_it_is};
use super::progress::Waiting;
use super::runtime::runtime;
use crate::api::{CertificateProbed, CheckProbed, PROBE_SCHEMA, Probed, RegionProbed, would_be};
use crate::config::{Config, Parsed, Probe};
use crate::daemon;
use crate::health::{Observation, Region};
use crate::model::{Moment, RegionId};
use crate::probe::{self, Certificate, Look};

/// No probe may last for longer here, whatever its `timeout`: somebody waits.
const LIMIT: Duration = Duration::from_secs(60);

/// `cadence-dns probe REGION`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The region, or a witness as `witness/NAME`; all of them when left out
    region: Option<String>,
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "/etc/cadence-dns/cadence-dns.toml")]
    config: PathBuf,
    /// Show each phase, as `curl -v` does: connecting, TLS, certificate, first byte, what was said
    #[arg(long, short)]
    verbose: bool,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Probes; fails when a probe does.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { region, config: file, verbose, output } = arguments;
    let Parsed { config, .. } = daemon::load_config(file).map_err(|problems| refused(&problems))?;
    let wanted = region.as_ref().map(|name| find(name, &config)).transpose()?;
    let probed = look(&config, wanted.as_ref(), LIMIT)?;
    match output {
        Output::Table if *verbose => print(&render::verbose(&probed)),
        Output::Table => print(&render::table(&probed)),
        Output::Json => {
            let text = serde_json::to_string_pretty(&probed).expect("what was probed is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    if probed.passes() {
        return Ok(());
    }
    let checks: Vec<&CheckProbed> = probed.regions.iter().flat_map(|region| &region.checks).collect();
    let failed = checks.iter().filter(|check| !check.passes()).count();
    Err(Failure::Failed(format!("{failed} of {} probes did not pass", checks.len())))
}

/// Probes all regions, bounded in time; fails when one of them would not be up.
pub(super) fn check_live(config: &Config, limit: Duration) -> Result<(), Failure> {
    let probed = look(config, None, limit)?;
    print(&render::summary(&probed));
    let down: Vec<String> = probed.not_up().map(|region| region.region.to_string()).collect();
    match down.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::Failed(format!("{one} would not be up"))),
        several => Err(Failure::Failed(format!("{} would not be up", several.join(", ")))),
    }
}

/// The region or witness of this name.
fn find(name: &str, config: &Config) -> Result<RegionId, Failure> {
    let probed = config.probes.iter().map(|probe| &probe.check.region);
    let mut all: Vec<&RegionId> = config.regions.iter().map(|region| &region.id).chain(probed).collect();
    if let Some(region) = all.iter().find(|region| region.as_str() == name) {
        return Ok((*region).clone());
    }
    all.sort();
    all.dedup();
    let names: Vec<&str> = all.into_iter().map(RegionId::as_str).collect();
    Err(Failure::Failed(format!(
        "there is no region {name}; those of the configuration are {}",
        names.join(", ")
    )))
}

/// One probe of each check of a region, or of all.
fn look(config: &Config, wanted: Option<&RegionId>, limit: Duration) -> Result<Probed, Failure> {
    let is_wanted = |region: &RegionId| wanted.is_none_or(|wanted| wanted == region);
    let probes: Vec<Probe> =
        config.probes.iter().filter(|probe| is_wanted(&probe.check.region)).cloned().collect();
    let prober = probe::prepare(&probes, config.node.name.clone()).map_err(|problems| refused(&problems))?;
    if !prober.programs().is_empty() && rustix::process::geteuid().is_root() {
        complain("cadence-dns: programs of `exec` run as root here, and as the daemon's user in the daemon");
    }
    let waiting = Waiting::for_a(format!("probing {}", counted(probes.len())));
    let looks = runtime()?.block_on(prober.look(limit));
    drop(waiting);
    let now = now();
    let regions = config.regions.iter().filter(|region| is_wanted(&region.id));
    let mut probed: Vec<RegionProbed> = regions.map(|region| of_region(region, &looks, now)).collect();
    for look in looks.iter().filter(|look| look.probe.check.is_witness()) {
        let region = look.probe.check.region.clone();
        probed.push(RegionProbed { region, state: None, why: "a witness".into(), checks: vec![shown(look)] });
    }
    Ok(Probed { schema: PROBE_SCHEMA.into(), time: now, regions: probed })
}

fn counted(probes: usize) -> String {
    if probes == 1 { "one address".to_owned() } else { format!("{probes} addresses") }
}

fn of_region(region: &Region, looks: &[Look], now: Moment) -> RegionProbed {
    let of_region: Vec<&Look> = looks.iter().filter(|look| look.probe.check.region == region.id).collect();
    let observations: Vec<Observation> = of_region.iter().map(|look| look.observation.clone()).collect();
    let verdict = would_be(region, &observations, now);
    RegionProbed {
        region: region.id.clone(),
        state: Some(verdict.state),
        why: verdict.to_string(),
        checks: of_region.into_iter().map(shown).collect(),
    }
}

fn shown(Look { probe, observation, details }: &Look) -> CheckProbed {
    let seconds = |span: Duration| span.as_secs_f64();
    CheckProbed {
        probe: probe.check.probe,
        label: probe.label.as_deref().map(str::to_owned),
        address: probe.check.address,
        target: Some(probe.target).filter(|target| target.port() != 0),
        does: probe.does(),
        outcome: observation.outcome.clone(),
        tcp: details.tcp.map(seconds),
        connect: observation.timings.connect.map(seconds),
        first_byte: observation.timings.response.map(seconds),
        total: seconds(observation.timings.total),
        tls: details.tls.clone(),
        certificate: details.certificate.clone().map(|Certificate { subject, names, issuer, expires }| {
            CertificateProbed { subject, names, issuer, expires }
        }),
        reply: details.reply.clone(),
        said: details.said.clone(),
    }
}

fn now() -> Moment {
    Moment::default() + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
