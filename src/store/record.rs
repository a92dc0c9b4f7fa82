//! One record of the log: a line with its checksum before it.
//!
//! ```text
//! 8d3c1f07 {"format":2,"sequence":18,"at":"2026-11-25T02:05:07.337Z","opened":{"boot":"5b2c…","after":17}}
//! 0e1b22aa {"format":2,"sequence":18,"at":"2026-11-25T02:05:16.092Z","entries":[…,…]}
//! 40f7c3d1 {"format":2,"sequence":20,"at":"2026-11-25T02:05:19.400Z","closed":true}
//! ```
//!
//! The checksum is CRC-32 (ISO-HDLC, as in zip) over the JSON, in hexadecimal. Every format of the log begins its lines
//! like this, so that an older program can tell a newer format from damage.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::model::Moment;

/// The newest format that this program reads, and the one that it writes.
pub(super) const FORMAT: u32 = 2;

/// What a run writes before its first entry, and at the beginning of each segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opened {
    /// The boot of the machine, as the kernel names it.
    pub(super) boot: String,
    /// The number of the entry before this record. The next entry has the record's own number, which is higher than
    /// `after + 1` where numbers were left out because damage may have hidden them.
    pub(super) after: u64,
}

/// What a line turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A record of ours.
    Whole(Head),
    /// A whole record of a format that this program does not know.
    Newer(u32),
    /// Anything else.
    Damaged,
}

/// A record without its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The number of the first entry in it, or of the next one if it has none.
    pub(super) sequence: u64,
    /// What it records.
    pub(super) content: Content,
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A run, or a segment, begins.
    Opened(Opened),
    /// So many entries that belong together.
    Entries(u64),
    /// The run has ended as it should.
    Closed,
}

impl Head {
    /// The number of the first entry after this record.
    pub(super) fn next(&self) -> u64 {
        match self.content {
            Content::Entries(count) => self.sequence.saturating_add(count),
            Content::Opened(_) | Content::Closed => self.sequence,
        }
    }
}

#[derive(Serialize)]
struct Written<'a, E> {
    format: u32,
    sequence: u64,
    at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<&'a Opened>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<&'a [E]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<bool>,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct Read<E> {
    sequence: u64,
    #[serde(rename = "at")]
    _at: Moment,
    opened: Option<Opened>,
    entries: Option<Vec<E>>,
    closed: Option<bool>,
}

/// The record that a run or a segment begins with.
pub(super) fn opened(sequence: u64, at: Moment, opened: &Opened) -> Vec<u8> {
    let written =
        Written::<()> { format: FORMAT, sequence, at, opened: Some(opened), entries: None, closed: None };
    line(&written).expect("texts and numbers are JSON")
}

/// A batch of entries, the first of them with this number.
///
/// # Errors
/// When an entry is no JSON.
pub(super) fn entries<E: Serialize>(
    sequence: u64,
    at: Moment,
    entries: &[E],
) -> Result<Vec<u8>, serde_json::Error> {
    line(&Written { format: FORMAT, sequence, at, opened: None, entries: Some(entries), closed: None })
}

/// The record that a run ends with.
pub(super) fn closed(sequence: u64, at: Moment) -> Vec<u8> {
    let written =
        Written::<()> { format: FORMAT, sequence, at, opened: None, entries: None, closed: Some(true) };
    line(&written).expect("texts and numbers are JSON")
}

fn line<E: Serialize>(written: &Written<'_, E>) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(written)?;
    let mut line = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    line.extend(json);
    line.push(b'\n');
    Ok(line)
}

/// The JSON of a line, if its checksum is right.
fn json(line: &[u8]) -> Option<&[u8]> {
    let (checksum, json) = line.split_at_checked(9)?;
    let json = json.strip_suffix(b"\n")?;
    (checksum == format!("{:08x} ", crc32fast::hash(json)).as_bytes()).then_some(json)
}

/// Reads a line, its end included.
pub(super) fn read(line: &[u8]) -> Line {
    let Some(json) = json(line) else { return Line::Damaged };
    match serde_json::from_slice::<Format>(json) {
        Ok(Format { format }) if format > FORMAT => return Line::Newer(format),
        Ok(Format { format: FORMAT }) => {}
        Ok(_) | Err(_) => return Line::Damaged,
    }
    let Ok(read) = serde_json::from_slice::<Read<IgnoredAny>>(json) else { return Line::Damaged };
    let content = match (read.opened, read.entries, read.closed) {
        (Some(opened), None, None) if opened.after < read.sequence => Content::Opened(opened),
        (None, Some(entries), None) => Content::Entries(entries.len() as u64),
        (None, None, Some(true)) => Content::Closed,
        _ => return Line::Damaged,
    };
    if read.sequence == 0 {
        return Line::Damaged; // the first entry has the number 1
    }
    Line::Whole(Head { sequence: read.sequence, content })
}

/// The entries of a whole line.
///
/// # Errors
/// When this program cannot make sense of one of them.
pub(super) fn entries_of<E: DeserializeOwned>(line: &[u8]) -> Result<Vec<E>, serde_json::Error> {
    let json = json(line).unwrap_or_default();
    Ok(serde_json::from_slice::<Read<E>>(json)?.entries.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Moment = Moment::from_millis(1_795_363_451_007);

    #[test]
    fn a_line_says_all_that_a_person_or_a_program_needs() {
        let line = entries(7, AT, &["fra", "iad"]).expect("texts");
        let json =
            "{\"format\":2,\"sequence\":7,\"at\":\"2026-11-22T16:04:11.007Z\",\"entries\":[\"fra\",\"iad\"]}";
        let checksum = crc32fast::hash(json.as_bytes());
        assert_eq!(String::from_utf8(line.clone()).expect("JSON"), format!("{checksum:08x} {json}\n"));
        assert_eq!(read(&line), Line::Whole(Head { sequence: 7, content: Content::Entries(2) }));
        assert_eq!(entries_of::<String>(&line).expect("texts"), ["fra", "iad"]);
        assert!(entries_of::<u64>(&line).is_err());
    }

    #[test]
    fn no_cut_and_no_flipped_bit_goes_unnoticed() {
        let of_opened = opened(7, AT, &Opened { boot: "b".into(), after: 3 });
        for line in [of_opened, entries(7, AT, &[1.5]).expect("a number"), closed(9, AT)] {
            assert!(matches!(read(&line), Line::Whole(_)));
            for length in 0..line.len() {
                assert_eq!(read(&line[..length]), Line::Damaged, "cut to {length} octets");
            }
            for bit in 0..line.len() * 8 {
                let mut flipped = line.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(read(&flipped), Line::Damaged, "bit {bit} flipped");
            }
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage_whatever_else_it_says() {
        let json = b"{\"format\":3,\"shape\":[\"unheard of\"]}";
        let line = [format!("{:08x} ", crc32fast::hash(json)).as_bytes(), json, b"\n"].concat();
        assert_eq!(read(&line), Line::Newer(3));
        assert_eq!(read(&line[1..]), Line::Damaged);
    }
}
