//! The bytes of a saved state: JSON for people and `jq`, and a last line that proves it whole.
//!
//! ```text
//! {
//!   "version": "v1", …
//! }
//! {"crc32":"cbf43926"}
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The state, and its proof.
pub(super) fn seal<T: Serialize>(state: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(state)?;
    bytes.push(b'\n');
    let proof = proof(&bytes);
    bytes.extend_from_slice(proof.as_bytes());
    Ok(bytes)
}

/// The state, if not a bit of it is missing or changed; otherwise what is wrong, as the end of a sentence.
pub(super) fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let length = proof(b"").len();
    let (state, seal) = bytes.split_at(bytes.len().saturating_sub(length));
    if seal.is_empty() {
        return Err("it is empty".to_owned());
    }
    if seal != proof(state).as_bytes() {
        return Err("its checksum is missing or wrong, so it was cut short or changed".to_owned());
    }
    serde_json::from_slice(state).map_err(|error| format!("this version cannot make sense of it: {error}"))
}

fn proof(state: &[u8]) -> String {
    format!("{{\"crc32\":\"{:08x}\"}}\n", crc32(state))
}

/// CRC-32 as in zip, PNG and Ethernet (ISO-HDLC), so that other tools can check it. It finds every cut and every
/// burst of up to 32 bits; against people there are file permissions.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let byte = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn reads_as_two_json_documents() {
        let sealed = seal(&("fra", 7)).expect("plain values");
        let text = String::from_utf8(sealed).expect("JSON is UTF-8");
        assert_eq!(text, "[\n  \"fra\",\n  7\n]\n{\"crc32\":\"e42e71e7\"}\n");
        let documents = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        assert_eq!(documents.filter(Result::is_ok).count(), 2);
    }

    #[test]
    fn no_cut_and_no_flipped_bit_goes_unnoticed() {
        let state = ("fra".to_owned(), 7u64, vec![1.5, 2.5]);
        let sealed = seal(&state).expect("plain values");
        assert_eq!(open(&sealed), Ok(state));
        for length in 0..sealed.len() {
            assert!(open::<serde_json::Value>(&sealed[..length]).is_err(), "cut to {length} bytes");
        }
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open::<serde_json::Value>(&flipped).is_err(), "bit {bit} flipped");
        }
    }

    #[test]
    fn a_state_of_another_shape_is_named_as_such() {
        let sealed = seal(&"from the future").expect("plain values");
        let why = open::<u32>(&sealed).expect_err("not a number");
        assert!(why.starts_with("this version cannot make sense of it: invalid type"), "{why}");
    }
}
