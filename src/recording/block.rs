//! Blocks: what frames and checks the contents of a recording.

/// How a file begins.
pub const HEADER: &[u8] = b"cadence-dns probes 1\n";

/// How the file of any format begins.
pub(super) const ANY_FORMAT: &[u8] = b"cadence-dns probes ";

/// The kind of a block with the table of checks.
pub const TABLE: u8 = b'T';

/// The kind of a block with probes.
pub(super) const PROBES: u8 = b'P';

/// How a block begins: it is looked for where a block is damaged.
const MARK: [u8; 2] = [0xca, 0xde];

/// Mark, kind, length and checksum.
pub(super) const FRAME_OCTETS: usize = 2 + 1 + 4 + 4;

/// The longest content: a table of twenty thousand checks. What claims to be longer is damage.
pub(super) const CONTENT_MAX_OCTETS: usize = 4 << 20;

/// The octets of a block.
pub(super) fn framed(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("contents are bounded").to_le_bytes();
    let mut octets = Vec::with_capacity(FRAME_OCTETS + content.len());
    octets.extend_from_slice(&MARK);
    octets.push(kind);
    octets.extend_from_slice(&length);
    octets.extend_from_slice(&checksum(kind, length, content).to_le_bytes());
    octets.extend_from_slice(content);
    octets
}

/// The next whole block from an octet on: its kind, its content, where it begins and where it ends.
pub(super) fn next(octets: &[u8], from: usize) -> Option<(u8, &[u8], usize, usize)> {
    let mut at = from;
    while let Some(found) = octets.get(at..)?.windows(2).position(|pair| pair == MARK) {
        at += found;
        if let Some((kind, content)) = whole(&octets[at..]) {
            return Some((kind, content, at, at + FRAME_OCTETS + content.len()));
        }
        at += 1;
    }
    None
}

/// The block that octets begin with, if it is whole.
fn whole(octets: &[u8]) -> Option<(u8, &[u8])> {
    let kind = *octets.get(2)?;
    let length: [u8; 4] = octets.get(3..7)?.try_into().ok()?;
    let expected = u32::from_le_bytes(octets.get(7..11)?.try_into().ok()?);
    let size = usize::try_from(u32::from_le_bytes(length)).ok().filter(|size| *size <= CONTENT_MAX_OCTETS)?;
    let content = octets.get(FRAME_OCTETS..FRAME_OCTETS + size)?;
    (checksum(kind, length, content) == expected).then_some((kind, content))
}

/// CRC-32 (ISO-HDLC, as in zip) over all but the mark and itself.
fn checksum(kind: u8, length: [u8; 4], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(&length);
    hasher.update(content);
    hasher.finalize()
}
