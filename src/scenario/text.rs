//! A scenario's file becomes its parts, or every line that makes no sense.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::language::{Mistake, Step};
use crate::model::{Place, Problem};

/// A scenario as it stands in its file.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name of the file.
    pub file: Arc<str>,
    /// All of its text.
    pub text: Arc<str>,
    /// What it is about: the comment that it begins with.
    pub about: String,
    /// Regions, steers and witnesses of its own, in front of `---`; none when it is a story alone.
    pub topology: Option<String>,
    /// What happens and what is expected.
    pub steps: Vec<Step>,
    /// Other configurations, each after a line `--- NAME`, with as many empty lines before it as there are in the file.
    pub configs: BTreeMap<String, String>,
}

/// A part of the file, and how many lines stand before it.
struct Part<'t> {
    name: &'t str,
    before: usize,
    lines: Vec<&'t str>,
}

/// Takes a scenario apart. `file` is its name in messages.
///
/// # Errors
/// Every line that makes no sense, with its place.
pub fn read(file: &str, text: &str) -> Result<Scenario, Vec<Problem>> {
    let file: Arc<str> = file.into();
    let (topology, story, others) = split(parts(text));
    let about = about(text);
    let (mut steps, mut problems) = (Vec::new(), Vec::new());
    for (line, number) in story.lines.iter().zip(story.before + 1..) {
        let line_number = u32::try_from(number).unwrap_or(u32::MAX);
        match Step::read(line_number, line) {
            Ok(step) => steps.extend(step),
            Err(mistake) => problems.push(problem(&file, text, line_number, mistake)),
        }
    }
    if topology.is_none() && story.lines.iter().any(|line| line.starts_with("[[")) {
        for problem in &mut problems {
            problem.help =
                "a configuration stands in front of the story, with a line `---` between them".into();
        }
    }
    if steps.is_empty() && problems.is_empty() {
        let help = "write a line such as `60s us-east refuses`, or `by 75s expect eu-west`";
        problems.push(problem(
            &file,
            text,
            1,
            Mistake { column: 1, found: "nothing happens and nothing is expected".into(), help: help.into() },
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let configs = others.into_iter().map(|Part { name, before, lines }| {
        (name.to_owned(), format!("{}{}", "\n".repeat(before), lines.join("\n")))
    });
    Ok(Scenario { file, text: text.into(), about, topology, steps, configs: configs.collect() })
}

impl Scenario {
    /// What is wrong with a step, as a problem with its place.
    #[must_use]
    pub fn problem(&self, step: &Step, mistake: Mistake) -> Problem {
        problem(&self.file, &self.text, step.line, mistake)
    }
}

/// What lines `---` and `--- NAME` separate.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = vec![Part { name: "", before: 0, lines: Vec::new() }];
    for (line, number) in text.lines().zip(1..) {
        match line.trim().strip_prefix("---") {
            Some(name) => parts.push(Part { name: name.trim(), before: number, lines: Vec::new() }),
            None => parts.last_mut().expect("there is one").lines.push(line),
        }
    }
    parts
}

/// The topology, the story and the other configurations: what stands in front of a bare `---` is no story.
fn split(parts: Vec<Part<'_>>) -> (Option<String>, Part<'_>, Vec<Part<'_>>) {
    let mut parts = parts.into_iter();
    let first = parts.next().expect("there is one");
    let mut rest: Vec<Part<'_>> = parts.collect();
    match rest.first() {
        Some(second) if second.name.is_empty() => {
            let story = rest.remove(0);
            (topology(&first.lines), story, rest)
        }
        Some(_) | None => (None, first, rest),
    }
}

fn topology(head: &[&str]) -> Option<String> {
    let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    head.iter().any(says).then(|| head.join("\n"))
}

fn about(text: &str) -> String {
    let comment = text.lines().map_while(|line| line.trim_start().strip_prefix('#'));
    comment.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn problem(file: &Arc<str>, text: &str, line: u32, mistake: Mistake) -> Problem {
    let Mistake { column, found, help } = mistake;
    Problem::error(Some(Place { file: Arc::clone(file), line, column }), found, help).with_source(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two lines of each problem, without the help.
    fn check(text: &str, told: &[&str]) {
        let problems = read("s.txt", text).map(|_| Vec::new()).unwrap_or_else(|problems| problems);
        let found: Vec<String> = problems
            .iter()
            .map(|problem| {
                let place = problem.place.as_ref().expect("a place");
                format!("{}:{}: {}", place.line, place.column, problem.found)
            })
            .collect();
        assert_eq!(found, told, "{text}");
    }

    #[test]
    fn a_mistake_is_told_with_line_and_column() {
        check("60s us-east explodes", &["1:5: nothing that can happen"]);
        check("# about\n\nsoon us-east refuses", &["3:1: `soon` is no time such as 90s or 1h5m"]);
        check("5s", &["1:3: nothing that can happen"]);
        check("by 5s us-east refuses", &["1:7: `by` and `until` are for `expect`"]);
        check("by", &["1:3: `` is no time such as 90s or 1h5m"]);
        check("99999h us-east refuses", &["1:1: `99999h` is beyond the 31 days that a story may last"]);
        check("0s 0 name servers vote", &["1:4: `0` is no number of name servers from 1 to 9"]);
        check("5s ns0 loses its network", &["1:4: `ns0` is no node such as ns2"]);
        check("5s us-east answers soon", &["1:4: `soon` is no status of HTTP"]);
        check("5s expect eu-west, epoch x, ttl", &["1:20: `x` is no epoch"]);
        check("5s   expect eu-west,  ttl 3", &["1:23: `3` is no time such as 90s or 1h5m"]);
        check("5s expect", &["1:10: after `expect` comes a region, or a name and a region"]);
        check("5s expect a,,", &["1:13: `` is nothing that can be expected"]);
        check(
            "a b\nc d\n",
            &["1:1: `a` is no time such as 90s or 1h5m", "2:1: `c` is no time such as 90s or 1h5m"],
        );
        check("", &["1:1: nothing happens and nothing is expected"]);
        check(
            "[[region]]\nname = \"x\"\n---\n# nothing\n",
            &["1:1: nothing happens and nothing is expected"],
        );
    }

    #[test]
    fn a_story_needs_no_topology() {
        let scenario = read("s.txt", "# A region dies.\n5s us-east refuses # now").expect("it is right");
        assert_eq!((scenario.about.as_str(), scenario.topology.is_none()), ("A region dies.", true));
        assert_eq!(scenario.steps.len(), 1);
        let scenario = read("s.txt", "# About\n---\n5s us-east refuses").expect("it is right");
        assert!(scenario.topology.is_none());
    }

    #[test]
    fn other_configurations_keep_their_lines() {
        let scenario = read("s.txt", "5s us-east refuses\n--- new\n[[region]]\n").expect("it is right");
        assert_eq!((scenario.topology.is_none(), scenario.steps.len()), (true, 1));
        assert_eq!(scenario.configs["new"], "\n\n[[region]]");
    }

    #[test]
    fn any_text_is_read_or_refused() {
        for text in
            ["---\n---\n---", "\u{feff}5s x", "5s expect ,", "é é", "until 1s expect a b c", "--- \n#"]
        {
            drop(read("s.txt", text));
        }
    }
}
