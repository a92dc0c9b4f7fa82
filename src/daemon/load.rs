//! Reads everything that the configuration names, and judges all of it before anything is started.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::available_parallelism;

use crate::answer::CookieSecrets;
use crate::config::{self, Config, CookieSettings, DnsSettings, Parsed, ZoneSettings};
use crate::model::{Problem, has_errors};
use crate::probe::{self, Prober};
use crate::programs::Programs;
use crate::zone::Zone;
use crate::{cluster, control, dns, gate, hook, notify, rights};

use super::noted::Noted;
use super::shared::shared_too_widely;
use super::unreadable::unreadable;
use super::zone_file::read_noted;
use super::{deeds, errands};

/// Everything is read and right; nothing is started.
pub struct Ready {
    /// The configuration file.
    pub file: PathBuf,
    /// The configuration.
    pub config: Config,
    /// The zones, in the order of the configuration.
    pub zones: Vec<Zone>,
    /// The secrets of `secret_file`, if the configuration names one.
    pub secrets: Option<CookieSecrets>,
    /// The prober.
    pub prober: Prober,
    /// Who asks at the gates.
    pub asker: gate::Asker,
    /// Who runs the hooks.
    pub hooks: hook::Prepared,
    /// Who tells the receivers of notices.
    pub receivers: notify::Prepared,
    /// Who speaks to etcd, where there is a cluster.
    pub cluster: Option<cluster::Prepared>,
    /// The programs of gates, hooks and receivers.
    pub programs: Programs,
    /// What protects the API over TCP.
    pub api: control::Protection,
    /// Warnings about all of them.
    pub warnings: Vec<Problem>,
    /// The text of the configuration file.
    pub text: String,
    /// What tells this configuration and its zones from any other.
    pub hash: String,
    /// The configuration file, the zones and what they include.
    pub files: Vec<PathBuf>,
}

/// Reads the configuration, the zones, the secrets and the certificates: as strict for `check` as for the start.
///
/// # Errors
/// Every mistake in all of them, with its place.
pub fn load(file: &Path) -> Result<Ready, Vec<Problem>> {
    load_noted(file, None, &mut Noted::default())
}

/// The same with another text in the place of the file's, if one is given; what is read is noted, also where it is wrong.
pub(super) fn load_noted(
    file: &Path,
    text: Option<String>,
    noted: &mut Noted,
) -> Result<Ready, Vec<Problem>> {
    noted.file(file);
    let text = text.map_or_else(|| read_config(file), Ok)?;
    noted.text(text.as_bytes());
    let Parsed { config, warnings: mut problems } = parse(file, &text, None)?;
    let mut zones = Vec::with_capacity(config.zones.len());
    for settings in &config.zones {
        let ZoneSettings { name, file, place, steered } = settings;
        match read_noted(name, file, steered, Some(place), noted) {
            Ok(accepted) => {
                problems.extend(accepted.warnings);
                zones.push(accepted.zone);
            }
            Err(mistakes) => problems.extend(mistakes),
        }
    }
    problems.extend(rights::unknown_user(&config.node));
    problems.extend(without_xdp(&config.dns, cfg!(feature = "xdp")));
    let secrets = match load_secrets(&config.dns.cookies) {
        Ok((secrets, doubts)) => {
            problems.extend(doubts);
            secrets
        }
        Err(mistake) => {
            problems.push(mistake);
            None
        }
    };
    if let Some(tls) = &config.dns.tls {
        match dns::check_certificate(tls) {
            Ok(doubts) => problems.extend(doubts),
            Err(mistake) => problems.push(mistake),
        }
        let shared = shared_too_widely(&tls.key, &tls.key.display().to_string());
        problems.extend(shared.map(|problem| Problem { place: Some(tls.key_place.clone()), ..problem }));
    }
    problems.extend(errands::doubts(&config));
    let prober = probe::prepare(&config.probes, config.node.name.clone());
    let asker = gate::prepare(&config.asked, |gate| deeds::of_gate(&config, gate));
    let hooks = hook::prepare(&config.deeds, |hook| deeds::of_hook(&config, hook));
    let receivers = notify::prepare(&config.receivers, |receiver| deeds::of_receiver(&config, receiver));
    let cluster = config.cluster.as_ref().map(cluster::prepare).transpose();
    let api = control::protect(&config.api);
    if let Some(tls) = &config.api.tls {
        let shared = shared_too_widely(&tls.key, &tls.key.display().to_string());
        problems.extend(shared.map(|problem| Problem { place: Some(tls.place.clone()), ..problem }));
    }
    match (prober, asker, hooks, receivers, cluster, api) {
        (Ok(prober), Ok(asker), Ok(hooks), Ok(receivers), Ok(cluster), Ok(api)) if !has_errors(&problems) => {
            let file = file.to_owned();
            let programs = deeds::programs(&config);
            let (hash, files) = (noted.hash(), noted.files().to_vec());
            #[rustfmt::skip]
            let ready = Ready {
                file, config, zones, secrets, prober, asker, hooks, receivers, cluster, programs, api, warnings: problems,
                text, hash, files,
            };
            Ok(ready)
        }
        (prober, asker, hooks, receivers, cluster, api) => {
            let of_shells = [asker.err(), hooks.err(), receivers.err(), cluster.err(), api.err()];
            let mistakes = [prober.err()].into_iter().chain(of_shells);
            problems.extend(mistakes.flatten().flatten());
            Err(problems)
        }
    }
}

/// Reads the configuration alone.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn load_config(file: &Path) -> Result<Parsed, Vec<Problem>> {
    load_config_with(file, None)
}

/// Reads the configuration with settings in the place of those that it has.
///
/// # Errors
/// Every mistake in both, with its place.
pub fn load_config_with(file: &Path, with: Option<&str>) -> Result<Parsed, Vec<Problem>> {
    parse(file, &read_config(file)?, with)
}

fn read_config(file: &Path) -> Result<String, Vec<Problem>> {
    let shown = file.display().to_string();
    let text = fs::read(file).map_err(|error| vec![unreadable(&shown, "the configuration file", &error)])?;
    String::from_utf8(text).map_err(|error| {
        let line =
            1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        vec![Problem::error(None, format!("{shown}: line {line} is not UTF-8"), "TOML is UTF-8 text")]
    })
}

fn parse(file: &Path, text: &str, with: Option<&str>) -> Result<Parsed, Vec<Problem>> {
    let shown = file.display().to_string();
    let base = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    config::parse_with(&shown, text, base, cores(), with)
}

/// How many cores we may use: asked at the start, for a daemon that has given up its rights may not look at its control
/// group, and would have another number of workers after a reload.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, NonZero::get))
}

/// A warning about `[dns] xdp` in a build without it: the sockets answer everything.
fn without_xdp(settings: &DnsSettings, built_in: bool) -> Option<Problem> {
    let xdp = settings.xdp.as_ref().filter(|_| !built_in)?;
    let found = "this build has no xdp: the sockets answer everything";
    let help = "build with `cargo build --release --features xdp`, or take `xdp` out";
    Some(Problem::warning(Some(xdp.place.clone()), found, help))
}

/// The secrets of the cookies. A problem with the file as a whole has the place in the configuration that names it.
fn load_secrets(settings: &CookieSettings) -> Result<(Option<CookieSecrets>, Vec<Problem>), Problem> {
    let CookieSettings { secret_file: Some(file), secret_file_place: place, .. } = settings else {
        return Ok((None, Vec::new()));
    };
    let shown = file.display().to_string();
    let placed = |mut problem: Problem| {
        problem.place = problem.place.or(place.clone());
        problem
    };
    let what = "the secrets of the cookies in";
    let text = dns::read_secret_file(file).map_err(|error| placed(unreadable(&shown, what, &error)))?;
    let secrets = CookieSecrets::parse(&shown, &text).map_err(placed)?;
    Ok((Some(secrets), shared_too_widely(file, &shown).map(placed).into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::XdpSettings;
    use crate::model::Place;

    fn check(text: Option<&str>, mode: u32, expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secrets");
        if let Some(text) = text {
            fs::write(&file, text).expect("a file that can be written");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("our file");
        }
        let secret_file_place = Some(Place { file: "c.toml".into(), line: 7, column: 15 });
        let settings = CookieSettings { enabled: true, secret_file: Some(file), secret_file_place };
        let told = match load_secrets(&settings) {
            Ok((secrets, doubts)) => doubts.first().map_or(format!("{secrets:?}"), Problem::to_string),
            Err(problem) => problem.to_string(),
        };
        let told = told.replace(&folder.path().display().to_string(), "");
        assert_eq!(told.lines().next(), Some(expected));
    }

    #[test]
    fn a_build_without_xdp_says_so_where_it_is_asked_for() {
        let place = Place { file: "c.toml".into(), line: 7, column: 7 };
        let xdp = XdpSettings { interface: "eth0".into(), place };
        let settings = DnsSettings { xdp: Some(xdp), ..DnsSettings::default() };
        assert_eq!(without_xdp(&settings, true), None);
        assert_eq!(without_xdp(&DnsSettings::default(), false), None);
        let told = without_xdp(&settings, false).expect("a warning").to_string();
        let found = "c.toml:7:7: warning: this build has no xdp: the sockets answer everything\n";
        assert!(told.starts_with(found), "{told}");
    }

    #[test]
    fn the_file_of_the_cookie_secrets_is_judged() {
        const GOOD: &str = "00112233445566778899aabbccddeeff\n";
        check(Some(GOOD), 0o640, "Some(1 cookie secrets)");
        check(Some(GOOD), 0o644, "c.toml:7:15: warning: every user of this machine can read /secrets");
        check(Some("\nx\n"), 0o600, "/secrets:2:1: error: a line of 1 characters is no secret");
        check(Some(""), 0o600, "c.toml:7:15: error: /secrets has no secret in it");
        let missing =
            "cannot read the secrets of the cookies in /secrets: No such file or directory (os error 2)";
        check(None, 0, &format!("c.toml:7:15: error: {missing}"));
    }
}
