//! The etcd of a cluster, for `check --live`: every endpoint is asked once.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::cli::failure::Failure;
use crate::cli::output::print;
use crate::cli::runtime::runtime;
use crate::cluster::{Examined, Found, Prepared, examine};

/// Asks; prints a line for each endpoint, and fails when one of them cannot be used.
pub(super) fn check_live(prepared: Prepared) -> Result<(), Failure> {
    let examined = runtime()?.block_on(examine(prepared));
    print(&render(&examined));
    judge(&examined).map_err(Failure::Failed)
}

fn render(examined: &[Examined]) -> String {
    let mut text = String::new();
    for Examined { endpoint, found } in examined {
        let told = match found {
            Ok(Found { version, cluster_id, leads, latency, complaints }) => {
                let role = if *leads { "leads" } else { "follows" };
                let complaints: String = complaints.iter().map(|one| format!(", says: {one}")).collect();
                format!(
                    "{version}, {role}, {:.1} ms, of etcd {cluster_id:x}{complaints}",
                    latency.as_secs_f64() * 1e3
                )
            }
            Err(why) => why.clone(),
        };
        writeln!(text, "etcd {endpoint}  {told}").expect("writing to a string cannot fail");
    }
    text
}

fn judge(examined: &[Examined]) -> Result<(), String> {
    let failed = examined.iter().filter(|one| one.found.is_err()).count();
    if failed > 0 {
        return Err(format!("{failed} of {} endpoints of etcd cannot be used", examined.len()));
    }
    let found = examined.iter().filter_map(|one| one.found.as_ref().ok());
    let all: BTreeSet<u64> = found.map(|found| found.cluster_id).collect();
    if all.len() > 1 {
        return Err(format!("the endpoints belong to {} different etcds", all.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn member(endpoint: &str, cluster_id: u64, complaints: &[&str]) -> Examined {
        let found = Found {
            version: "3.4.23".into(),
            cluster_id,
            leads: endpoint.ends_with('1'),
            latency: Duration::from_micros(1540),
            complaints: complaints.iter().map(ToString::to_string).collect(),
        };
        Examined { endpoint: endpoint.into(), found: Ok(found) }
    }

    #[test]
    fn every_endpoint_has_a_line() {
        let dead = Examined { endpoint: "https://etcd3".into(), found: Err("Connection refused".into()) };
        let all = [member("https://etcd1", 0xabc, &[]), member("https://etcd2", 0xabc, &["NOSPACE"]), dead];
        insta::assert_snapshot!(render(&all), @r"
        etcd https://etcd1  3.4.23, leads, 1.5 ms, of etcd abc
        etcd https://etcd2  3.4.23, follows, 1.5 ms, of etcd abc, says: NOSPACE
        etcd https://etcd3  Connection refused
        ");
        assert_eq!(judge(&all), Err("1 of 3 endpoints of etcd cannot be used".into()));
        assert_eq!(judge(&all[..2]), Ok(()));
        let strangers = [member("https://etcd1", 1, &[]), member("https://etcd2", 2, &[])];
        assert_eq!(judge(&strangers), Err("the endpoints belong to 2 different etcds".into()));
    }
}
