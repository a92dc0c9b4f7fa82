//! "Did you mean …?"

/// The candidate that `word` is most likely a slip of; none when all are too far away.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let most = (word.chars().count() / 3).max(1);
    let near = |candidate: &'c str| {
        let far_off = candidate.len().abs_diff(word.len()) > 4 * most; // four octets a character
        let distance = if far_off { usize::MAX } else { slips(word, candidate) };
        (distance <= most).then_some((distance, candidate))
    };
    candidates.into_iter().filter_map(near).min().map(|(_, candidate)| candidate)
}

/// Letters that were added, left out, changed or swapped with their neighbour (optimal string alignment).
fn slips(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, letter) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, &other) in b.iter().enumerate() {
            let changed = row[j] + usize::from(letter != other);
            let mut least = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && last == Some(other) && letter == b[j - 1] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        (before, row, last) = (row, next, Some(letter));
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let check = |word, meant: &str| {
            assert_eq!(
                nearest(word, ["interval", "recheck", "fall", "rise", "ttl"]).unwrap_or("nothing"),
                meant
            );
        };
        check("rechek", "recheck");
        check("rehceck", "recheck");
        check("Interval", "interval");
        check("intervall", "interval");
        check("fal", "fall");
        check("lalf", "nothing");
        check("tt", "ttl");
        check("", "nothing");
        check("weight", "nothing");
    }
}
