//! Each rule has its page, and the page the story that the tests play.

use std::fs;

use crate::kit::documents::fenced;
use crate::pages::{pages, root};

/// The page with its stories as they are.
fn told(text: &str) -> String {
    let mut made = text.to_owned();
    for (kind, shown) in fenced(text) {
        let Some(story) = kind.strip_prefix("text scenario ") else { continue };
        let file = root().join("tests/scenarios").join(format!("{story}.txt"));
        let played = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        made = made.replace(&format!("```{kind}\n{shown}```"), &format!("```{kind}\n{played}```"));
    }
    made
}

#[test]
fn every_story_is_the_one_that_is_played() {
    for (page, text) in pages() {
        let made = told(&text);
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            fs::write(root().join(&page), &made).expect("docs can be written");
        } else {
            assert!(made == text, "{}: a story has changed; INSTA_UPDATE=always writes it", page.display());
        }
    }
}

#[test]
fn every_rule_has_its_page_and_its_story() {
    let policy = fs::read_to_string(root().join("src/policy.rs")).expect("it is there");
    let rules = policy.split("impl Rule {").nth(1).expect("rules have labels");
    let rules = rules.split("\n}\n").next().expect("it ends");
    let labels: Vec<&str> = rules.split('"').skip(1).step_by(2).collect();
    assert!(labels.len() >= 10, "{labels:?}");
    let deciding = fs::read_to_string(root().join("docs/deciding.md")).expect("it is there");
    for label in labels {
        let page = fs::read_to_string(root().join(format!("docs/rules/{label}.md"))).unwrap_or_default();
        let stories = fenced(&page).into_iter().filter(|(kind, _)| kind.starts_with("text scenario "));
        let expected = stories.into_iter().any(|(_, story)| story.contains(&format!(", {label}")));
        assert!(expected, "docs/rules/{label}.md has no story that expects `{label}`");
        assert!(deciding.contains(&format!("(rules/{label}.md)")), "docs/deciding.md does not list {label}");
    }
}
