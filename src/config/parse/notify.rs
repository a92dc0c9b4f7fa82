//! `[[notify]]`: who is told of what happens.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::errand;
use super::label::label;
use super::limit::Limit;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::near::nearest;
use crate::config::notify::{Destination, Email, ReceiverKind, ReceiverSettings, TemplateText};
use crate::config::read::{At, entries};
use crate::config::spec::NotifySpec;
use crate::controller::NoticeEvent;
use crate::model::{Place, ReceiverId};
use crate::policy::{Steer, Urgency};

/// The most receivers.
const RECEIVERS: usize = 32;

const DEADLINE: Limit<Duration> = Limit {
    key: "deadline",
    least: Duration::from_millis(100),
    most: Duration::from_secs(60),
    why: "a shorter one ends every attempt, and what takes longer is tried again",
};

const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

const RATE: Limit<i64> = Limit {
    key: "rate",
    least: 1,
    most: 3600,
    why: "messages an hour, ten of which may come at once; alerts that flap beyond that are told when there is room",
};

const DEFAULT_RATE: u32 = 120;

const REPEAT: Limit<Duration> = Limit {
    key: "repeat",
    least: Duration::from_secs(10),
    most: Duration::from_secs(180),
    why: "Alertmanager takes an alert for resolved when it is not told again for some minutes",
};

const DEFAULT_REPEAT: Duration = Duration::from_secs(60);

/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// The usual place of sendmail, and of what stands in for it.
const SENDMAIL: [&str; 3] = ["/usr/sbin/sendmail", "-t", "-i"];

const KINDS: [&str; 6] = ["webhook", "slack", "pagerduty", "alertmanager", "email", "command"];

/// All of `[[notify]]`.
pub(super) fn receivers(
    specs: Vec<At<NotifySpec>>,
    steers: &[Steer],
    context: Context<'_>,
) -> Vec<ReceiverSettings> {
    if let Some(At { place, .. }) = specs.get(RECEIVERS) {
        let found = format!("{} receivers", specs.len());
        context.diagnostics.error(place, found, format!("at most {RECEIVERS}"));
        return Vec::new();
    }
    let mut lines = HashMap::new();
    specs.into_iter().filter_map(|spec| receiver(spec, steers, &mut lines, context)).collect()
}

/// The keys that only some kinds have; what is left when a kind has taken its own was not meant for it.
struct Own {
    url: Option<At<String>>,
    url_file: Option<At<String>>,
    secret_file: Option<At<String>>,
    ca_file: Option<At<String>>,
    insecure: Option<At<bool>>,
    command: Option<At<Vec<At<String>>>>,
    from: Option<At<String>>,
    to: Option<At<Vec<At<String>>>>,
    subject: Option<At<String>>,
    repeat: Option<At<Duration>>,
}

fn receiver(
    At { value: spec, place }: At<NotifySpec>,
    steers: &[Steer],
    lines: &mut HashMap<String, u32>,
    context: Context<'_>,
) -> Option<ReceiverSettings> {
    #[rustfmt::skip]
    let NotifySpec {
        name, kind, url, url_file, secret_file, ca_file, insecure, command, from, to, urgency, events, names, text,
        subject, deadline, rate, repeat,
    } = spec;
    let diagnostics = context.diagnostics;
    let receiver = name.and_then(|name| claim(&name, lines, diagnostics));
    let names = errand::names(names, steers, diagnostics);
    let mut own = Own { url, url_file, secret_file, ca_file, insecure, command, from, to, subject, repeat };
    let kind = kind.and_then(|kind| {
        let taken = own.take(&kind, &place, context);
        own.refuse_rest(&kind.value, diagnostics);
        taken
    });
    let usual = match &kind {
        Some(ReceiverKind::PagerDuty { .. }) => Urgency::Critical,
        Some(_) | None => Urgency::Info,
    };
    let urgency = match urgency {
        Some(word) => self::urgency(&word, diagnostics),
        None => Some(usual),
    };
    let events = self::events(events, diagnostics);
    let text = text.map(template);
    let deadline = DEADLINE.or(deadline.as_ref(), DEFAULT_DEADLINE, diagnostics);
    let rate = RATE.or(rate.as_ref(), DEFAULT_RATE, diagnostics);
    Some(ReceiverSettings {
        receiver: receiver?,
        place,
        kind: kind?,
        urgency: urgency?,
        events: events?,
        names: names?,
        text,
        deadline: deadline?,
        rate: rate?,
    })
}

fn claim(
    name: &At<String>,
    lines: &mut HashMap<String, u32>,
    diagnostics: &Diagnostics<'_>,
) -> Option<ReceiverId> {
    let text = label("the receiver's name", name, diagnostics)?;
    if let Some(line) = lines.insert(text.clone(), name.place.line) {
        let found = format!("the receiver {} stands in line {line} already", quoted(&text));
        diagnostics.error(&name.place, found, "each receiver under a name of its own");
        return None;
    }
    Some(text.as_str().into())
}

impl Own {
    /// Takes what the kind needs.
    fn take(&mut self, kind: &At<String>, place: &Place, context: Context<'_>) -> Option<ReceiverKind> {
        match kind.value.as_str() {
            "webhook" => {
                let destination = self.destination(place, None, context);
                let secret_file = errand::secret_file("secret_file", self.secret_file.take(), context);
                Some(ReceiverKind::Webhook { destination: destination?, secret_file: secret_file? })
            }
            "slack" => self.destination(place, None, context).map(ReceiverKind::Slack),
            "pagerduty" => {
                let destination = self.destination(place, Some(PAGERDUTY), context);
                let Some(key) = self.secret_file.take() else {
                    let help = "add `secret_file = \"…\"`, a file with the routing key of the service";
                    context.diagnostics.absence(place, "a receiver of PagerDuty without its key", help);
                    return None;
                };
                let routing_key_file = errand::secret_file("secret_file", Some(key), context)??;
                Some(ReceiverKind::PagerDuty { destination: destination?, routing_key_file })
            }
            "alertmanager" => {
                let destination = self.destination(place, None, context);
                let repeat = REPEAT.or(self.repeat.take().as_ref(), DEFAULT_REPEAT, context.diagnostics);
                Some(ReceiverKind::Alertmanager { destination: destination?, repeat: repeat? })
            }
            "email" => self.email(place, context.diagnostics).map(ReceiverKind::Email),
            "command" => {
                let Some(command) = self.command.take() else {
                    let help = "add `command = [\"/…\"]`";
                    context.diagnostics.absence(place, "a receiver of the kind command without one", help);
                    return None;
                };
                errand::program("command", command, context.diagnostics).map(ReceiverKind::Command)
            }
            other => {
                let help = match nearest(other, KINDS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => KINDS.join(", "),
                };
                context.diagnostics.error(&kind.place, format!("`kind` is {}", quoted(other)), help);
                *self = Own::nothing(); // nobody knows what was meant for it
                None
            }
        }
    }

    fn nothing() -> Own {
        Own {
            url: None,
            url_file: None,
            secret_file: None,
            ca_file: None,
            insecure: None,
            command: None,
            from: None,
            to: None,
            subject: None,
            repeat: None,
        }
    }

    fn destination(
        &mut self,
        place: &Place,
        usual: Option<&str>,
        context: Context<'_>,
    ) -> Option<Destination> {
        let (ca_file, insecure) = (self.ca_file.take(), self.insecure.take());
        match (self.url.take(), self.url_file.take()) {
            (Some(url), None) => {
                let web = errand::web(&url, ca_file, insecure, context)?;
                Some(Destination::Web(Arc::new(web)))
            }
            (None, Some(file)) => {
                let file = errand::secret_file("url_file", Some(file), context)??;
                Some(Destination::Secret(file, errand::authorities(ca_file, insecure, true, context)))
            }
            (Some(_), Some(file)) => {
                let found = "a receiver with `url` and with `url_file`";
                context.diagnostics.error(&file.place, found, "one of the two");
                None
            }
            (None, None) => match usual {
                Some(usual) => {
                    let url = At { value: usual.to_owned(), place: place.clone() };
                    let web = errand::web(&url, ca_file, insecure, context)?;
                    Some(Destination::Web(Arc::new(web)))
                }
                None => {
                    let help = "add `url = \"https://…\"`, or `url_file` where the URL is a secret";
                    context.diagnostics.absence(
                        place,
                        "a receiver without `url` and without `url_file`",
                        help,
                    );
                    None
                }
            },
        }
    }

    fn email(&mut self, place: &Place, diagnostics: &Diagnostics<'_>) -> Option<Email> {
        let sendmail = match self.command.take() {
            Some(command) => errand::program("command", command, diagnostics),
            None => Some(SENDMAIL.map(str::to_owned).to_vec()),
        };
        let subject = self.subject.take().map(template);
        let from = match self.from.take() {
            Some(from) => mailbox("from", &from, diagnostics),
            None => {
                diagnostics.absence(
                    place,
                    "a receiver of the kind email without `from`",
                    "add `from = \"…@…\"`",
                );
                None
            }
        };
        let to = entries(self.to.take());
        if to.is_empty() {
            diagnostics.absence(place, "a receiver of the kind email without `to`", "add `to = [\"…@…\"]`");
            return None;
        }
        let count = to.len();
        let to: Vec<String> = to.iter().filter_map(|to| mailbox("to", to, diagnostics)).collect();
        (to.len() == count).then_some(())?;
        Some(Email { sendmail: sendmail?, from: from?, to, subject })
    }

    /// Whatever is left would be obeyed by nothing.
    fn refuse_rest(self, kind: &str, diagnostics: &Diagnostics<'_>) {
        let left = [
            ("url", self.url.map(|at| at.place)),
            ("url_file", self.url_file.map(|at| at.place)),
            ("secret_file", self.secret_file.map(|at| at.place)),
            ("ca_file", self.ca_file.map(|at| at.place)),
            ("insecure", self.insecure.map(|at| at.place)),
            ("command", self.command.map(|at| at.place)),
            ("from", self.from.map(|at| at.place)),
            ("to", self.to.map(|at| at.place)),
            ("subject", self.subject.map(|at| at.place)),
            ("repeat", self.repeat.map(|at| at.place)),
        ];
        for (key, place) in left.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let found = format!("a receiver of the kind {kind} has no `{key}`");
            diagnostics.error(&place, found, "leave it out, or choose another kind");
        }
    }
}

/// `who@example.com`, or `Name <who@example.com>`: what a header can hold in one line.
fn mailbox(key: &str, At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let address = match value.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>'),
        None => Some(value.as_str()),
    };
    let is_address = |address: &str| {
        let (local, domain) = address.rsplit_once('@').unwrap_or_default();
        let is_fine = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',' | ';' | '"' | '@');
        !local.is_empty()
            && !domain.is_empty()
            && [local, domain].iter().all(|part| part.chars().all(is_fine))
    };
    if value.is_ascii() && !value.contains(char::is_control) && address.is_some_and(is_address) {
        return Some(value.clone());
    }
    let help = "an address such as ops@example.com, or `Operators <ops@example.com>`";
    diagnostics.error(place, format!("`{key}` is {}", quoted(value)), help);
    None
}

fn template(At { value, place }: At<String>) -> TemplateText {
    TemplateText { source: value, place }
}

fn urgency(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<Urgency> {
    match value.as_str() {
        "info" => Some(Urgency::Info),
        "warning" => Some(Urgency::Warning),
        "critical" => Some(Urgency::Critical),
        other => {
            let help = match nearest(other, ["info", "warning", "critical"]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "info, warning or critical".to_owned(),
            };
            diagnostics.error(place, format!("`urgency` is {}", quoted(other)), help);
            None
        }
    }
}

/// All, where the file has none.
fn events(
    texts: Option<At<Vec<At<String>>>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<BTreeSet<NoticeEvent>> {
    let Some(At { value: texts, place }) = texts else { return Some(NoticeEvent::ALL.into()) };
    if texts.is_empty() {
        diagnostics.error(&place, "`events` is empty", "leave it out for all of them");
        return None;
    }
    let count = texts.len();
    let known: Vec<NoticeEvent> = texts.iter().filter_map(|text| event(text, diagnostics)).collect();
    (known.len() == count).then(|| known.into_iter().collect())
}

fn event(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<NoticeEvent> {
    let known = NoticeEvent::ALL.into_iter().find(|event| event.word() == value);
    if known.is_none() {
        let words = NoticeEvent::ALL.map(NoticeEvent::word);
        let help = match nearest(value, words) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => words.join(", "),
        };
        diagnostics.error(place, format!("an event {}", quoted(value)), help);
    }
    known
}
