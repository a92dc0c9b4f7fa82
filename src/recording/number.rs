//! Numbers in seven bits an octet, the lowest first; the eighth says that more follow.

/// Appends a number.
pub(super) fn put(octets: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        octets.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    octets.push(number as u8);
}

/// Takes a number from the front; none when it does not end, or is too long.
pub(super) fn take(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        let bits = u64::from(octet & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        for number in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut octets = Vec::new();
            put(&mut octets, number);
            assert_eq!(take(&mut octets.as_slice()), Some(number));
            assert_eq!(take(&mut &octets[..octets.len() - 1]), None, "{number} cut short");
        }
        assert_eq!(take(&mut [0xff; 11].as_slice()), None, "it does not end");
    }
}
