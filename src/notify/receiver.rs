//! One receiver: a message becomes a request or a run of a program, and what comes back becomes the end of an attempt.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};

use super::outbox::{Attempt, Message, Outgoing};
use super::protocols::{alertmanager, email, pagerduty, slack, webhook};
use super::template::Template;
use super::words::{body, headline};
use crate::config::{Destination, Email, ReceiverKind, ReceiverSettings, SecretFile};
use crate::controller::{Notice, NoticeState};
use crate::errand::{
    End, Ran, Reply, Requests, SIGNATURE_HEADER, read_secret, run_program_with_input, signature,
};
use crate::model::{Moment, Problem, plain};
use crate::programs::{Extra, Programs};

/// The header with the number of a notice, the same for every attempt.
const ID_HEADER: &str = "cadence-notice";

/// As much of what a receiver says to a refusal is shown, in characters.
const SHOWN_MAX: usize = 200;

/// Whom to tell, and how.
pub(super) struct Receiver {
    way: Way,
    text: Option<Template>,
    deadline: Duration,
}

enum Way {
    Webhook { to: To, secret: Option<SecretFile> },
    Slack(To),
    PagerDuty { to: To, routing_key: SecretFile },
    Alertmanager { to: To, repeat: Duration },
    Email { program: usize, email: Email, subject: Option<Template> },
    Command { program: usize },
}

/// Where requests go.
struct To {
    requests: Requests,
    url: Url,
}

enum Url {
    Known(String),
    /// Read for each use.
    Secret(SecretFile),
}

impl Receiver {
    /// Reads whom to trust, and tries the templates. `program` is the number of its program, if it has one.
    ///
    /// # Errors
    /// Everything that cannot be used.
    pub(super) fn new(settings: &ReceiverSettings, program: Option<usize>) -> Result<Receiver, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut template = |text: &Option<_>| {
            let template = text.as_ref().map(Template::new).transpose();
            template.unwrap_or_else(|problem| {
                problems.push(problem);
                None
            })
        };
        let text = template(&settings.text);
        let program = program.unwrap_or(usize::MAX);
        let way = match &settings.kind {
            ReceiverKind::Webhook { destination, secret_file } => {
                To::new(destination).map(|to| Way::Webhook { to, secret: secret_file.clone() })
            }
            ReceiverKind::Slack(destination) => To::new(destination).map(Way::Slack),
            ReceiverKind::PagerDuty { destination, routing_key_file } => {
                To::new(destination).map(|to| Way::PagerDuty { to, routing_key: routing_key_file.clone() })
            }
            ReceiverKind::Alertmanager { destination, repeat } => {
                To::new(destination).map(|to| Way::Alertmanager { to, repeat: *repeat })
            }
            ReceiverKind::Email(email) => {
                Ok(Way::Email { program, email: email.clone(), subject: template(&email.subject) })
            }
            ReceiverKind::Command(_) => Ok(Way::Command { program }),
        };
        match way {
            Ok(way) if problems.is_empty() => Ok(Receiver { way, text, deadline: settings.deadline }),
            way => {
                problems.extend(way.err());
                Err(problems)
            }
        }
    }

    /// Tries once to tell something.
    pub(super) async fn tell(&self, message: &Message, programs: &Programs, now: Moment) -> Attempt {
        let attempt = match &self.way {
            Way::Email { .. } | Way::Command { .. } => self.run(message, programs).await,
            Way::Webhook { .. } | Way::Slack(_) | Way::PagerDuty { .. } | Way::Alertmanager { .. } => {
                self.post(message, now).await
            }
        };
        // A secret that cannot be read may be mended.
        attempt.unwrap_or_else(|why| Attempt::Failed { why, retry_after: None })
    }

    async fn post(&self, message: &Message, now: Moment) -> Result<Attempt, String> {
        let Some(Outgoing { notice, .. }) = message.0.first() else { return Ok(Attempt::Done) };
        let mut headers = HeaderMap::new();
        if let Ok(id) = HeaderValue::from_str(&notice.id) {
            headers.insert(ID_HEADER, id);
        }
        let (to, body) = match &self.way {
            Way::Webhook { to, secret } => {
                let body = webhook::body(notice, &self.headline(notice));
                if let Some(secret) = secret {
                    let secret = read_secret(&secret.file).await?;
                    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                    let value = signature(secret.as_bytes(), since_1970.as_secs(), &body);
                    headers
                        .insert(SIGNATURE_HEADER, HeaderValue::from_str(&value).expect("digits and letters"));
                }
                (to, body)
            }
            Way::Slack(to) => (to, slack::body(&self.text(notice))),
            Way::PagerDuty { to, routing_key } => {
                let key = read_secret(&routing_key.file).await?;
                (to, pagerduty::body(notice, &self.summary(notice), key.trim()))
            }
            Way::Alertmanager { to, repeat } => {
                (to, alertmanager::body(message, |notice| self.summary(notice), *repeat, now))
            }
            Way::Email { .. } | Way::Command { .. } => return Ok(Attempt::Done),
        };
        let url = to.url(matches!(self.way, Way::Alertmanager { .. })).await?;
        let reply = to.requests.post_to(&url, body, headers, self.deadline).await?;
        Ok(judged(&reply))
    }

    async fn run(&self, message: &Message, programs: &Programs) -> Result<Attempt, String> {
        let Some(Outgoing { notice, .. }) = message.0.first() else { return Ok(Attempt::Done) };
        let (program, extra) = match &self.way {
            Way::Email { program, email, subject } => {
                let subject = subject.as_ref().map_or_else(|| headline(notice), |text| text.render(notice));
                let input = email::message(email, notice, &subject, &self.text(notice));
                (program, Extra { environment: Vec::new(), input })
            }
            Way::Command { program } => {
                let document = webhook::body(notice, &self.headline(notice));
                let input = String::from_utf8(document).map_err(|error| error.to_string())?;
                (program, Extra { environment: environment(notice), input })
            }
            Way::Webhook { .. } | Way::Slack(_) | Way::PagerDuty { .. } | Way::Alertmanager { .. } => {
                return Ok(Attempt::Done);
            }
        };
        let Ran { end, output } = run_program_with_input(programs, *program, extra, self.deadline).await;
        if end.is_success() {
            return Ok(Attempt::Done);
        }
        let why = match &end {
            End::Code(_) if !output.is_empty() => format!("{end}; it said {:?}", shown(&output)),
            End::Code(_) | End::Broken(_) => end.to_string(),
        };
        Ok(Attempt::Failed { why, retry_after: None })
    }

    fn headline(&self, notice: &Notice) -> String {
        self.text.as_ref().map_or_else(|| headline(notice), |text| text.render(notice))
    }

    /// For what shows the urgency and the state by itself.
    fn summary(&self, notice: &Notice) -> String {
        self.text.as_ref().map_or_else(|| notice.text.clone(), |text| text.render(notice))
    }

    fn text(&self, notice: &Notice) -> String {
        self.text.as_ref().map_or_else(|| body(notice), |text| text.render(notice))
    }
}

impl To {
    fn new(destination: &Destination) -> Result<To, Problem> {
        Ok(match destination {
            Destination::Web(web) => {
                let url = Url::Known(web.url.as_url().to_string());
                To { requests: Requests::new(web)?, url }
            }
            Destination::Secret(file, authorities) => {
                To { requests: Requests::without_url(authorities)?, url: Url::Secret(file.clone()) }
            }
        })
    }

    async fn url(&self, is_alertmanager: bool) -> Result<String, String> {
        let url = match &self.url {
            Url::Known(url) => url.clone(),
            Url::Secret(secret) => {
                let url = read_secret(&secret.file).await?.trim().to_owned();
                let is_url = url.starts_with("https://") || url.starts_with("http://");
                is_url.then_some(url).ok_or_else(|| {
                    format!("{} has no URL of http or https in its first line", secret.file.display())
                })?
            }
        };
        Ok(if is_alertmanager { alertmanager::endpoint(&url) } else { url })
    }
}

/// Any status of 2xx is success; 408, 425, 429 and those of 5xx may be otherwise the next time.
fn judged(reply: &Reply) -> Attempt {
    let text = String::from_utf8_lossy(&reply.body);
    let said = shown(text.trim());
    let why = match said.is_empty() {
        true => format!("status {}", reply.status),
        false => format!("status {}: {said:?}", reply.status),
    };
    match reply.status {
        200..=299 => Attempt::Done,
        408 | 425 | 429 | 500.. => Attempt::Failed { why, retry_after: reply.retry_after },
        _ => Attempt::Refused { why },
    }
}

fn shown(text: &str) -> String {
    plain(text, |_| false).chars().take(SHOWN_MAX).collect()
}

/// What a program is told besides.
fn environment(notice: &Notice) -> Vec<(String, String)> {
    let Notice { id, key, state, event, urgency, text, names, epoch, .. } = notice;
    let state = match state {
        NoticeState::Firing => "firing",
        NoticeState::Resolved => "resolved",
        NoticeState::Told => "told",
    };
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let pairs = [
        ("CADENCE_NOTICE", id.clone()),
        ("CADENCE_KEY", key.clone()),
        ("CADENCE_STATE", state.to_owned()),
        ("CADENCE_EVENT", event.to_string()),
        ("CADENCE_URGENCY", urgency.to_string()),
        ("CADENCE_TEXT", text.replace('\0', "")),
        ("CADENCE_NAMES", names.join(" ")),
        ("CADENCE_EPOCH", epoch.map(|epoch| epoch.to_string()).unwrap_or_default()),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_otherwise_the_next_time_is_tried_again() {
        let reply = |status| Reply { status, body: b"no \x1b[31m".to_vec(), retry_after: None };
        let word = |status| match judged(&reply(status)) {
            Attempt::Done => "done",
            Attempt::Failed { .. } => "again",
            Attempt::Refused { .. } => "refused",
        };
        let all = [200, 202, 204, 301, 400, 401, 404, 408, 425, 429, 500, 503].map(word);
        let refused = ["refused"; 4];
        assert_eq!(all[..3], ["done"; 3]);
        assert_eq!(all[3..7], refused);
        assert_eq!(all[7..], ["again"; 5]);
        assert_eq!(judged(&reply(400)), Attempt::Refused { why: r#"status 400: "no \\u{1b}[31m""#.into() });
    }
}
