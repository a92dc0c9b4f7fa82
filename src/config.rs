//! The TOML file becomes a [`Config`], or every mistake in it with its place.
//!
//! A `Config` builds the parameters of the core and holds the settings of the shells: after it nobody checks
//! again.

mod settings;

pub use settings::{
    BodyRule, Config, ControlSettings, DnsSettings, Expect, Fresh, HttpProbe, NodeSettings, Probe, ProbeKind,
    ZoneSettings,
};
