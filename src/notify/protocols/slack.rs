//! Incoming webhooks of Slack, and of what speaks their format (Mattermost, Rocket.Chat, Discord's `/slack`).

use serde_json::json;

/// Slack cuts longer texts, in characters.
const TEXT_MAX: usize = 3_000;

/// The body of the request. Three characters have a meaning in Slack's texts and are escaped.
pub(in crate::notify) fn body(text: &str) -> Vec<u8> {
    let text: String = text.chars().take(TEXT_MAX).collect();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": text }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_calls_a_channel() {
        assert_eq!(body("a <!channel> & \"b\""), br#"{"text":"a &lt;!channel&gt; &amp; \"b\""}"#);
    }
}
