//! What a probe saw, as an octet and what belongs to it.

use super::number;
use crate::health::{Failure, Phase, ProbeOutcome, TlsFailure};

/// The longest text that is kept of an outcome, in octets.
const TEXT_MAX_OCTETS: usize = 16;

/// Those without anything else, by their octets.
const PLAIN: [(u8, Failure); 23] = [
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
    (22, Failure::Timeout(Phase::Datagram)),
    (23, Failure::Timeout(Phase::Program)),
    (24, Failure::NoHttp2),
    (25, Failure::NotGrpc),
    (26, Failure::NotDns),
    (32, Failure::Tls(TlsFailure::ExpiresSoon)),
];
const PASS: u8 = 0;
const OURS: u8 = 1;
const STATUS: u8 = 19;
const JSON_MISMATCH: u8 = 20;
const STALE: u8 = 21;
const GRPC: u8 = 27;
const NOT_SERVING: u8 = 28;
const RCODE: u8 = 29;
const OTHER_ANSWER: u8 = 30;
const PROGRAM: u8 = 31;

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
        Failure::Rcode(code) => {
            octets.push(RCODE);
            number::put(octets, u64::from(*code));
        }
        Failure::Grpc { code, message } => {
            put_text(octets, GRPC, message);
            number::put(octets, u64::from(*code));
        }
        Failure::Program { code, said } => {
            put_text(octets, PROGRAM, said);
            number::put(octets, u64::from(code.cast_unsigned()));
        }
        Failure::NotServing(state) => put_text(octets, NOT_SERVING, state),
        Failure::OtherAnswer(got) => put_text(octets, OTHER_ANSWER, got),
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
        | Failure::NotJson
        | Failure::NoHttp2
        | Failure::NotGrpc
        | Failure::NotDns) => {
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
        RCODE => Failure::Rcode(number::take(octets)?.try_into().ok()?),
        GRPC => {
            let message = take_text(octets)?;
            Failure::Grpc { code: number::take(octets)?.try_into().ok()?, message }
        }
        PROGRAM => {
            let said = take_text(octets)?;
            let code: u32 = number::take(octets)?.try_into().ok()?;
            Failure::Program { code: code.cast_signed(), said }
        }
        NOT_SERVING => Failure::NotServing(take_text(octets)?),
        OTHER_ANSWER => Failure::OtherAnswer(take_text(octets)?),
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
        let failures = failures.chain([
            Failure::Grpc { code: 14, message: "unavailable".into() },
            Failure::NotServing("NOT_SERVING".into()),
            Failure::Rcode(2),
            Failure::OtherAnswer("192.0.2.1".into()),
            Failure::Program { code: -1, said: "lag is 48 s".into() },
        ]);
        let outcomes = failures.map(ProbeOutcome::failed);
        let ours = ProbeOutcome::Ours("no route".into());
        for outcome in outcomes.chain([ProbeOutcome::Pass, ours]) {
            let mut octets = Vec::new();
            put(&mut octets, &outcome);
            assert_eq!(take(&mut octets.as_slice()), Some(outcome));
        }
    }

    /// One that is not in the list would end the recorder: a new phase, or a new fault of TLS, does not compile here.
    #[test]
    fn every_phase_and_every_fault_of_tls_is_in_the_list() {
        use Phase as P;
        use TlsFailure as T;
        let phases = [P::Connect, P::Tls, P::Response, P::Body, P::Datagram, P::Program];
        let next = |phase| match phase {
            P::Connect => Some(P::Tls),
            P::Tls => Some(P::Response),
            P::Response => Some(P::Body),
            P::Body => Some(P::Datagram),
            P::Datagram => Some(P::Program),
            P::Program => None,
        };
        assert!(phases.windows(2).all(|pair| next(pair[0]) == Some(pair[1])));
        let faults = [
            T::Expired,
            T::NotYetValid,
            T::ExpiresSoon,
            T::WrongName,
            T::Untrusted,
            T::BadCertificate,
            T::Handshake,
        ];
        let place = |fault: &TlsFailure| match fault {
            T::Expired => 0,
            T::NotYetValid => 1,
            T::ExpiresSoon => 2,
            T::WrongName => 3,
            T::Untrusted => 4,
            T::BadCertificate => 5,
            T::Handshake => 6,
        };
        assert!(faults.iter().map(place).eq(0..faults.len()));
        let all = phases.map(Failure::Timeout).into_iter().chain(faults.map(Failure::Tls));
        for outcome in all.map(ProbeOutcome::failed) {
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
