//! What README and docs show in fenced blocks. The words after the fence say what it is, and who runs it.

/// The texts of all blocks whose fence says `kind`, such as `toml fragment`.
pub(crate) fn blocks(page: &str, kind: &str) -> Vec<String> {
    fenced(page).into_iter().filter(|(said, _)| *said == kind).map(|(_, text)| text).collect()
}

/// All blocks: what the fence says, and the text.
pub(crate) fn fenced(page: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(kind) if !inside => {
                found.push((kind.trim(), String::new()));
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => {
                let (_, text) = found.last_mut().expect("a block has begun");
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    found
}
