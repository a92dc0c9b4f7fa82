//! The Ferret sample: where it lies, and what it holds. It is no part of the repository.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The sample's folder, or nothing when a test is to be skipped.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("CADENCE_DNS_SHARED").map_or_else(beside, PathBuf::from);
    let folder = shared.join("testdata/ferret-sample");
    if folder.is_dir() {
        return Some(folder);
    }
    super::demand::skip(&format!(
        "{} is missing; CADENCE_DNS_SHARED names the folder above testdata",
        folder.display()
    ));
    None
}

/// The tests that one of its files lists.
pub(crate) fn tests<T: DeserializeOwned>(list: &Path) -> Vec<T> {
    let text = std::fs::read(list).unwrap_or_else(|error| panic!("{}: {error}", list.display()));
    let tests: Vec<T> = serde_json::from_slice(&text).expect("the sample's own format");
    assert!(tests.len() > 50, "the sample has hundreds");
    tests
}
