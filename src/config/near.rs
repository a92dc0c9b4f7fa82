//! "Did you mean …?"

use strsim::osa_distance;

/// The candidate that `word` is most likely a slip of: at most a third of its letters added, left out, changed or
/// swapped with their neighbour. None when all are further away.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let most = (word.chars().count() / 3).max(1);
    let near = |candidate: &'c str| {
        // The cost is quadratic, and texts of very different lengths are never near.
        let is_comparable = candidate.len().abs_diff(word.len()) <= 4 * most; // four octets a character
        let distance = is_comparable.then(|| osa_distance(word, candidate))?;
        (distance <= most).then_some((distance, candidate))
    };
    candidates.into_iter().filter_map(near).min().map(|(_, candidate)| candidate)
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
