//! What the drill for two says that is seen is what the program says: the stories that it links are played, and warn so.

use std::fs;

use crate::pages::root;

/// What stands between backquotes in a cell of a table.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn what_is_seen_in_the_drill_is_what_the_stories_warn_of() {
    let page = fs::read_to_string(root().join("docs/cluster.md")).expect("it is there");
    let drill = page.split("## A drill for two").nth(1).expect("it has the section");
    let mut held = 0;
    for row in drill.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let Some((seen, link)) = cells.get(1).and_then(|cell| cell.split_once("([story](../")) else {
            continue;
        };
        let file = root().join(link.trim_end_matches([' ', ')']));
        let story = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for words in quoted(seen).into_iter().filter(|words| !words.contains('…')) {
            let warned = story.contains(&format!("warns {words}"));
            assert!(warned, "{}: nothing there warns of `{words}`:\n{row}", file.display());
            held += 1;
        }
    }
    assert!(held >= 8, "only {held} phrases are held to a story");
}
