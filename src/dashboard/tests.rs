//! Every page in every state that an operator can meet, as golden texts; and what must hold of all of them.

mod attack;
mod cluster;
mod stage;

use std::time::Duration;

use super::*;
use crate::api::{HistoryPage, HistoryQuestion, Status};
use crate::model::{Name, RegionId};

use stage::{Stage, many_names};

/// The scenes that pages are looked at in: a title, and a story that leads there.
const SCENES: &[(&str, &str)] = &[
    ("healthy", "10m expect us-east, preferred"),
    ("failed_over", "60s us-east refuses\nby 80s expect eu-west\n120s expect eu-west"),
    (
        "failback",
        "60s us-east refuses\nby 80s expect eu-west\n120s us-east is up\n200s expect eu-west, failed-over",
    ),
    ("fail_open", "60s eu-west answers 503\n80s us-east answers 503\n120s expect us-east, fail-open"),
    ("frozen", "60s we lose our network\n150s expect us-east, freeze"),
    ("held", HELD),
    (
        "pinned",
        "60s an operator says failover app.example.com to eu-west for 30m then hold\n120s expect eu-west, pinned",
    ),
    ("drained", "60s an operator says drain us-east for 30m\n120s expect eu-west, failed-over"),
    ("planned", "60s an operator says switchover app.example.com to eu-west at 600s\n120s expect us-east"),
    ("three_vantages", "0s 3 name servers vote\n60s 192.0.2.10 hangs\n120s expect us-east"),
    ("first_seconds", "0s expect us-east, unproven"),
];

/// The region that it fled to dies before the first one has been up for long enough.
const HELD: &str = "60s us-east refuses\nby 80s expect eu-west\n120s us-east is up\n130s eu-west refuses\n145s expect eu-west, held";

impl Stage {
    fn sight<'s>(&self, status: &'s Status) -> Sight<'s> {
        Sight { status, trouble: None, now: self.now() }
    }

    fn overview(&self) -> String {
        overview(&self.sight(&self.status()), &self.heartbeats(), &OverviewQuery::default())
    }

    fn name(&self) -> String {
        let name: Name = "app.example.com".parse().expect("a name");
        let seen = NameSight {
            explanation: &self.explanation(&name),
            history: Ok(&self.history()),
            beats: &self.heartbeats(),
            span: Span::Hour,
        };
        super::name(&self.sight(&self.status()), &name, &seen).expect("it is steered")
    }

    fn region(&self) -> String {
        let region = RegionId::from("us-east");
        super::region(&self.sight(&self.status()), &region, &self.heartbeats()).expect("it is there")
    }

    fn history_page(&self) -> String {
        let asked = HistoryQuestion::newest(100);
        super::history(&self.sight(&self.status()), &self.history(), &asked)
    }

    /// Every page of this moment.
    fn pages(&self) -> Vec<(&'static str, String)> {
        let status = self.status();
        let sight = self.sight(&status);
        vec![
            ("overview", self.overview()),
            ("name", self.name()),
            ("region", self.region()),
            ("history", self.history_page()),
            ("settings", settings(&sight, &stage::configured("<ns1>"))),
            ("notice", notice(Some(&sight), &Notice::NoName("<b>".into()), self.now())),
        ]
    }
}

#[test]
fn pages_look_like_this() {
    for (title, story) in SCENES {
        let stage = Stage::play(story);
        insta::assert_snapshot!(format!("overview_{title}"), text_of(&stage.overview()));
        insta::assert_snapshot!(format!("name_{title}"), text_of(&stage.name()));
        insta::assert_snapshot!(format!("region_{title}"), text_of(&stage.region()));
    }
    let stage = Stage::play(SCENES[2].1);
    insta::assert_snapshot!("history", text_of(&stage.history_page()));
    insta::assert_snapshot!("overview_as_it_is_sent", Stage::play(SCENES[1].1).overview());
}

/// What a reader gets without style, script and pictures: the words, a line for each block.
fn text_of(page: &str) -> String {
    let document = roxmltree::Document::parse_with_options(page, with_doctype()).expect("it is well-formed");
    let mut lines = vec![String::new()];
    collect(document.root_element(), &mut lines);
    let lines = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn with_doctype<'p>() -> roxmltree::ParsingOptions<'p> {
    roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() }
}

fn collect(node: roxmltree::Node<'_, '_>, lines: &mut Vec<String>) {
    let block = [
        "h1", "h2", "h3", "p", "li", "tr", "section", "summary", "header", "footer", "div", "title", "dl",
        "pre",
    ];
    let is_block = block.contains(&node.tag_name().name());
    if is_block {
        lines.push(String::new());
    }
    if let Some(label) = node.attribute("aria-label").filter(|_| node.tag_name().name() == "svg") {
        lines.last_mut().expect("one is there").push_str(&format!(" [{label}]"));
        return;
    }
    if let Some(text) = node.text().filter(|_| node.is_text()) {
        lines.last_mut().expect("one is there").push_str(text);
    }
    node.children().for_each(|child| collect(child, lines));
    if matches!(node.tag_name().name(), "td" | "th" | "dt" | "dd") {
        lines.last_mut().expect("one is there").push_str(" | ");
    }
    if is_block {
        lines.push(String::new());
    }
}

#[test]
fn every_page_is_well_formed_and_keeps_to_itself() {
    for (title, story) in SCENES {
        for (page, html) in Stage::play(story).pages() {
            judge(&format!("{page} of {title}"), &html);
        }
    }
}

/// What must hold of every page, whatever it says.
fn judge(what: &str, html: &str) {
    let document = roxmltree::Document::parse_with_options(html, with_doctype());
    let document = document.unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut ids = std::collections::BTreeSet::new();
    let mut last_heading = 0;
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "style", "{what}: {name} is forbidden by the policy");
            if ["href", "src", "action"].contains(&name) {
                let ours = value.starts_with(['/', '#', '?']) && !value.starts_with("//");
                assert!(ours, "{what}: {name}={value:?} leads elsewhere");
            }
            assert!(name != "id" || ids.insert(value.to_owned()), "{what}: the id {value} is there twice");
        }
        match node.tag_name().name() {
            "script" => assert!(node.attribute("src").is_some(), "{what}: a script in the page"),
            "style" | "iframe" | "object" | "img" => panic!("{what}: <{}>", node.tag_name().name()),
            heading @ ("h1" | "h2" | "h3") => {
                let level = usize::from(heading.as_bytes()[1] - b'0');
                assert!(level <= last_heading + 1, "{what}: {heading} after h{last_heading}");
                last_heading = level;
            }
            "th" => assert!(node.attribute("scope").is_some(), "{what}: a heading of what?"),
            "svg" => assert!(
                node.attribute("aria-label").is_some() || node.attribute("aria-hidden").is_some(),
                "{what}: a picture without words"
            ),
            _ => {}
        }
    }
    for reference in document.descendants().filter_map(|node| node.attribute("aria-labelledby")) {
        assert!(ids.contains(reference), "{what}: nothing is called {reference}");
    }
    let landmarks = ["header", "nav", "main", "footer", "h1"];
    for landmark in landmarks {
        let found = document.descendants().any(|node| node.has_tag_name(landmark));
        assert!(found, "{what}: no {landmark}");
    }
}

#[test]
fn style_and_script_ask_nobody_else() {
    for path in [&asset::STYLE.path, &asset::SCRIPT.path, &asset::ICON.path] {
        let asset = asset(path).expect("it is served");
        let body = asset.body.replace("http://www.w3.org/2000/svg", "");
        for word in ["http:", "https:", "//cdn", "@import", "url(", "eval(", "innerHTML ="] {
            assert!(!body.contains(word), "{path} says {word}");
        }
    }
    assert!(asset("/assets/style-00000000.css").is_none());
}

#[test]
fn the_colours_can_be_told_apart_by_their_words_and_shapes() {
    let stage = Stage::play(SCENES[3].1);
    let html = stage.overview();
    assert!(html.contains("FAIL OPEN") && html.contains("DOWN"), "{html}");
    let shapes: std::collections::BTreeSet<String> = mark::Tone::all()
        .map(|tone| mark::Mark::new(tone, "x"))
        .iter()
        .map(|mark| askama::Template::render(mark).expect("plain data"))
        .filter_map(|html| html.split(" d=\"").nth(1).map(str::to_owned))
        .collect();
    assert_eq!(shapes.len(), 3);
}

#[test]
fn a_thousand_names_are_pages_with_the_trouble_first() {
    let status = many_names(1_000, 7);
    let sight = Sight { status: &status, trouble: None, now: status.time };
    let beats = stage::no_heartbeats();
    let page = |query: &OverviewQuery| {
        let html = overview(&sight, &beats, query);
        judge("many names", &html);
        html
    };
    let first = page(&OverviewQuery::default());
    assert_eq!(first.matches("<tr id=\"name-").count(), 100);
    assert!(first.len() < 150_000, "{} octets", first.len());
    let rows: Vec<&str> = first.split("<tr id=\"name-").skip(1).collect();
    assert!(rows[..7].iter().all(|row| row.contains("FAIL OPEN")), "trouble comes first");
    assert!(!rows[7].contains("FAIL OPEN"));
    let last = page(&OverviewQuery { page: 10, ..OverviewQuery::default() });
    assert!(last.contains("901 to 1000 of 1000"));
    assert_eq!(page(&OverviewQuery { page: 99, ..OverviewQuery::default() }), last);
    let found = page(&OverviewQuery { find: "name-77.".into(), ..OverviewQuery::default() });
    assert_eq!(found.matches("class=\"answer ").count(), 1);
    let trouble = page(&OverviewQuery { shown: Shown::Trouble, page: 1, find: String::new() });
    assert_eq!(trouble.matches("<tr id=\"name-").count(), 7);
    let nothing = page(&OverviewQuery { find: "nowhere".into(), ..OverviewQuery::default() });
    assert!(nothing.contains("None of the 1000 names"));
}

#[test]
fn what_is_old_says_so() {
    let stage = Stage::play(SCENES[0].1);
    let status = stage.status();
    let later = stage.now() + Duration::from_secs(60);
    let shown = |trouble: Option<&str>, status: &Status, now| {
        let sight = Sight { status, trouble, now };
        text_of(&overview(&sight, &stage.heartbeats(), &OverviewQuery::default()))
    };
    assert!(!shown(None, &status, stage.now()).contains("old"));
    assert!(shown(None, &status, later).contains("This is old. What follows is what it said 01:00 ago"));
    let gone = shown(Some("it has panicked"), &status, later);
    assert!(gone.contains("The controller does not answer: it has panicked."), "{gone}");
    let saved = Status { source: crate::api::Source::Saved, ..status };
    assert!(shown(None, &saved, later).contains("The daemon does not run."));
}

#[test]
fn what_is_not_there_says_so() {
    let stage = Stage::play(SCENES[0].1);
    let status = stage.status();
    let sight = stage.sight(&status);
    let nowhere: Name = "nowhere.example.com".parse().expect("a name");
    let history = HistoryPage::new(Vec::new(), None);
    let explanation = stage.explanation(&nowhere);
    let beats = stage.heartbeats();
    let seen = NameSight { explanation: &explanation, history: Ok(&history), beats: &beats, span: Span::Day };
    assert_eq!(super::name(&sight, &nowhere, &seen), None);
    assert_eq!(super::region(&sight, &"nowhere".into(), &beats), None);
    let page = notice(None, &Notice::Unavailable("the controller has stopped".into()), stage.now());
    judge("notice", &page);
    insta::assert_snapshot!("unavailable", text_of(&page));
}
