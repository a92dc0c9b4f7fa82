//! Numbers and names as they stand in a message.

use crate::model::Name;

/// Octets of a message's header.
pub(super) const HEADER_OCTETS: usize = 12;

/// Where the question's name stands in every message that has a question.
pub(super) const QUESTION_AT: usize = HEADER_OCTETS;

/// The last place in a message that a compression pointer can lead to: it has 14 bits (RFC 1035 section 4.1.4).
pub(super) const POINTER_MAX: usize = 0x3fff;

/// The two bits that tell a pointer from a label.
pub(super) const POINTER_MARK: u16 = 0xc000;

/// The length octet of a label is below this.
const LABEL_END: u8 = 64;

/// The number in two octets.
pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

/// The number in four octets.
pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}

/// Where the name at `at` ends in a message; where its pointer leads is not looked at.
pub(super) fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length < LABEL_END => at += 1 + usize::from(length),
            length if u16::from(length) << 8 & POINTER_MARK == POINTER_MARK => {
                return (at + 2 <= message.len()).then_some(at + 2);
            }
            _ => return None,
        }
        if at - start >= Name::MAX_OCTETS {
            return None;
        }
    }
}

/// The place of what follows the first `skip` octets of the name at `at`, through its pointers.
///
/// Only for names that we have written: their pointers lead back and their labels end where names do.
pub(super) fn inside_name(message: &[u8], mut at: usize, mut skip: usize) -> Option<usize> {
    loop {
        at = through_pointers(message, at)?;
        if skip == 0 {
            return Some(at);
        }
        let label = 1 + usize::from(message[at]);
        skip = skip.checked_sub(label)?;
        at += label;
    }
}

/// The place of the next label, which no pointer is in the way of any more.
pub(super) fn through_pointers(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let first = *message.get(at)?;
        if first < LABEL_END {
            return Some(at);
        }
        let target = usize::from(u16_at(message, at)? & !POINTER_MARK);
        if target >= at {
            return None; // pointers lead back, or we would walk in circles
        }
        at = target;
    }
}

/// A name on the stack, uncompressed: copied, or put together, from a message.
pub(super) struct Spelled {
    octets: [u8; Name::MAX_OCTETS],
    length: usize,
}

impl Spelled {
    /// The name at `at` in a message that we have written, in its letter case.
    pub(super) fn read(message: &[u8], mut at: usize) -> Option<Spelled> {
        let mut spelled = Spelled { octets: [0; Name::MAX_OCTETS], length: 0 };
        loop {
            at = through_pointers(message, at)?;
            let label = message.get(at..at + 1 + usize::from(message[at]))?;
            spelled.octets.get_mut(spelled.length..spelled.length + label.len())?.copy_from_slice(label);
            spelled.length += label.len();
            at += label.len();
            if label.len() == 1 {
                return Some(spelled);
            }
        }
    }

    /// The octets, the last zero included.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

/// A name in lower case on the stack, with its hash: what is looked up.
pub(super) struct Key {
    octets: [u8; KEY_OCTETS],
    length: usize,
    hash: u64,
}

/// Octets that are read, lowered and hashed at once.
const WORD_OCTETS: usize = size_of::<u64>();

/// Whole words, with one of them left for the end of the longest name.
const KEY_OCTETS: usize = (Name::MAX_OCTETS / WORD_OCTETS + 1) * WORD_OCTETS;

impl Key {
    /// From an uncompressed name, whole and of legal length, in any letter case. It is read once, word by word.
    pub(super) fn of(name: &[u8]) -> Key {
        let mut octets = [0; KEY_OCTETS];
        let (words, _) = name.as_chunks();
        let (rooms, _) = octets.as_chunks_mut();
        let mut hash = Hash::begin(name.len());
        let mut put = |room: &mut [u8; WORD_OCTETS], word| {
            let word = lower(word); // length octets are below 64, so they are no letters
            *room = word.to_le_bytes();
            hash.add(word);
        };
        rooms.iter_mut().zip(words).for_each(|(room, word)| put(room, u64::from_le_bytes(*word)));
        put(&mut rooms[words.len()], last_word(name));
        Key { octets, length: name.len(), hash: hash.finish() }
    }

    /// The lower-case octets, the last zero included.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// What [`hash`] says of the octets.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// Where a lower-case name belongs in a hash table: all 64 bits depend on all octets.
///
/// It has no key: the names in a table are the operator's, so a client cannot make them collide.
pub(super) fn hash(name: &[u8]) -> u64 {
    let (words, _) = name.as_chunks();
    let mut hash = Hash::begin(name.len());
    words.iter().for_each(|word| hash.add(u64::from_le_bytes(*word)));
    hash.add(last_word(name));
    hash.finish()
}

/// The octets behind the last whole word, and zeroes.
fn last_word(name: &[u8]) -> u64 {
    let octets = name.len() % WORD_OCTETS;
    match name.last_chunk() {
        _ if octets == 0 => 0,
        Some(end) => u64::from_le_bytes(*end) >> (8 * (WORD_OCTETS - octets)),
        None => name.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet)),
    }
}

/// A word with its capital letters made small: all of its octets at once.
fn lower(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = 0x80 * ONES;
    let low_bits = word & !HIGH;
    let from_a = low_bits + (0x80 - u64::from(b'A')) * ONES;
    let above_z = low_bits + (0x7f - u64::from(b'Z')) * ONES;
    let capitals = from_a & !above_z & !word & HIGH;
    word | capitals >> 2 // 0x20, which is what tells small letters from capital ones
}

/// A hash on its way.
struct Hash(u64);

impl Hash {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio: no pattern in its bits

    fn begin(octets: usize) -> Hash {
        Hash((octets as u64).wrapping_mul(Hash::MIX))
    }

    fn add(&mut self, word: u64) {
        self.0 = folded_product(self.0 ^ word, Hash::MIX);
    }

    fn finish(self) -> u64 {
        folded_product(self.0, !Hash::MIX)
    }
}

fn folded_product(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_name_in_lower_case_whatever_its_length() {
        let octets: Vec<u8> = (0..=255).collect();
        for length in 1..=255 {
            for name in [&octets[..length], &octets[256 - length..]] {
                let key = Key::of(name);
                assert_eq!(key.octets(), name.to_ascii_lowercase());
                assert_eq!(key.hash(), hash(key.octets()));
            }
        }
    }

    #[test]
    fn every_octet_and_the_length_change_the_hash() {
        let mut hashes: Vec<u64> = (0..255).map(|length| hash(&[0; 255][..length])).collect();
        for at in 0..40 {
            let mut name = [0; 40];
            name[at] = 1;
            hashes.push(hash(&name));
        }
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 255 + 40);
    }

    #[test]
    fn a_pointer_must_lead_back() {
        assert_eq!(through_pointers(b"\x01a\0\xc0\x00", 3), Some(0));
        assert_eq!(through_pointers(b"\xc0\x00", 0), None);
        assert_eq!(through_pointers(b"\xc0\x02\xc0\x00", 0), None);
    }

    #[test]
    fn what_is_inside_a_name_is_found_through_its_pointers() {
        let message = b"\x07example\x03com\0\x03www\xc0\x00";
        assert_eq!(inside_name(message, 13, 0), Some(13));
        assert_eq!(inside_name(message, 13, 4), Some(0));
        assert_eq!(inside_name(message, 13, 12), Some(8));
        assert_eq!(Spelled::read(message, 13).expect("a name").octets(), b"\x03www\x07example\x03com\0");
    }
}
