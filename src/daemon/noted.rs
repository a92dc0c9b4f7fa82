//! What the configuration was made of: which files, and a hash that tells two states of them apart.

use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

/// As many hexadecimal digits of the hash are told: enough to tell any two configurations of one server apart.
const DIGITS: usize = 12;

/// Takes note of what is read.
pub(super) struct Noted {
    hash: Context,
    files: Vec<PathBuf>,
}

impl Default for Noted {
    fn default() -> Noted {
        Noted { hash: Context::new(&SHA256), files: Vec::new() }
    }
}

impl Noted {
    /// This file is read; or there is none.
    pub(super) fn file(&mut self, file: &Path) {
        self.files.push(file.to_owned());
    }

    /// This stood in it.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.hash.update(&(text.len() as u64).to_be_bytes()); // two files are no longer one
        self.hash.update(text);
    }

    /// Which files.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The hash of all that was read so far.
    pub(super) fn hash(&self) -> String {
        let digest = self.hash.clone().finish();
        let digits: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
        digits[..DIGITS].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_in_other_files_have_another_hash() {
        let hash = |texts: &[&str]| {
            let mut noted = Noted::default();
            texts.iter().for_each(|text| noted.text(text.as_bytes()));
            noted.hash()
        };
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
        assert_ne!(hash(&["a", "b"]), hash(&["ab", ""]));
        assert_eq!(hash(&[]).len(), DIGITS);
    }
}
