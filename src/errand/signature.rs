//! The signature under a request of ours: its receiver knows that it comes from us, and when.

use ring::hmac;

/// The header with the signature: `t=1795363200,v1=` and hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "cadence-signature";

/// HMAC-SHA256 over the time, a dot and the body: whoever repeats an old request cannot make it look new.
#[must_use]
pub fn signature(secret: &[u8], now: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{now}.").as_bytes());
    context.update(body);
    format!("t={now},v1={}", data_encoding::HEXLOWER.encode(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1795363200.{}' | openssl dgst -sha256 -hmac s3cr3t`
    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        assert_eq!(
            signature(b"s3cr3t", 1_795_363_200, b"{}"),
            "t=1795363200,v1=fa6b2b2a5ab0e51091dda1295a2cd4ae988060408a2f7dbadbb48a6ab20501a6"
        );
    }
}
