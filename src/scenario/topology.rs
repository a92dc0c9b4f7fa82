//! What a scenario is played by: the configuration that it is given, or its own.

use std::collections::BTreeMap;
use std::path::Path;

use super::text::Scenario;
use crate::config::{self, Config};
use crate::controller::Parameters;
use crate::model::Problem;

/// What every configuration needs and no story is about: each table, unless the scenario has one. A zone at the root is
/// around every name.
const SURROUNDINGS: [(&str, &str); 3] = [
    ("[node]", "[node]\nname = \"ns1\"\n"),
    ("[dns]", "[dns]\nlisten = [\"192.0.2.53:53\"]\n"),
    ("[[zone]]", "[[zone]]\nname = \".\"\nfile = \"root.zone\"\n"),
];

/// What is decided by: at first, and after restarts with another configuration.
#[derive(Debug, Clone)]
pub struct Topologies {
    /// At first.
    pub first: Parameters,
    /// By the names that the scenario gives them.
    pub others: BTreeMap<String, Parameters>,
}

impl Scenario {
    /// Its own topology, or that of a configuration when it is a story alone.
    ///
    /// # Errors
    /// Every mistake in what it brings of its own, with its place in the scenario's file.
    pub fn topologies(&self, given: &Config) -> Result<Topologies, Vec<Problem>> {
        let first = match &self.topology {
            Some(text) => of_text(&self.file, text)?,
            None => given.parameters(),
        };
        let other = |(name, text): (&String, &String)| Ok((name.clone(), of_text(&self.file, text)?));
        Ok(Topologies { first, others: self.configs.iter().map(other).collect::<Result<_, Vec<Problem>>>()? })
    }
}

/// What a configuration makes a controller decide by, of which only regions, steers, witnesses and evidence need to be
/// there.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn of_text(file: &str, text: &str) -> Result<Parameters, Vec<Problem>> {
    let has = |header: &str| text.lines().any(|line| line.trim_start().starts_with(header));
    let missing = SURROUNDINGS.iter().filter(|(header, _)| !has(header)).map(|(_, table)| *table);
    let whole = format!("{text}\n{}", missing.collect::<String>());
    config::parse(file, &whole, Path::new("/"), 1).map(|parsed| parsed.config.parameters())
}
