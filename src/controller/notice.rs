//! What of all that happens is told to people elsewhere, and in which shape.
//!
//! Something that lasts is an *alert*: it fires, may change, and is resolved; of each there is one at a time, known by its
//! key. Everything else is told once.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cluster::ClusterEvent;
use super::{HookOutcome, Report};
use crate::health::{State, Verdict};
use crate::model::{GateId, Moment, Name, RegionId, VantageId};
use crate::policy::{Decision, Light, Rule, Urgency};

/// Names of a group that a notice lists; it counts the others.
const NAMES_MAX: usize = 50;

/// Something to be told. Fields are added and never change their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for every attempt to tell it, and for no other notice.
    pub id: String,
    /// What it is about, such as `name/app.example.com`: all notices of one alert have the same.
    pub key: String,
    /// Whether it begins, is over, or is only told.
    pub state: NoticeState,
    /// What kind of thing.
    pub event: NoticeEvent,
    /// How soon an operator is needed.
    pub urgency: Urgency,
    /// The name server that tells it.
    pub node: VantageId,
    /// When it happened.
    pub time: Moment,
    /// When the alert began to fire; the same as `time` where it is only told.
    pub since: Moment,
    /// What happened, in one line.
    pub text: String,
    /// The names that it is about; the first of them, where a group has very many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Name>,
    /// How many further names it is about.
    #[serde(default)]
    pub more_names: usize,
    /// The regions that it is about: the one in service first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<RegionId>,
    /// The epoch of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Who ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why, in the words of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether something begins, is over, or is only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeState {
    /// It holds from now on, or still holds and has changed.
    Firing,
    /// It is over.
    Resolved,
    /// It has happened.
    Told,
}

/// What kind of thing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeEvent {
    /// A name has another answer, and all is well with it.
    Decision,
    /// A name is not with its preferred region.
    FailedOver,
    /// Every region of a name is down.
    FailOpen,
    /// The region of a name is down, and what could take over may not yet.
    Held,
    /// A name stays where it is: for want of evidence, or an operator wants it.
    Frozen,
    /// An operator has given a name to a region.
    Pinned,
    /// An operator wants a region left, and no other could take over.
    Draining,
    /// A region is down or degraded.
    Region,
    /// A gate is not green.
    Gate,
    /// A hook has failed.
    Hook,
    /// An operator's order is in force, or has ended.
    Override,
    /// A planned move of a name goes on.
    Switchover,
    /// A name server of the cluster is cut off, silent or different.
    Cluster,
    /// The configuration could not be loaded again.
    Reload,
    /// A part of the program does not work.
    Part,
    /// An operator tries whether notices arrive.
    Test,
}

impl NoticeEvent {
    /// All of them.
    pub const ALL: [NoticeEvent; 16] = [
        NoticeEvent::Decision,
        NoticeEvent::FailedOver,
        NoticeEvent::FailOpen,
        NoticeEvent::Held,
        NoticeEvent::Frozen,
        NoticeEvent::Pinned,
        NoticeEvent::Draining,
        NoticeEvent::Region,
        NoticeEvent::Gate,
        NoticeEvent::Hook,
        NoticeEvent::Override,
        NoticeEvent::Switchover,
        NoticeEvent::Cluster,
        NoticeEvent::Reload,
        NoticeEvent::Part,
        NoticeEvent::Test,
    ];

    /// Its word in the configuration and in notices.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            NoticeEvent::Decision => "decision",
            NoticeEvent::FailedOver => "failed-over",
            NoticeEvent::FailOpen => "fail-open",
            NoticeEvent::Held => "held",
            NoticeEvent::Frozen => "frozen",
            NoticeEvent::Pinned => "pinned",
            NoticeEvent::Draining => "draining",
            NoticeEvent::Region => "region",
            NoticeEvent::Gate => "gate",
            NoticeEvent::Hook => "hook",
            NoticeEvent::Override => "override",
            NoticeEvent::Switchover => "switchover",
            NoticeEvent::Cluster => "cluster",
            NoticeEvent::Reload => "reload",
            NoticeEvent::Part => "part",
            NoticeEvent::Test => "test",
        }
    }
}

impl fmt::Display for NoticeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What happens to the alerts and to what is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// An alert fires, or is otherwise than before.
    Fires {
        /// What is told of it.
        notice: Notice,
        /// It rests on want of evidence, which often is over in a moment.
        is_brief: bool,
    },
    /// An alert is over, if it fired. If none did, the notice is told where it is worth that.
    Clears {
        /// What is told of it.
        notice: Notice,
        /// Whether it is told where no alert fired.
        is_told: bool,
    },
    /// Something is told once.
    Told(Notice),
}

impl Announcement {
    /// What of a report is told; nothing of one that only the log needs.
    #[must_use]
    pub fn of(report: &Report, node: &VantageId, now: Moment) -> Option<Announcement> {
        let about = About { node, now };
        match report {
            Report::CheckChanged { .. } | Report::Refused { .. } => None,
            Report::AnswerChanged { before, after } => {
                let moved = before.standing.region != after.standing.region;
                Some(about.decision(after, report.to_string(), moved))
            }
            Report::ReasonChanged { decision } => Some(about.decision(decision, report.to_string(), false)),
            Report::VerdictChanged { verdict, .. } | Report::GradeChanged { verdict } => {
                about.verdict(verdict)
            }
            Report::GateChanged { gate, region, to, .. } => {
                Some(about.gate(gate, region.as_ref(), *to, report.to_string()))
            }
            Report::HookEnded(ended) => {
                let has_failed = matches!(ended.outcome, HookOutcome::Failed(_));
                let notice = || Notice {
                    names: vec![ended.name.clone()],
                    epoch: Some(ended.epoch),
                    urgency: Urgency::Warning,
                    ..about.told(NoticeEvent::Hook, format!("hook/{}", ended.hook), report.to_string())
                };
                has_failed.then(|| Announcement::Told(notice()))
            }
            Report::Commanded { names, region, author, reason, command, .. } => {
                Some(Announcement::Told(Notice {
                    names: names.iter().take(NAMES_MAX).cloned().collect(),
                    more_names: names.len().saturating_sub(NAMES_MAX),
                    regions: region.iter().cloned().collect(),
                    author: Some(author.clone()),
                    reason: Some(reason.clone()),
                    ..about.told(NoticeEvent::Override, format!("command/{command}"), report.to_string())
                }))
            }
            Report::Cluster(event) => about.cluster(event, report.to_string()),
            Report::Reloaded { .. } => Some(Announcement::of_reload(None, node, now)),
            Report::OverrideEnded { order } => Some(Announcement::Told(Notice {
                names: order.order.name().cloned().into_iter().collect(),
                regions: order.order.region().cloned().into_iter().collect(),
                author: Some(order.author.clone()),
                reason: Some(order.reason.clone()),
                ..about.told(NoticeEvent::Override, format!("override/{}", order.id.0), report.to_string())
            })),
            Report::Switchover { order, step } => Some(Announcement::Told(Notice {
                names: order.order.name().cloned().into_iter().collect(),
                regions: order.order.region().cloned().into_iter().collect(),
                urgency: if step.bad { Urgency::Warning } else { Urgency::Info },
                ..about.told(
                    NoticeEvent::Switchover,
                    format!("switchover/{}", order.id.0),
                    report.to_string(),
                )
            })),
        }
    }

    /// How a name stands when the program starts: what fired before goes on, or is over.
    #[must_use]
    pub fn of_start(decision: &Decision, node: &VantageId, now: Moment) -> Option<Announcement> {
        let region = &decision.standing.region;
        let text = format!("{}: {region}: {}", decision.name(), decision.derivation.headline(region));
        // Before the first probes nothing is known, and that is no news.
        let is_known = !matches!(decision.derivation.rule, Rule::Unproven | Rule::Freeze | Rule::NoneProven);
        is_known.then(|| About { node, now }.decision(decision, text, false))
    }

    /// The configuration was loaded again, or could not be: `trouble`.
    #[must_use]
    pub fn of_reload(trouble: Option<&str>, node: &VantageId, now: Moment) -> Announcement {
        let about = About { node, now };
        let notice = |text: String| Notice {
            urgency: Urgency::Warning,
            ..about.told(NoticeEvent::Reload, "reload".to_owned(), text)
        };
        match trouble {
            Some(why) => {
                let text = format!("the configuration was not loaded again, the old one stays: {why}");
                Announcement::Fires { notice: about.firing(notice(text)), is_brief: false }
            }
            None => {
                let text = "the configuration was loaded again".to_owned();
                Announcement::Clears { notice: resolved(notice(text)), is_told: false }
            }
        }
    }

    /// A part of the program does not work, for this reason, or works.
    #[must_use]
    pub fn of_part(part: &str, trouble: Option<&str>, node: &VantageId, now: Moment) -> Announcement {
        let about = About { node, now };
        let notice = |text: String| Notice {
            urgency: Urgency::Warning,
            ..about.told(NoticeEvent::Part, format!("part/{part}"), text)
        };
        match trouble {
            Some(why) => {
                Announcement::Fires { notice: about.firing(notice(why.to_owned())), is_brief: false }
            }
            None => {
                let notice = resolved(notice(format!("{part} works again")));
                Announcement::Clears { notice, is_told: false }
            }
        }
    }

    /// What an operator sends to see whether notices arrive.
    #[must_use]
    pub fn of_test(node: &VantageId, now: Moment) -> Notice {
        let text = "a test: if you read this, notices arrive".to_owned();
        About { node, now }.told(NoticeEvent::Test, "test".to_owned(), text)
    }
}

/// Who tells, and when.
struct About<'n> {
    node: &'n VantageId,
    now: Moment,
}

impl About<'_> {
    fn told(&self, event: NoticeEvent, key: String, text: String) -> Notice {
        Notice {
            id: format!("{}/{key}/{}", self.node, self.now.as_millis()),
            key,
            state: NoticeState::Told,
            event,
            urgency: Urgency::Info,
            node: self.node.clone(),
            time: self.now,
            since: self.now,
            text,
            names: Vec::new(),
            more_names: 0,
            regions: Vec::new(),
            epoch: None,
            author: None,
            reason: None,
        }
    }

    fn firing(&self, notice: Notice) -> Notice {
        let id = format!("{}/firing", notice.id);
        Notice { id, state: NoticeState::Firing, ..notice }
    }

    fn decision(&self, decision: &Decision, text: String, moved: bool) -> Announcement {
        let Decision { names, standing, derivation, .. } = decision;
        let notice = |event| Notice {
            names: names.iter().take(NAMES_MAX).cloned().collect(),
            more_names: names.len().saturating_sub(NAMES_MAX),
            regions: vec![standing.region.clone()],
            epoch: Some(standing.epoch),
            ..self.told(event, format!("name/{}", decision.name()), text.clone())
        };
        let rule = &derivation.rule;
        let urgency = Urgency::of(rule, decision.verdict().map(|verdict| verdict.state));
        match (event(rule), urgency) {
            (Some(event), Some(urgency)) => {
                let is_brief = matches!(rule, Rule::Unproven | Rule::Freeze | Rule::NoneProven);
                Announcement::Fires { notice: self.firing(Notice { urgency, ..notice(event) }), is_brief }
            }
            (None, _) | (_, None) => {
                Announcement::Clears { notice: resolved(notice(NoticeEvent::Decision)), is_told: moved }
            }
        }
    }

    /// An unknown region is no news: it is about to be up or down.
    fn verdict(&self, verdict: &Arc<Verdict>) -> Option<Announcement> {
        let notice = Notice {
            regions: vec![verdict.region.clone()],
            urgency: Urgency::Warning,
            ..self.told(
                NoticeEvent::Region,
                format!("region/{}", verdict.region),
                format!("region {} is {verdict}", verdict.region),
            )
        };
        match verdict.state {
            State::Unknown => None,
            State::Up if !verdict.is_degraded() => {
                Some(Announcement::Clears { notice: resolved(notice), is_told: false })
            }
            State::Up | State::Down => {
                Some(Announcement::Fires { notice: self.firing(notice), is_brief: false })
            }
        }
    }

    /// What others have decided is told by what it brings here.
    fn cluster(&self, event: &ClusterEvent, text: String) -> Option<Announcement> {
        let notice = |key: String| Notice {
            urgency: Urgency::Warning,
            ..self.told(NoticeEvent::Cluster, format!("cluster/{key}"), text.clone())
        };
        let fires = |key: String| Announcement::Fires { notice: self.firing(notice(key)), is_brief: false };
        let clears = |key: String| Announcement::Clears { notice: resolved(notice(key)), is_told: false };
        Some(match event {
            ClusterEvent::CutOff { .. } => fires("cut-off".into()),
            ClusterEvent::Together { .. } => clears("cut-off".into()),
            ClusterEvent::Alone => fires("alone".into()),
            ClusterEvent::NotAlone => clears("alone".into()),
            ClusterEvent::Silent { node } => fires(format!("silent/{node}")),
            ClusterEvent::Heard { node } => clears(format!("silent/{node}")),
            ClusterEvent::Differs { node } => fires(format!("differs/{node}")),
            ClusterEvent::Agrees { node } => clears(format!("differs/{node}")),
            ClusterEvent::OrderLost { lost, .. } => {
                Announcement::Told(notice(format!("order/{}", lost.id.0)))
            }
            ClusterEvent::OrderTaken { .. } | ClusterEvent::Followed { .. } => return None,
        })
    }

    fn gate(&self, gate: &GateId, region: Option<&RegionId>, light: Light, text: String) -> Announcement {
        let place = region.map(|region| format!("/{region}")).unwrap_or_default();
        let notice = Notice {
            regions: region.cloned().into_iter().collect(),
            urgency: Urgency::Warning,
            ..self.told(NoticeEvent::Gate, format!("gate/{gate}{place}"), text)
        };
        match light {
            Light::Green => Announcement::Clears { notice: resolved(notice), is_told: false },
            Light::Red => Announcement::Fires { notice: self.firing(notice), is_brief: false },
            Light::Unknown => Announcement::Fires { notice: self.firing(notice), is_brief: true },
        }
    }
}

fn resolved(notice: Notice) -> Notice {
    let id = format!("{}/resolved", notice.id);
    Notice { id, state: NoticeState::Resolved, ..notice }
}

fn event(rule: &Rule) -> Option<NoticeEvent> {
    match rule {
        Rule::Preferred => None,
        Rule::Unproven | Rule::Freeze | Rule::NoneProven | Rule::Frozen => Some(NoticeEvent::Frozen),
        Rule::FailedOver { .. } => Some(NoticeEvent::FailedOver),
        Rule::FailOpen => Some(NoticeEvent::FailOpen),
        Rule::Held => Some(NoticeEvent::Held),
        Rule::Pinned => Some(NoticeEvent::Pinned),
        Rule::Draining => Some(NoticeEvent::Draining),
    }
}
