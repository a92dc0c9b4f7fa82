//! The notice as JSON, whole.

use serde_json::json;

use crate::controller::Notice;

/// The name of the document's shape. Within it, fields are added and never change their meaning.
const SCHEMA: &str = "cadence-dns/notice/v1";

/// The body of the request, and the input of a command.
pub(in crate::notify) fn body(notice: &Notice, text: &str) -> Vec<u8> {
    let mut document = json!({ "schema": SCHEMA, "headline": text });
    let of_notice = serde_json::to_value(notice).expect("a notice is plain data");
    if let (Some(document), serde_json::Value::Object(of_notice)) = (document.as_object_mut(), of_notice) {
        document.extend(of_notice);
    }
    document.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::words::sample;

    #[test]
    fn the_document() {
        let body = String::from_utf8(body(&sample(), "in short")).expect("JSON is UTF-8");
        let shown: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        insta::assert_snapshot!(format!("{shown:#}"), @r#"
        {
          "epoch": 17,
          "event": "failed-over",
          "headline": "in short",
          "id": "ns1/name/app.example.com/1795363200000/firing",
          "key": "name/app.example.com",
          "more_names": 0,
          "names": [
            "app.example.com",
            "api.example.com"
          ],
          "node": "ns1",
          "regions": [
            "eu-west"
          ],
          "schema": "cadence-dns/notice/v1",
          "since": "2026-11-22T16:00:00.000Z",
          "state": "firing",
          "text": "app.example.com: us-east -> eu-west (epoch 17): failed over: us-east down: \"refused\" <&>",
          "time": "2026-11-22T16:00:00.000Z",
          "urgency": "warning"
        }
        "#);
    }
}
