//! `passes`: which probes an address must pass.
//!
//! ```text
//! either   = both { "or" both }
//! both     = one { "and" one }
//! one      = "not" one | "(" either ")" | number "of" several | "all" | "any" | label
//! several  = "all" | "(" either { "," either } ")"
//! ```

use std::collections::BTreeMap;

use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::near::nearest;
use crate::config::read::At;
use crate::config::spec::ProbeSpec;
use crate::health::{Calculation, Passes, Vote};
use crate::model::Place;

/// The longest calculation, in octets: nobody understands a longer one.
const OCTETS: usize = 1000;

/// Parentheses and `not` within each other.
const DEPTH: usize = 16;

/// Words that no probe can be called.
const WORDS: [&str; 6] = ["all", "and", "any", "not", "of", "or"];

/// The probes of a region that every combination is tried of, to see whether one of them is up.
const TRIED: usize = 12;

/// What the region's `passes` says about its probes.
pub(super) fn passes(
    text: Option<At<String>>,
    probes: &[At<ProbeSpec>],
    diagnostics: &Diagnostics<'_>,
) -> Option<Passes> {
    let labels = labels(probes, diagnostics)?;
    let Some(At { value, place }) = text else { return Some(Passes::All) };
    if probes.is_empty() {
        diagnostics.error(
            &place,
            "`passes` of a region without a probe",
            "leave it out, or add a `[[region.probe]]`",
        );
        return None;
    }
    let refused = |found: String, help: String| {
        diagnostics.error(&place, found, help);
        None
    };
    if value.len() > OCTETS {
        return refused(format!("`passes` has {} octets", value.len()), format!("at most {OCTETS}"));
    }
    let parsed = Parser { words: words(&value), labels: &labels, probes: probes.len(), depth: 0 }.whole();
    let calculation = match parsed {
        Ok(calculation) => calculation,
        Err(Wrong { found, help }) => {
            return refused(format!("`passes` is {}: {found}", quoted(&value)), help);
        }
    };
    if value.trim() == "all" {
        return Some(Passes::All);
    }
    judge(calculation, probes, &place, diagnostics)
}

/// The probes that have a label, which no other has.
fn labels<'p>(
    probes: &'p [At<ProbeSpec>],
    diagnostics: &Diagnostics<'_>,
) -> Option<BTreeMap<&'p str, (u16, &'p Place)>> {
    let mut labels: BTreeMap<&str, (u16, &Place)> = BTreeMap::new();
    let mut whole = true;
    for (number, probe) in (0..).zip(probes) {
        let Some(At { value, place }) = &probe.value.label else { continue };
        let fits = value.starts_with(|first: char| first.is_ascii_alphabetic()) && value.len() <= 64;
        let (found, help): (String, &str) = if !fits || !value.chars().all(is_letter) {
            (
                format!("the label {} cannot be a word", quoted(value)),
                "a letter, then letters, digits, - and _",
            )
        } else if WORDS.contains(&value.as_str()) {
            (format!("the label {} is a word of `passes`", quoted(value)), "another name")
        } else if let Some((_, first)) = labels.get(value.as_str()) {
            let found = format!("a probe in line {} has the label {} already", first.line, quoted(value));
            (found, "another label for each probe of a region")
        } else {
            labels.insert(value, (number, place));
            continue;
        };
        diagnostics.error(place, found, help);
        whole = false;
    }
    whole.then_some(labels)
}

/// Whether a calculation is of use: every probe has a say, what is dead is down, and what is well can be up.
fn judge(
    calculation: Calculation,
    probes: &[At<ProbeSpec>],
    place: &Place,
    diagnostics: &Diagnostics<'_>,
) -> Option<Passes> {
    let asked = calculation.probes();
    let mut whole = true;
    for (number, probe) in (0_u16..).zip(probes) {
        if !asked.contains(&number) {
            diagnostics.error(
                &probe.place,
                "a probe that `passes` does not ask",
                "name it there by its `label`, or leave it out",
            );
            whole = false;
        }
    }
    if calculation.vote(&|_| Vote::Down) == Vote::Up {
        let help = "ask for something that must pass as well: \"web and not maintenance\"";
        diagnostics.error(place, "by this `passes` an address is up when every probe of it fails", help);
        whole = false;
    }
    if probes.len() <= TRIED && !can_be_up(&calculation, probes.len()) {
        diagnostics.error(
            place,
            "by this `passes` no address is ever up",
            "a calculation that probes can pass",
        );
        whole = false;
    }
    whole.then_some(Passes::Calculated(calculation))
}

/// Whether there is a combination of passes and failures that is up.
fn can_be_up(calculation: &Calculation, probes: usize) -> bool {
    let of = |combination: u32| {
        move |probe: u16| if combination >> probe & 1 == 1 { Vote::Up } else { Vote::Down }
    };
    (0..1_u32 << probes).any(|combination| calculation.vote(&of(combination)) == Vote::Up)
}

/// What makes no sense, and what would.
struct Wrong {
    found: String,
    help: String,
}

struct Parser<'w, 'l> {
    words: Vec<&'w str>,
    labels: &'l BTreeMap<&'l str, (u16, &'l Place)>,
    probes: usize,
    depth: usize,
}

impl<'w> Parser<'w, '_> {
    fn whole(mut self) -> Result<Calculation, Wrong> {
        self.words.reverse(); // the next one is the last
        let whole = self.either()?;
        match self.words.last() {
            None => Ok(whole),
            Some(word) => Err(wrong(format!("`{word}` comes too late"), "`and` or `or` between two parts")),
        }
    }

    fn either(&mut self) -> Result<Calculation, Wrong> {
        let parts = self.list("or", Self::both)?;
        Ok(one_or(parts, |parts| Calculation::AtLeast(1, parts)))
    }

    fn both(&mut self) -> Result<Calculation, Wrong> {
        let parts = self.list("and", Self::one)?;
        Ok(one_or(parts, |parts| Calculation::AtLeast(parts.len(), parts)))
    }

    fn one(&mut self) -> Result<Calculation, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(wrong(format!("more than {DEPTH} parts within each other"), "a simpler calculation"));
        }
        let one = match self.words.pop() {
            Some("not") => Calculation::Not(Box::new(self.one()?)),
            Some("(") => {
                let inner = self.either()?;
                self.expect(")")?;
                inner
            }
            Some("all") => Calculation::AtLeast(self.probes, self.every()),
            Some("any") => Calculation::AtLeast(1, self.every()),
            Some(word) if word.starts_with(|first: char| first.is_ascii_digit()) => self.at_least(word)?,
            Some(word) => self.probe(word)?,
            None => {
                return Err(wrong(
                    "something is missing at the end".into(),
                    "a label of a probe, `all` or `any`",
                ));
            }
        };
        self.depth -= 1;
        Ok(one)
    }

    /// After the number.
    fn at_least(&mut self, number: &str) -> Result<Calculation, Wrong> {
        self.expect("of")?;
        let parts = if self.words.last() == Some(&"all") {
            self.words.pop();
            self.every()
        } else {
            self.expect("(")?;
            let parts = self.list(",", Self::either)?;
            self.expect(")")?;
            parts
        };
        let needed = number.parse::<usize>().ok().filter(|needed| (1..=parts.len()).contains(needed));
        match needed {
            Some(needed) => Ok(Calculation::AtLeast(needed, parts)),
            None => {
                let help = format!("from 1 to {}, of which there are", parts.len());
                Err(wrong(format!("`{number} of` {}", parts.len()), &help))
            }
        }
    }

    fn probe(&self, word: &str) -> Result<Calculation, Wrong> {
        if let Some((number, _)) = self.labels.get(word) {
            return Ok(Calculation::Probe(*number));
        }
        let known = self.labels.keys().copied();
        let help = match nearest(word, known.chain(WORDS)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "the `label` of a probe of this region, `all` or `any`".to_owned(),
        };
        Err(wrong(format!("no probe has the label `{word}`"), &help))
    }

    /// Parts with a word between them.
    fn list(
        &mut self,
        between: &str,
        part: fn(&mut Self) -> Result<Calculation, Wrong>,
    ) -> Result<Vec<Calculation>, Wrong> {
        let mut parts = vec![part(self)?];
        while self.words.last() == Some(&between) {
            self.words.pop();
            parts.push(part(self)?);
        }
        Ok(parts)
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Wrong> {
        match self.words.pop() {
            Some(word) if word == wanted => Ok(()),
            Some(word) => Err(wrong(
                format!("`{word}` where `{wanted}` should be"),
                "as in \"web and 1 of (db, cache)\"",
            )),
            None => {
                Err(wrong(format!("`{wanted}` is missing at the end"), "as in \"web and 1 of (db, cache)\""))
            }
        }
    }

    fn every(&self) -> Vec<Calculation> {
        (0..).take(self.probes).map(Calculation::Probe).collect()
    }
}

fn wrong(found: String, help: &str) -> Wrong {
    Wrong { found, help: help.to_owned() }
}

fn one_or(mut parts: Vec<Calculation>, several: impl FnOnce(Vec<Calculation>) -> Calculation) -> Calculation {
    if parts.len() == 1 { parts.remove(0) } else { several(parts) }
}

/// Words, parentheses and commas; whatever else stands there is a word that no probe is called.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            letter if is_letter(letter) => rest.find(|c| !is_letter(c)).unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-' || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three probes: `web`, `db`, and one without a label.
    fn parsed(text: &str) -> Result<Calculation, String> {
        let place = Place { file: "c.toml".into(), line: 1, column: 1 };
        let labels = BTreeMap::from([("web", (0, &place)), ("db", (1, &place))]);
        let parser = Parser { words: words(text), labels: &labels, probes: 3, depth: 0 };
        parser.whole().map_err(|wrong| format!("{}; {}", wrong.found, wrong.help))
    }

    /// As a Polish would write it.
    fn shown(calculation: &Calculation) -> String {
        let list = |of: &[Calculation]| of.iter().map(shown).collect::<Vec<_>>().join(" ");
        match calculation {
            Calculation::Probe(number) => number.to_string(),
            Calculation::AtLeast(needed, of) => format!("({needed} of {})", list(of)),
            Calculation::Not(of) => format!("!{}", shown(of)),
        }
    }

    #[test]
    fn what_is_written_is_meant() {
        let check = |text: &str, expected: &str| {
            let got = parsed(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
            assert_eq!(shown(&got), expected, "{text}");
        };
        check("web", "0");
        check("all", "(3 of 0 1 2)");
        check("any", "(1 of 0 1 2)");
        check("2 of all", "(2 of 0 1 2)");
        check("web and db", "(2 of 0 1)");
        check("web or db and not web", "(1 of 0 (2 of 1 !0))");
        check("(web or db)and not(web)", "(2 of (1 of 0 1) !0)");
        check("1 of (web, db and all, not db)", "(1 of 0 (2 of 1 (3 of 0 1 2)) !1)");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let check = |text: &str, expected: &str| {
            let told = parsed(text).map_or_else(|told| told, |calculation| shown(&calculation));
            assert!(told.contains(expected), "{text}: {told}");
        };
        check("", "something is missing at the end");
        check("web and", "something is missing at the end");
        check("web db", "`db` comes too late; `and` or `or` between two parts");
        check("wbe", "no probe has the label `wbe`; did you mean `web`?");
        check("web & db", "`&` comes too late");
        check("4 of all", "`4 of` 3; from 1 to 3, of which there are");
        check("0 of (web)", "`0 of` 1");
        check("2 web", "`web` where `of` should be");
        check("(web", "`)` is missing at the end");
        check(&format!("{}web", "(".repeat(100)), "more than 16 parts within each other");
        check(&format!("{}web", "not ".repeat(100)), "more than 16 parts within each other");
        check("99999999999999999999 of all", "from 1 to 3");
    }
}
