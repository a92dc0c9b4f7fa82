//! What this server says about itself in class CH.

use crate::model::RecordType;

use super::records::{SetRef, encode_chaos};
use super::wire::Key;

/// BIND's names, and those of RFC 4892.
const VERSION: [&[u8]; 2] = [b"\x07version\x04bind\0", b"\x07version\x06server\0"];
const HOST: [&[u8]; 2] = [b"\x08hostname\x04bind\0", b"\x02id\x06server\0"];

/// The names that say something.
pub(super) struct Chaos(Box<[Told]>);

struct Told {
    name: &'static [u8],
    /// An encoded set.
    set: Box<[u8]>,
}

impl Chaos {
    /// What is empty is not told.
    pub(super) fn of(version: &str, host: &str) -> Chaos {
        let told = [(VERSION, version), (HOST, host)];
        let told = told.into_iter().filter(|(_, text)| !text.is_empty());
        let named = told.flat_map(|(names, text)| {
            names.map(|name| {
                let mut set = Vec::new();
                encode_chaos(&mut set, name, text);
                Told { name, set: set.into() }
            })
        });
        Chaos(named.collect())
    }

    /// What is told at a name.
    pub(super) fn find(&self, name: &[u8], rtype: RecordType) -> Option<SetRef<'_>> {
        if self.0.is_empty() || rtype != RecordType::TXT && rtype != RecordType::ANY {
            return None;
        }
        let key = Key::of(name);
        let told = self.0.iter().find(|told| told.name == key.octets())?;
        Some(SetRef::split(&told.set, told.name.len()).0)
    }
}
