//! Probes as operators read them.

use std::fmt::Write;

use crate::api::{CertificateProbed, CheckProbed, Probed, RegionProbed};
use crate::cli::text::{latency, table as plain_table};
use crate::health::ProbeOutcome;
use crate::model::Moment;

/// A line for each probe, and one for each region.
pub(super) fn table(probed: &Probed) -> String {
    let mut table = plain_table(&["PROBE", "RESULT", "TIME", "WHAT"], None);
    for region in &probed.regions {
        for check in &region.checks {
            table.add_row([name(region, check), result(check), latency(check.total), check.does.clone()]);
        }
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect::<String>();
    format!("{lines}\n{}", verdicts(probed))
}

/// What each region would be, and each probe that did not pass.
pub(super) fn summary(probed: &Probed) -> String {
    let mut text = String::new();
    for region in &probed.regions {
        for check in region.checks.iter().filter(|check| !check.passes()) {
            line(&mut text, &format!("{}  {}  ({})", name(region, check), result(check), check.does));
        }
    }
    text + &verdicts(probed)
}

fn verdicts(probed: &Probed) -> String {
    let mut text = String::new();
    for region in &probed.regions {
        if let Some(state) = region.state {
            let rest = region.why.strip_prefix(&state.to_string()).unwrap_or(&region.why);
            line(&mut text, &format!("{} would be {state}{rest}", region.region));
        }
    }
    text
}

/// Each phase, as `curl -v` shows it: `*` is ours, `<` the far end's.
pub(super) fn verbose(probed: &Probed) -> String {
    let mut text = String::new();
    for region in &probed.regions {
        for check in &region.checks {
            line(&mut text, &name(region, check));
            phases(&mut text, check, probed.time);
            text.push('\n');
        }
    }
    text + &verdicts(probed)
}

fn phases(text: &mut String, check: &CheckProbed, now: Moment) {
    let at = |seconds: f64| format!("after {}", latency(seconds));
    match check.target {
        Some(target) => line(text, &format!("* {} at {target}", check.does)),
        None => line(text, &format!("* {} for {}", check.does, check.address)),
    }
    if let Some(tcp) = check.tcp {
        line(text, &format!("* TCP stands {}", at(tcp)));
    }
    if let Some(certificate) = &check.certificate {
        line(text, &format!("< certificate {}", shown(certificate, now)));
    }
    if let (Some(tls), Some(connect)) = (&check.tls, check.connect) {
        line(text, &format!("* {tls}, {}", at(connect)));
    }
    if let Some(reply) = &check.reply {
        line(
            text,
            &format!(
                "< {reply}{}",
                check.first_byte.map(|first| format!(", {}", at(first))).unwrap_or_default()
            ),
        );
    }
    if let Some(said) = check.said.as_ref().filter(|said| !said.is_empty()) {
        line(text, &format!("< {said}"));
    }
    line(text, &format!("* {}, {}", result(check), at(check.total)));
}

fn shown(CertificateProbed { subject, names, issuer, expires }: &CertificateProbed, now: Moment) -> String {
    let names = if names.is_empty() { subject.clone() } else { names.join(", ") };
    let expires = match expires {
        Some(expires) if *expires <= now => format!(", expired at {expires}"),
        Some(expires) => format!(", expires at {expires}, in {} days", expires.after(now).as_secs() / 86_400),
        None => String::new(),
    };
    format!("for {names}, by {issuer}{expires}")
}

fn name(region: &RegionProbed, check: &CheckProbed) -> String {
    let label = check.label.as_ref().map(|label| format!(" {label}")).unwrap_or_default();
    format!("{}/{}#{}{label}", region.region, check.address, check.probe)
}

/// The outcome, and whose word it is.
fn result(check: &CheckProbed) -> String {
    match &check.outcome {
        ProbeOutcome::Pass => "pass".into(),
        ProbeOutcome::Heard(failure) => format!("FAIL: {failure}"),
        ProbeOutcome::Silent(failure) => format!("FAIL, in silence: {failure}"),
        ProbeOutcome::Ours(why) => format!("not probed: {why}"),
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PROBE_SCHEMA;
    use crate::health::{Failure, State, TlsFailure};

    const NOW: Moment = Moment::from_millis(1_795_363_200_000);

    fn passed() -> CheckProbed {
        CheckProbed {
            probe: 0,
            label: Some("page".into()),
            address: [192, 0, 2, 10].into(),
            target: Some(([192, 0, 2, 10], 443).into()),
            does: "GET https://cadence.example.com/health".into(),
            outcome: ProbeOutcome::Pass,
            tcp: Some(0.012),
            connect: Some(0.031),
            first_byte: Some(0.045),
            total: 0.046,
            tls: Some("TLS 1.3, TLS13_AES_256_GCM_SHA384".into()),
            certificate: Some(CertificateProbed {
                subject: "CN=cadence.example.com".into(),
                names: vec!["cadence.example.com".into(), "www.example.com".into()],
                issuer: "C=US, O=Let's Encrypt, CN=R11".into(),
                expires: Some(NOW + std::time::Duration::from_secs(30 * 86_400)),
            }),
            reply: Some("HTTP/1.1 200 OK".into()),
            said: Some(r#"{"status":"ok","time":"2026-11-22T16:00:00Z"}"#.into()),
        }
    }

    fn probed() -> Probed {
        let expired = CheckProbed {
            address: [192, 0, 2, 11].into(),
            target: Some(([192, 0, 2, 11], 443).into()),
            outcome: ProbeOutcome::Heard(Failure::Tls(TlsFailure::Expired)),
            connect: None,
            first_byte: None,
            tls: None,
            reply: None,
            said: None,
            total: 0.02,
            certificate: passed()
                .certificate
                .map(|certificate| CertificateProbed { expires: Some(NOW), ..certificate }),
            ..passed()
        };
        let program = CheckProbed {
            probe: 1,
            label: None,
            address: [198, 51, 100, 10].into(),
            target: None,
            does: "runs /usr/local/bin/deep".into(),
            outcome: ProbeOutcome::Silent(Failure::Program { code: 2, said: "replica lags".into() }),
            tcp: None,
            connect: None,
            first_byte: None,
            tls: None,
            certificate: None,
            reply: None,
            said: Some("replica lags".into()),
            total: 1.5,
        };
        let region = |id: &str, state, why: &str, checks| RegionProbed {
            region: id.into(),
            state,
            why: why.to_owned(),
            checks,
        };
        Probed {
            schema: PROBE_SCHEMA.into(),
            time: NOW,
            regions: vec![
                region(
                    "us-east",
                    Some(State::Up),
                    "up: 1/2 up, failing: TLS: certificate expired",
                    vec![passed(), expired],
                ),
                region(
                    "eu-west",
                    Some(State::Down),
                    "down: 0/1 up, 1 needed, exit code 2: replica lags",
                    vec![program],
                ),
            ],
        }
    }

    #[test]
    fn a_line_for_each_probe() {
        insta::assert_snapshot!(table(&probed()), @r"
        PROBE                      RESULT                                       TIME    WHAT
        us-east/192.0.2.10#0 page  pass                                         46 ms   GET https://cadence.example.com/health
        us-east/192.0.2.11#0 page  FAIL: TLS: certificate expired               20 ms   GET https://cadence.example.com/health
        eu-west/198.51.100.10#1    FAIL, in silence: exit code 2: replica lags  1.50 s  runs /usr/local/bin/deep

        us-east would be up: 1/2 up, failing: TLS: certificate expired
        eu-west would be down: 0/1 up, 1 needed, exit code 2: replica lags
        ");
    }

    #[test]
    fn each_phase_in_its_line() {
        insta::assert_snapshot!(verbose(&probed()), @r#"
        us-east/192.0.2.10#0 page
        * GET https://cadence.example.com/health at 192.0.2.10:443
        * TCP stands after 12 ms
        < certificate for cadence.example.com, www.example.com, by C=US, O=Let's Encrypt, CN=R11, expires at 2026-12-22T16:00:00.000Z, in 30 days
        * TLS 1.3, TLS13_AES_256_GCM_SHA384, after 31 ms
        < HTTP/1.1 200 OK, after 45 ms
        < {"status":"ok","time":"2026-11-22T16:00:00Z"}
        * pass, after 46 ms

        us-east/192.0.2.11#0 page
        * GET https://cadence.example.com/health at 192.0.2.11:443
        * TCP stands after 12 ms
        < certificate for cadence.example.com, www.example.com, by C=US, O=Let's Encrypt, CN=R11, expired at 2026-11-22T16:00:00.000Z
        * FAIL: TLS: certificate expired, after 20 ms

        eu-west/198.51.100.10#1
        * runs /usr/local/bin/deep for 198.51.100.10
        < replica lags
        * FAIL, in silence: exit code 2: replica lags, after 1.50 s

        us-east would be up: 1/2 up, failing: TLS: certificate expired
        eu-west would be down: 0/1 up, 1 needed, exit code 2: replica lags
        "#);
    }

    #[test]
    fn before_a_deployment_only_what_is_wrong_is_shown() {
        insta::assert_snapshot!(summary(&probed()), @r"
        us-east/192.0.2.11#0 page  FAIL: TLS: certificate expired  (GET https://cadence.example.com/health)
        eu-west/198.51.100.10#1  FAIL, in silence: exit code 2: replica lags  (runs /usr/local/bin/deep)
        us-east would be up: 1/2 up, failing: TLS: certificate expired
        eu-west would be down: 0/1 up, 1 needed, exit code 2: replica lags
        ");
    }
}
