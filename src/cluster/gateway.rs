//! One request to one member: with a deadline, with our login, and with a bound on what comes back.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::identity::{self, Identity};
use super::pace::Pace;
use super::wire::{self, Refusal};
use crate::config::{EtcdLogin, EtcdSettings};
use crate::errand::read_secret;
use crate::model::{Problem, plain};

/// So that whoever reads the log of etcd knows who comes.
const OUR_NAME: &str = concat!("cadence-dns/", env!("CARGO_PKG_VERSION"));

/// A member that has lost its leader refuses at once, and ends its watches: without it, one that is cut off keeps a request
/// for seven seconds and a watch for ever.
const WANTS_A_LEADER: (&str, &str) = ("grpc-metadata-hasleader", "true");

/// The most octets of a reply: a folder with ten thousand decisions takes five million.
const REPLY_MAX: usize = 16 << 20;

/// The most octets of a refusal that are read.
const REFUSAL_MAX: usize = 16 << 10;

/// As much of a reply that is no JSON is told, in characters.
const LINE_CHARACTERS: usize = 120;

/// The members of an etcd, and how they are spoken to.
#[derive(Debug)]
pub(super) struct Gateway {
    client: Client,
    /// Each ends with a slash.
    endpoints: Vec<String>,
    login: Option<Login>,
    identity: Option<Arc<Identity>>,
    pub(super) pace: Pace,
}

#[derive(Debug)]
struct Login {
    settings: EtcdLogin,
    known: Mutex<Known>,
}

/// What the last login has brought.
#[derive(Debug, Default)]
struct Known {
    token: Option<Zeroizing<String>>,
    refused: Option<(Instant, String)>,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It never got there.
    NotSent(String),
    /// It was refused before anything was done.
    Refused(String),
    /// Our login is not valid any more: nothing was done.
    LoggedOut(String),
    /// It was sent, and nobody knows what became of it.
    Lost(String),
}

impl Fault {
    /// Whether it is certain that nothing was done.
    pub(super) fn is_harmless(&self) -> bool {
        !matches!(self, Fault::Lost(_))
    }

    /// In words.
    pub(super) fn into_words(self) -> String {
        match self {
            Fault::NotSent(why) | Fault::Refused(why) | Fault::LoggedOut(why) | Fault::Lost(why) => why,
        }
    }
}

impl Gateway {
    /// Reads what is needed. Nothing is sent.
    ///
    /// # Errors
    /// Every file that cannot be used.
    pub(super) fn new(settings: &EtcdSettings, pace: Pace) -> Result<Gateway, Vec<Problem>> {
        let (tls, identity) = identity::tls(settings)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(pace.connect)
            .tcp_nodelay(true)
            .user_agent(OUR_NAME)
            .build();
        let client = client
            .map_err(|error| vec![Problem::error(None, format!("cannot ask etcd: {error}"), "report it")])?;
        let login = settings.login.clone().map(|settings| Login { settings, known: Mutex::default() });
        let endpoints = settings.endpoints.iter().map(ToString::to_string).collect();
        Ok(Gateway { client, endpoints, login, identity, pace })
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Where one of them is, for people.
    pub(super) fn endpoint(&self, member: usize) -> &str {
        self.endpoints[member].trim_end_matches('/')
    }

    /// Reads the files of our certificate again.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(super) fn renew(&self) -> Result<(), Problem> {
        self.identity.as_ref().map_or(Ok(()), |identity| identity.renew())
    }

    /// Asks, and reads the whole reply.
    pub(super) async fn ask(
        &self,
        member: usize,
        path: &str,
        body: &Value,
        within: Duration,
    ) -> Result<Vec<u8>, Fault> {
        let began = Instant::now();
        let response = self.open(member, path, body, within).await?;
        let left = within.saturating_sub(began.elapsed());
        let read = timeout(left, read(response, REPLY_MAX)).await;
        read.unwrap_or_else(|_| Err(late(within))).map_err(Fault::Lost)
    }

    /// Asks, and leaves the reply to be read by and by: `within` is for its beginning. Where our login is not valid any more,
    /// it logs in and asks once more.
    pub(super) async fn open(
        &self,
        member: usize,
        path: &str,
        body: &Value,
        within: Duration,
    ) -> Result<Response, Fault> {
        let began = Instant::now();
        let left = || within.saturating_sub(began.elapsed());
        let mut has_logged_in = false;
        loop {
            let headers = self.logged_in(member, left()).await?;
            let sent = timeout(left(), self.send(member, path, body, headers)).await;
            match (sent.unwrap_or_else(|_| Err(Fault::Lost(late(within)))), &self.login) {
                (Err(Fault::LoggedOut(why)), None) => {
                    return Err(Fault::Refused(format!("etcd wants a user and a password: {why}")));
                }
                (Err(Fault::LoggedOut(_)), Some(login)) if !has_logged_in => {
                    login.known.lock().unwrap_or_else(PoisonError::into_inner).token = None;
                    has_logged_in = true;
                }
                (done, _) => return done,
            }
        }
    }

    /// What says who we are.
    async fn logged_in(&self, member: usize, within: Duration) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        let Some(login) = &self.login else { return Ok(headers) };
        let token = match login.known(self.pace.login)? {
            Some(token) => token,
            None => {
                let attempt = timeout(within, self.log_in(member, login)).await;
                attempt.unwrap_or_else(|_| Err(Fault::NotSent(format!("the login: {}", late(within)))))?
            }
        };
        let mut token = HeaderValue::from_str(&token)
            .map_err(|_| Fault::Refused("etcd gives a token that no header can hold".to_owned()))?;
        token.set_sensitive(true);
        headers.insert(AUTHORIZATION, token);
        Ok(headers)
    }

    async fn log_in(&self, member: usize, login: &Login) -> Result<Zeroizing<String>, Fault> {
        let EtcdLogin { username, password_file } = &login.settings;
        let refused = |why: String| {
            let why = format!("no login as {username}: {why}");
            login.known.lock().unwrap_or_else(PoisonError::into_inner).refused =
                Some((Instant::now(), why.clone()));
            Fault::Refused(why)
        };
        let password = read_secret(&password_file.file).await.map_err(refused)?;
        let body = wire::login(username, &password);
        // Whatever becomes of a login, nothing was done that matters.
        let token = match self.send(member, wire::LOGIN, &body, HeaderMap::new()).await {
            Ok(response) => read(response, REFUSAL_MAX).await.map_err(Fault::NotSent)?,
            Err(Fault::Refused(why) | Fault::LoggedOut(why)) => return Err(refused(why)),
            Err(Fault::NotSent(why) | Fault::Lost(why)) => return Err(Fault::NotSent(why)),
        };
        let token = Zeroizing::new(wire::token(&token).map_err(refused)?);
        let mut known = login.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Known { token: Some(token.clone()), refused: None };
        Ok(token)
    }

    async fn send(
        &self,
        member: usize,
        path: &str,
        body: &Value,
        headers: HeaderMap,
    ) -> Result<Response, Fault> {
        let url = format!("{}{path}", self.endpoints[member]);
        let request = self.client.post(url).headers(headers).body(body.to_string());
        let request =
            request.header(CONTENT_TYPE, "application/json").header(WANTS_A_LEADER.0, WANTS_A_LEADER.1);
        let response = request.send().await.map_err(|error| {
            let why = in_words(&error);
            if error.is_connect() { Fault::NotSent(why) } else { Fault::Lost(why) }
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let told = read(response, REFUSAL_MAX).await.unwrap_or_default();
        Err(match wire::refusal(&told) {
            Some(refusal) => of_refusal(refusal),
            None => of_status(status, &told),
        })
    }
}

impl Login {
    /// The token, if there is one.
    ///
    /// # Errors
    /// When the last try was refused, and that is not long ago.
    fn known(&self, again_after: Duration) -> Result<Option<Zeroizing<String>>, Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &known.refused {
            Some((at, why)) if at.elapsed() < again_after => Err(Fault::Refused(why.clone())),
            Some(_) | None => Ok(known.token.clone()),
        }
    }
}

/// What a status proves that comes without the words of gRPC: those of 4xx are said before anything is done.
fn of_status(status: StatusCode, told: &[u8]) -> Fault {
    let told = String::from_utf8_lossy(told);
    let line: String = told.lines().next().unwrap_or_default().chars().take(LINE_CHARACTERS).collect();
    let line = plain(&line, |_| false);
    match status {
        StatusCode::NOT_FOUND => Fault::Refused("there is no JSON gateway of etcd (status 404)".to_owned()),
        _ if status.is_client_error() => Fault::Refused(format!("status {}: {line}", status.as_u16())),
        _ => Fault::Lost(format!("status {}", status.as_u16())),
    }
}

/// What a refusal of etcd proves. Codes are those of gRPC.
fn of_refusal(Refusal { code, message }: Refusal) -> Fault {
    const INVALID: u64 = 3;
    const UNAVAILABLE: u64 = 14;
    const UNAUTHENTICATED: u64 = 16;
    // Not found, forbidden, too much, not in this state, out of range, not known: all of them before anything is done.
    const BEFORE: [u64; 7] = [INVALID, 5, 7, 8, 9, 11, 12];
    let says = |words: &str| message.contains(words);
    let is_of_login =
        says("user name is empty") || says("invalid auth token") || says("revision of auth store");
    let is_before = says("etcdserver: no leader") || says("learner");
    match code {
        UNAUTHENTICATED => Fault::LoggedOut(message),
        INVALID if is_of_login => Fault::LoggedOut(message),
        UNAVAILABLE if is_before => Fault::Refused(message),
        code if BEFORE.contains(&code) => Fault::Refused(message),
        _ => Fault::Lost(message),
    }
}

async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| in_words(&error))? {
        if body.len() + chunk.len() > most {
            return Err(format!("the reply has more than {most} octets"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// That nothing came in time.
pub(super) fn late(within: Duration) -> String {
    format!("no reply within {} s", within.as_secs_f64())
}

/// The deepest cause, such as "connection refused": the others only say that a request failed.
pub(super) fn in_words(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => in_words(cause),
        None => plain(&error.to_string(), |_| false).into_owned(),
    }
}
