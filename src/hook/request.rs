//! A hook by HTTP: one POST, signed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::config::SecretFile;
use crate::controller::{HookOutcome, HookPhase, HookRun};
use crate::errand::{Requests, SIGNATURE_HEADER, read_secret, signature};
use crate::model::plain;

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
            headers.insert(SIGNATURE_HEADER, value.expect("digits and letters"));
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
