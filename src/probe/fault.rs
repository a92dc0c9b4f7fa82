//! What an error means that ended a probe after TCP stood: the endpoint's fault, in one of a closed set of ways, or ours.
//!
//! The far end has been heard by then, so only what our own system lacks is ours.

use std::error::Error;
use std::io;
use std::iter::successors;

use rustls::CertificateError;

use crate::health::{Failure, Phase, ProbeOutcome, TlsFailure};

/// What an error means that ended a probe in `phase`, after [`Phase::Connect`]. The first cause that we know decides.
pub(super) fn outcome(error: &(dyn Error + 'static), phase: Phase) -> ProbeOutcome {
    let known = causes(error).find_map(|cause| recognise(cause, phase));
    known.unwrap_or_else(|| ProbeOutcome::failed(unknown(phase)))
}

/// The error itself, its cause, the cause of that.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

fn recognise(cause: &(dyn Error + 'static), phase: Phase) -> Option<ProbeOutcome> {
    if let Some(cause) = cause.downcast_ref::<io::Error>() {
        return of_io(cause, phase);
    }
    if let Some(cause) = cause.downcast_ref::<rustls::Error>() {
        return Some(ProbeOutcome::failed(Failure::Tls(of_tls(cause))));
    }
    if let Some(cause) = cause.downcast_ref::<h2::Error>() {
        return of_http2(cause, phase);
    }
    cause.downcast_ref::<hyper::Error>().and_then(of_http).map(ProbeOutcome::failed)
}

/// `None` leaves it to the error's own cause.
fn of_io(error: &io::Error, phase: Phase) -> Option<ProbeOutcome> {
    if let Some(code) = error.raw_os_error() {
        return Some(of_system(code, error, phase));
    }
    if let Some(inner) = error.get_ref() {
        // `source` of an io::Error skips the error that it wraps.
        let known = recognise(inner, phase);
        if known.is_some() {
            return known;
        }
    }
    let cut = matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe);
    cut.then_some(ProbeOutcome::failed(Failure::Reset))
}

/// A connection that stood and that the system gave up is cut, whatever the reason; what it lacks (ENOMEM, ENOBUFS) is
/// ours.
fn of_system(code: i32, error: &io::Error, phase: Phase) -> ProbeOutcome {
    ProbeOutcome::failed(match code {
        libc::ECONNRESET
        | libc::ECONNABORTED
        | libc::EPIPE
        | libc::ENOTCONN
        | libc::EHOSTUNREACH
        | libc::ENETUNREACH => Failure::Reset,
        libc::ETIMEDOUT => Failure::Timeout(phase),
        _ => return ProbeOutcome::Ours(error.to_string()),
    })
}

fn of_tls(error: &rustls::Error) -> TlsFailure {
    if let rustls::Error::InvalidCertificate(why) = error {
        return of_certificate(why);
    }
    let none = matches!(error, rustls::Error::NoCertificatesPresented);
    if none { TlsFailure::BadCertificate } else { TlsFailure::Handshake }
}

fn of_certificate(error: &CertificateError) -> TlsFailure {
    use CertificateError as E;
    if matches!(error, E::Expired | E::ExpiredContext { .. }) {
        TlsFailure::Expired
    } else if matches!(error, E::NotValidYet | E::NotValidYetContext { .. }) {
        TlsFailure::NotYetValid
    } else if matches!(error, E::NotValidForName | E::NotValidForNameContext { .. }) {
        TlsFailure::WrongName
    } else if matches!(error, E::UnknownIssuer | E::BadSignature) {
        TlsFailure::Untrusted // a bad signature: an authority made anew under its old name
    } else {
        TlsFailure::BadCertificate
    }
}

/// `None` leaves it to the error's own cause.
fn of_http(error: &hyper::Error) -> Option<Failure> {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Some(Failure::Reset);
    }
    error.is_parse().then_some(Failure::Protocol)
}

/// The connection was cut, or the far end, or we, found that no HTTP/2 is spoken on it.
fn of_http2(error: &h2::Error, phase: Phase) -> Option<ProbeOutcome> {
    if let Some(error) = error.get_io() {
        return of_io(error, phase).or_else(|| Some(ProbeOutcome::failed(Failure::Reset)));
    }
    let ended = error.is_remote() || error.reason() == Some(h2::Reason::NO_ERROR); // closed without a word
    Some(ProbeOutcome::failed(if ended { Failure::Reset } else { Failure::Protocol }))
}

/// An odd error is the endpoint's oddity.
fn unknown(phase: Phase) -> Failure {
    match phase {
        Phase::Connect | Phase::Tls => Failure::Tls(TlsFailure::Handshake),
        Phase::Response | Phase::Body | Phase::Datagram | Phase::Program => Failure::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: io::Error, wanted: Failure) {
        assert_eq!(outcome(&error, Phase::Tls), ProbeOutcome::Heard(wanted), "{error:?}");
    }

    #[test]
    fn the_endpoint_s_faults() {
        let system = io::Error::from_raw_os_error;
        check(system(libc::ECONNRESET), Failure::Reset);
        check(system(libc::EPIPE), Failure::Reset);
        check(system(libc::EHOSTUNREACH), Failure::Reset);
        check(system(libc::ETIMEDOUT), Failure::Timeout(Phase::Tls));
        check(io::ErrorKind::UnexpectedEof.into(), Failure::Reset);
        check(
            io::Error::new(io::ErrorKind::BrokenPipe, "stream closed because of a broken pipe"),
            Failure::Reset,
        );
        check(io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof"), Failure::Reset);
    }

    #[test]
    fn what_our_own_system_lacks_says_nothing_about_the_endpoint() {
        for code in [libc::ENOMEM, libc::ENOBUFS, libc::EPERM] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(outcome(&error, Phase::Response), ProbeOutcome::Ours(error.to_string()));
        }
    }

    #[test]
    fn certificates() {
        let certificate = |why, wanted| {
            let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(why));
            check(io::Error::other(error), Failure::Tls(wanted));
        };
        certificate(CertificateError::Expired, TlsFailure::Expired);
        certificate(CertificateError::NotValidYet, TlsFailure::NotYetValid);
        certificate(CertificateError::NotValidForName, TlsFailure::WrongName);
        certificate(CertificateError::UnknownIssuer, TlsFailure::Untrusted);
        certificate(CertificateError::BadSignature, TlsFailure::Untrusted);
        certificate(CertificateError::BadEncoding, TlsFailure::BadCertificate);
    }

    #[test]
    fn an_unknown_error_is_of_the_protocol_that_was_spoken() {
        let odd = io::Error::other("odd");
        assert_eq!(outcome(&odd, Phase::Response), ProbeOutcome::failed(Failure::Protocol));
        assert_eq!(outcome(&odd, Phase::Tls), ProbeOutcome::failed(Failure::Tls(TlsFailure::Handshake)));
    }
}
