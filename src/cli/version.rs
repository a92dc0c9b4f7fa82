//! `cadence-dns version`: what this program is.

use serde::Serialize;

use super::failure::Failure;
use super::output::{Output, print, print_as_it_is};

/// `cadence-dns version`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// What this program is.
#[derive(Debug, Serialize)]
pub(super) struct Version {
    schema: &'static str,
    version: &'static str,
    architecture: &'static str,
    system: &'static str,
    /// What it was built with.
    features: Vec<&'static str>,
    /// Built without optimisation: not for production.
    debug: bool,
}

impl Version {
    /// Of this program.
    pub(super) fn ours() -> Version {
        Version {
            schema: "cadence-dns/version/v1",
            version: env!("CARGO_PKG_VERSION"),
            architecture: std::env::consts::ARCH,
            system: std::env::consts::OS,
            features: if cfg!(feature = "xdp") { vec!["xdp"] } else { Vec::new() },
            debug: cfg!(debug_assertions),
        }
    }

    fn text(&self) -> String {
        let Version { version, architecture, system, features, debug, .. } = self;
        let features: String = features.iter().map(|feature| format!(", {feature}")).collect();
        let debug = if *debug { ", not optimised" } else { "" };
        format!("cadence-dns {version} ({system} {architecture}{features}{debug})\n")
    }
}

/// Prints it.
pub(super) fn run(Arguments { output }: &Arguments) -> Result<(), Failure> {
    let version = Version::ours();
    match output {
        Output::Table => print(&version.text()),
        Output::Json => {
            let text = serde_json::to_string_pretty(&version).expect("it is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    Ok(())
}
