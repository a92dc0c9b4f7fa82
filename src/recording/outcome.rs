//! What a probe saw, as an octet and what belongs to it.

use super::number;
use crate::health::{Failure, Phase, ProbeOutcome, TlsFailure};

/// The longest text that is kept of an outcome, in octets.
const TEXT_MAX_OCTETS: usize = 16;

/// Those without anything else, by their octets.
const PLAIN: [(u8, Failure); 17] = [
    (2, Failure::Refused),
    (3, Failure::Reset),
    (4, Failure::Unreachable),
    (5, Failure::Timeout(Phase::Connect)),
    (6, Failure::Timeout(Phase::Tls)),
    (7, Failure::Timeout(Phase::Response)),
    (8, Failure::Timeout(Phase::Body)),
    (9, Failure::Tls(TlsFailure::Expired)),
    (10, Failure::Tls(TlsFailure::NotYetValid)),
    (11, Failure::Tls(TlsFailure::WrongName)),
    (12, Failure::Tls(TlsFailure::Untrusted)),
    (13, Failure::Tls(TlsFailure::BadCertificate)),
    (14, Failure::Tls(TlsFailure::Handshake)),
    (15, Failure::Protocol),
    (16, Failure::BodyTooLarge),
    (17, Failure::BodyMismatch),
    (18, Failure::NotJson),
];
const PASS: u8 = 0;
const OURS: u8 = 1;
const STATUS: u8 = 19;
const JSON_MISMATCH: u8 = 20;
const STALE: u8 = 21;

/// Appends an outcome.
pub(super) fn put(octets: &mut Vec<u8>, outcome: &ProbeOutcome) {
    match outcome {
        ProbeOutcome::Pass => octets.push(PASS),
        ProbeOutcome::Ours(why) => put_text(octets, OURS, why),
        ProbeOutcome::Heard(failure) | ProbeOutcome::Silent(failure) => put_failure(octets, failure),
    }
}

fn put_failure(octets: &mut Vec<u8>, failure: &Failure) {
    match failure {
        Failure::Status(status) => {
            octets.push(STATUS);
            number::put(octets, u64::from(*status));
        }
        Failure::JsonMismatch { got, .. } => put_text(octets, JSON_MISMATCH, got),
        Failure::Stale { got, .. } => put_text(octets, STALE, got),
        plain @ (Failure::Refused
        | Failure::Reset
        | Failure::Unreachable
        | Failure::Timeout(_)
        | Failure::Tls(_)
        | Failure::Protocol
        | Failure::BodyTooLarge
        | Failure::BodyMismatch
        | Failure::NotJson) => {
            let code = PLAIN.iter().find(|(_, known)| known == plain).map(|(code, _)| *code);
            octets.push(code.expect("every other failure is in the list"));
        }
    }
}

fn put_text(octets: &mut Vec<u8>, code: u8, text: &str) {
    let end = (0..=text.len().min(TEXT_MAX_OCTETS)).rev().find(|end| text.is_char_boundary(*end));
    let text = &text[..end.unwrap_or(0)];
    octets.push(code);
    octets.push(text.len() as u8);
    octets.extend_from_slice(text.as_bytes());
}

/// Takes an outcome from the front; none when it is none.
pub(super) fn take(octets: &mut &[u8]) -> Option<ProbeOutcome> {
    let (code, rest) = octets.split_first()?;
    *octets = rest;
    let pointer = || "not recorded".to_owned();
    let failure = match *code {
        PASS => return Some(ProbeOutcome::Pass),
        OURS => return Some(ProbeOutcome::Ours(take_text(octets)?)),
        STATUS => Failure::Status(number::take(octets)?.try_into().ok()?),
        JSON_MISMATCH => Failure::JsonMismatch { pointer: pointer(), got: take_text(octets)? },
        STALE => Failure::Stale { pointer: pointer(), got: take_text(octets)?, beyond: None },
        code => PLAIN.iter().find(|(known, _)| *known == code).map(|(_, failure)| failure.clone())?,
    };
    Some(ProbeOutcome::failed(failure))
}

fn take_text(octets: &mut &[u8]) -> Option<String> {
    let (length, rest) = octets.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    *octets = rest;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_comes_back() {
        let stale = Failure::Stale { pointer: "not recorded".into(), got: "41 s old".into(), beyond: None };
        let mismatch = Failure::JsonMismatch { pointer: "not recorded".into(), got: "nothing".into() };
        let failures = PLAIN.into_iter().map(|(_, failure)| failure);
        let failures = failures.chain([stale, mismatch, Failure::Status(503), Failure::Status(u16::MAX)]);
        let outcomes = failures.map(ProbeOutcome::failed);
        let ours = ProbeOutcome::Ours("no route".into());
        for outcome in outcomes.chain([ProbeOutcome::Pass, ours]) {
            let mut octets = Vec::new();
            put(&mut octets, &outcome);
            assert_eq!(take(&mut octets.as_slice()), Some(outcome));
        }
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let mut octets = Vec::new();
        put(&mut octets, &ProbeOutcome::Ours("é".repeat(100) + "x"));
        assert_eq!(take(&mut octets.as_slice()), Some(ProbeOutcome::Ours("é".repeat(8))));
        assert_eq!(take(&mut [200].as_slice()), None, "an outcome of a newer program");
    }
}
