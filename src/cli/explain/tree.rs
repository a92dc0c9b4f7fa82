//! An explanation as a tree: a pure function, so that its look is a golden text.

use crate::api::{Explanation, Outline};

/// The whole tree.
pub(super) fn render(explanation: &Explanation) -> String {
    let outline = Outline::of(explanation);
    let mut out = format!("{}\n", outline.text);
    draw(&outline.below, "", &mut out);
    out
}

fn draw(lines: &[Outline], prefix: &str, out: &mut String) {
    for (index, line) in lines.iter().enumerate() {
        let is_last = index + 1 == lines.len();
        let (branch, beside) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        out.push_str(&format!("{prefix}{branch}{}\n", line.text));
        draw(&line.below, &format!("{prefix}{beside}"), out);
    }
}
