//! What an operator reads about an outage, and which entries belong to a question.

use std::time::Duration;

use super::choice::Choice;
use super::incident::markdown;
use crate::api::Incident;
use crate::cli::tests::{NOW, Story};
use crate::controller::HistoryEntry;
use crate::model::{Moment, Name, RegionId};
use crate::policy::{Order, Target};

/// us-east dies, eu-west takes over and is drained by an operator, then dies as well.
fn outage() -> (Vec<HistoryEntry>, Moment) {
    let drain = Order::Drain(Target::Region("eu-west".into()));
    let story = Story::begin().pass(10).fails("us-east").pass(100).ordered(drain).pass(5);
    let story = story.fails("eu-west").pass(20).works("us-east").pass(100);
    let entries = story.history.into_iter().map(|(_, entry)| entry).collect();
    (entries, story.now)
}

#[test]
fn an_incident_is_told_from_its_first_failure_to_now() {
    let (entries, now) = outage();
    insta::assert_snapshot!(markdown(&Incident::of(&entries, NOW, now)));
}

#[test]
fn a_quiet_night_is_no_incident() {
    let (entries, now) = outage();
    let later = now + Duration::from_secs(1);
    insta::assert_snapshot!(markdown(&Incident::of(&entries, later, later)), @r"
    # Incident, 2026-11-22T16:03:56.000Z to 2026-11-22T16:03:56.000Z

    Nothing went wrong.

    ## Where each name was

    Nothing.

    ## Who did what

    Nothing.

    ## Timeline

    Nothing.
    ");
}

/// What stands in no span is told of a name that was somewhere before it.
#[test]
fn a_stay_that_began_before_the_span_is_cut_at_its_beginning() {
    let (entries, now) = outage();
    let from = NOW + Duration::from_secs(60);
    let incident = Incident::of(&entries, from, now);
    let first = incident.stays.first().expect("the name is told of");
    assert_eq!((first.from, first.region.as_str(), first.why.is_some()), (from, "eu-west", false));
    assert_eq!(incident.stays.last().map(|stay| stay.to), Some(now), "it is where it is until now");
    for pair in incident.stays.windows(2) {
        assert_eq!(pair[0].to, pair[1].from, "one stay follows the other");
    }
}

#[test]
fn the_entries_about_a_name_are_those_of_its_regions_too() {
    let (entries, _) = outage();
    let count = |name: Option<&str>, region: Option<&str>| {
        let name: Option<Name> = name.map(|name| name.parse().expect("a name"));
        let mut choice = Choice::new(name, region.map(RegionId::from), NOW, None);
        entries.iter().for_each(|entry| choice.learn(entry));
        entries.iter().filter(|entry| choice.has(entry)).count()
    };
    assert_eq!(count(None, None), entries.len());
    assert_eq!(count(Some("APP.example.com"), None), entries.len(), "all of it is about this name");
    assert_eq!(count(Some("other.example.com"), None), 0);
    let (us, eu) = (count(None, Some("us-east")), count(None, Some("eu-west")));
    let orders = |entry: &&HistoryEntry| entry.author.is_some() && entry.regions == ["eu-west".into()];
    assert_eq!(entries.iter().filter(orders).count(), 1, "what is ordered for a region is about it");
    assert!(us > 0 && eu > 0 && us < entries.len() && eu < entries.len(), "{us} and {eu}");
}
