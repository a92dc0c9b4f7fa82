//! A hook by HTTP: one POST, signed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use ring::hmac;
use serde_json::json;

use crate::config::SecretFile;
use crate::controller::{HookOutcome, HookPhase, HookRun};
use crate::errand::{Requests, read_secret};
use crate::model::plain;

/// The header with the signature: `t=1795363200,v1=` and hexadecimal digits.
const HEADER: &str = "cadence-signature";

/// As much of a reply is shown, in characters.
const SHOWN_MAX: usize = 500;

/// A request and the secret that signs it.
pub(super) struct Signed {
    pub(super) requests: Requests,
    pub(super) secret: Option<SecretFile>,
}

impl Signed {
    /// Sends it; any status of 2xx is success.
    pub(super) async fn send(&self, run: &HookRun, within: Duration) -> (HookOutcome, String) {
        let body = body(run);
        let headers = match self.headers(&body).await {
            Ok(headers) => headers,
            Err(why) => return (HookOutcome::Failed(why), String::new()),
        };
        match self.requests.post(body, headers, within).await {
            Ok(reply) => {
                let text = String::from_utf8_lossy(&reply.body);
                let said = plain(text.trim(), |c| c == '\n').chars().take(SHOWN_MAX).collect();
                let failed = || HookOutcome::Failed(format!("status {}", reply.status));
                (if reply.is_success() { HookOutcome::Done } else { failed() }, said)
            }
            Err(why) => (HookOutcome::Failed(why), String::new()),
        }
    }

    async fn headers(&self, body: &[u8]) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        if let Some(secret) = &self.secret {
            let secret = read_secret(&secret.file).await?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let value = HeaderValue::from_str(&signature(secret.as_bytes(), now, body));
            headers.insert(HEADER, value.expect("digits and letters"));
        }
        Ok(headers)
    }
}

/// What the receiver is told.
fn body(run: &HookRun) -> Vec<u8> {
    let HookRun { run: _, hook, phase, names, from, to, epoch, reason } = run;
    let phase = match phase {
        HookPhase::Before => "before",
        HookPhase::After => "after",
    };
    let document = json!({
        "hook": hook, "phase": phase, "name": &names[0], "names": names, "from": from, "to": to, "epoch": epoch,
        "reason": reason,
    });
    document.to_string().into_bytes()
}

/// HMAC-SHA256 over the time, a dot and the body: whoever repeats an old request cannot make it look new.
fn signature(secret: &[u8], now: u64, body: &[u8]) -> String {
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
