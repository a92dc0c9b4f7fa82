//! Sets of time.

use std::time::Duration;

use crate::model::Moment;

/// Spans of time in order, which neither touch nor overlap; each without its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans(Vec<(Moment, Moment)>);

impl Spans {
    /// The union of any spans, in any order.
    #[must_use]
    pub fn of(spans: impl IntoIterator<Item = (Moment, Moment)>) -> Spans {
        let mut all: Vec<(Moment, Moment)> = spans.into_iter().filter(|(from, until)| from < until).collect();
        all.sort_unstable();
        let mut union: Vec<(Moment, Moment)> = Vec::new();
        for (from, until) in all {
            match union.last_mut() {
                Some((_, last)) if *last >= from => *last = until.max(*last),
                Some(_) | None => union.push((from, until)),
            }
        }
        Spans(union)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = (Moment, Moment)> {
        self.0.iter().copied()
    }

    /// How long they are together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.iter().map(|(from, until)| until.since(from)).sum()
    }

    /// Whether a moment lies in one.
    #[must_use]
    pub fn contains(&self, at: Moment) -> bool {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).is_some_and(|index| at < self.0[index].1)
    }

    /// What lies in both.
    #[must_use]
    pub fn and(&self, other: &Spans) -> Spans {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some((a, b)), Some((c, d))) = (left.peek(), right.peek()) {
            both.push((*a.max(c), *b.min(d)));
            if b < d {
                left.next()
            } else {
                right.next()
            };
        }
        Spans::of(both)
    }

    /// What lies in either.
    #[must_use]
    pub fn or(&self, other: &Spans) -> Spans {
        Spans::of(self.iter().chain(other.iter()))
    }

    /// Where at least so many of the sets lie together.
    #[must_use]
    pub fn where_at_least(count: usize, sets: &[Spans]) -> Spans {
        let mut edges: Vec<(Moment, bool)> = sets
            .iter()
            .flat_map(Spans::iter)
            .flat_map(|(from, until)| [(from, true), (until, false)])
            .collect();
        edges.sort_unstable();
        let (mut inside, mut since, mut found) = (0_usize, None, Vec::new());
        for (at, begins) in edges {
            inside = if begins { inside + 1 } else { inside - 1 };
            match since {
                None if inside >= count => since = Some(at),
                Some(from) if inside < count => {
                    found.push((from, at));
                    since = None;
                }
                None | Some(_) => {}
            }
        }
        Spans::of(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Spans {
        let at = |millis: usize| Moment::from_millis(millis as u64);
        Spans::of(text.char_indices().filter(|(_, c)| *c == '#').map(|(n, _)| (at(n), at(n + 1))))
    }

    #[test]
    fn sets_are_joined_and_intersected() {
        let (a, b, c) = (spans("##..###.."), spans(".##..####"), spans("..#..#..."));
        assert_eq!(a.and(&b), spans(".#...##.."));
        assert_eq!(a.or(&b), spans("###.#####"));
        assert_eq!(Spans::where_at_least(2, &[a.clone(), b.clone(), c.clone()]), spans(".##..##.."));
        assert_eq!(Spans::where_at_least(3, &[a.clone(), b, c]), spans(".....#..."));
        assert_eq!(Spans::where_at_least(1, &[]), Spans::default());
        assert_eq!((a.total(), a.iter().count()), (Duration::from_millis(5), 2));
        let inside: Vec<bool> = (0..8).map(|at| a.contains(Moment::from_millis(at))).collect();
        assert_eq!(inside, [true, true, false, false, true, true, true, false]);
    }
}
