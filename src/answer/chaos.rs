//! What this server says about itself in class CH, to whoever knows which names to ask for.

use super::Identity;
use super::lookup::ANY;
use super::records::{SetRef, encode_chaos};
use super::wire::Key;
use crate::zone::RecordType;

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
    /// Whatever is empty is not told.
    pub(super) fn of(identity: &Identity) -> Chaos {
        let told = [(VERSION, &identity.version), (HOST, &identity.host)];
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
        if self.0.is_empty() || rtype != RecordType::TXT && rtype != ANY {
            return None;
        }
        let key = Key::of(name);
        let told = self.0.iter().find(|told| told.name == key.octets())?;
        Some(SetRef::split(&told.set, told.name.len()).0)
    }
}
