//! Whatever stands in the file: an answer, and no panic.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{COMPLETE, CONTRACT, read};
use crate::model::has_errors;

/// Either all is well, or something is an error and everything has its place.
fn keeps_its_promise(text: &str) {
    let (fine, problems) = match read(text) {
        Ok(parsed) => (true, parsed.warnings),
        Err(problems) => (false, problems),
    };
    assert_eq!(fine, !has_errors(&problems), "{text}\n{problems:#?}");
    assert!(problems.is_sorted_by(|a, b| a.place <= b.place), "{problems:#?}");
    for problem in problems {
        assert!(problem.place.is_some() && !problem.found.is_empty(), "{problem:?}");
        let _ = problem.to_string();
    }
}

/// Things that are one value of TOML, or none.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1e999".to_owned()),
        Just("{}".to_owned()),
        Just("[[]]".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("{ a = [1, { b = nan }] }".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "\"[ -~]{0,12}\"",
        "\"[0-9]{1,20}(ms|s|m|h)\"",
        "[ -~é\\n]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_judged(text in "(\\PC|[\\[\\]{}=.\"'#,\\n\\r\\t ]){0,200}") {
        keeps_its_promise(&text);
    }

    #[test]
    fn any_value_of_any_key_is_judged(complete: bool, line: Index, value in value()) {
        let text = if complete { COMPLETE } else { CONTRACT };
        let keys: Vec<&str> = text.lines().filter(|line| line.contains(" = ")).collect();
        let old = *line.get(&keys);
        let (key, _) = old.split_once(" = ").expect("a key and its value");
        keeps_its_promise(&text.replacen(old, &format!("{key} = {value}"), 1));
    }

    #[test]
    fn a_damaged_file_is_judged(complete: bool, at: Index, length in 0..40_usize, put in "[ -~\\n]{0,6}") {
        let text = if complete { COMPLETE } else { CONTRACT };
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        keeps_its_promise(&format!("{}{put}{}", &text[..start], &text[end..]));
    }

    #[test]
    fn lines_in_any_order_are_judged(lines in Just(COMPLETE.lines().collect::<Vec<_>>()).prop_shuffle()) {
        keeps_its_promise(&lines.join("\n"));
    }
}
