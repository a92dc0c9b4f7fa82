//! A notice as people read it, where there is no template.

use crate::controller::{Notice, NoticeState};

/// In one line: what it is, and what happened.
pub(super) fn headline(notice: &Notice) -> String {
    let Notice { state, urgency, text, .. } = notice;
    match state {
        NoticeState::Firing => format!("[{urgency}] {text}"),
        NoticeState::Resolved => format!("[resolved] {text}"),
        NoticeState::Told => format!("[notice] {text}"),
    }
}

/// The same with who says so, when, and where more is to be found.
pub(super) fn body(notice: &Notice) -> String {
    let Notice { node, time, since, names, more_names, key, state, .. } = notice;
    let mut text = headline(notice);
    if names.len() > 1 || *more_names > 0 {
        let all: Vec<String> = names.iter().map(ToString::to_string).collect();
        text += &format!("\nnames: {}", all.join(", "));
        if *more_names > 0 {
            text += &format!(" and {more_names} more");
        }
    }
    if *state != NoticeState::Told && since != time {
        text += &format!("\nsince {since}");
    }
    if let Some(reason) = &notice.reason {
        text += &format!("\nreason: {reason}");
    }
    text += &format!("\n{node}, {time}, {key}");
    if let Some(name) = names.first() {
        text += &format!("; why: cadence-dns explain {name}");
    }
    text
}

/// A name that has just left its region.
#[cfg(test)]
pub(super) fn sample() -> Notice {
    use crate::controller::NoticeEvent;
    use crate::model::Moment;
    use crate::policy::Urgency;

    let time = Moment::from_millis(1_795_363_200_000);
    Notice {
        id: "ns1/name/app.example.com/1795363200000/firing".into(),
        key: "name/app.example.com".into(),
        state: NoticeState::Firing,
        event: NoticeEvent::FailedOver,
        urgency: Urgency::Warning,
        node: "ns1".into(),
        time,
        since: time,
        text: "app.example.com: us-east -> eu-west (epoch 17): failed over: us-east down: \"refused\" <&>"
            .into(),
        names: vec!["app.example.com".parse().expect("a name"), "api.example.com".parse().expect("a name")],
        more_names: 0,
        regions: vec!["eu-west".into()],
        epoch: Some(17),
        author: None,
        reason: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_in_words() {
        insta::assert_snapshot!(body(&sample()), @r#"
        [warning] app.example.com: us-east -> eu-west (epoch 17): failed over: us-east down: "refused" <&>
        names: app.example.com, api.example.com
        ns1, 2026-11-22T16:00:00.000Z, name/app.example.com; why: cadence-dns explain app.example.com
        "#);
    }
}
