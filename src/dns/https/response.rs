//! Responses, whose octets are counted until the client has taken them.

use std::borrow::Cow;
use std::rc::Rc;

use http_body_util::Full;
use hyper::body::Buf;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use super::super::stream_context::{Client, Held, Shared};
use super::request::{DNS_MESSAGE, HttpError};
use crate::answer::freshness;

/// A body on its way. The client is active once it has taken a whole reply.
pub(super) struct Octets {
    octets: Cow<'static, [u8]>,
    taken: usize,
    /// None of an error's text.
    held: Option<Held>,
}

/// The reply to a query. The HTTP status is 200 whatever the code of the DNS reply (RFC 8484 section 4.2.1).
pub(super) fn reply(query: &[u8], client: Client, shared: &Rc<Shared>) -> Response<Full<Octets>> {
    let mut replied = None;
    shared.answer(client, query, None, |reply| replied = Some((reply.to_vec(), freshness(reply))));
    let Some((octets, freshness)) = replied else {
        return refusal(HttpError(StatusCode::BAD_REQUEST, "this is no DNS query\n"));
    };
    let Some(held) = shared.hold(client, octets.len()) else {
        return refusal(HttpError(StatusCode::SERVICE_UNAVAILABLE, "too many replies wait to be read\n"));
    };
    let octets = Octets { octets: octets.into(), taken: 0, held: Some(held) };
    let mut response = Response::new(Full::new(octets));
    let seconds = freshness.unwrap_or_default().as_secs();
    response.headers_mut().insert(CONTENT_TYPE, DNS_MESSAGE);
    if let Ok(kept) = HeaderValue::try_from(format!("max-age={seconds}")) {
        response.headers_mut().insert(CACHE_CONTROL, kept);
    }
    response
}

/// A code, and words for people.
pub(super) fn refusal(HttpError(status, why): HttpError) -> Response<Full<Octets>> {
    let octets = Octets { octets: why.as_bytes().into(), taken: 0, held: None };
    let mut response = Response::new(Full::new(octets));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

impl Buf for Octets {
    fn remaining(&self) -> usize {
        self.octets.len() - self.taken
    }

    fn chunk(&self) -> &[u8] {
        &self.octets[self.taken..]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "{count} octets of {}", self.remaining());
        self.taken += count;
    }
}

impl Drop for Octets {
    fn drop(&mut self) {
        if let Some(held) = self.held.take_if(|_| self.taken == self.octets.len()) {
            held.taken();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::memory::MEMORY_MAX_OCTETS;
    use super::*;

    const QUERY: [u8; 17] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];

    #[test]
    fn replies_that_are_not_taken_are_bounded_and_those_taken_make_room() {
        let shared = Rc::new(Shared::of_nothing());
        let ask = || reply(&QUERY, Client::of_a_test(), &shared);
        let untaken = ask();
        assert_eq!(untaken.status(), StatusCode::OK);
        let _rest =
            shared.hold(Client::of_a_test(), MEMORY_MAX_OCTETS / 2 - QUERY.len()).expect("a half is ours");
        assert_eq!(ask().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(untaken);
        assert_eq!(ask().status(), StatusCode::OK);
    }
}
