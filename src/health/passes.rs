//! Which probes an address must pass: all of them, or a calculation.
//!
//! A calculation has three values. What is not known stays not known where it matters: `any` of a probe that is up and one
//! that nobody knows is up, `all` of them is not known; and `not` of what is not known is not known, for absence of
//! evidence proves nothing either way.

use super::Vote;
use super::vote::worse;

/// What makes an address up, given what each probe of its region says about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Passes {
    /// Every probe of the region.
    #[default]
    All,
    /// This calculation.
    Calculated(Calculation),
}

/// A calculation over the probes of a region, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Calculation {
    /// This probe.
    Probe(u16),
    /// So many of these, at least; all of them, or any, are as many as there are, or one.
    AtLeast(usize, Vec<Calculation>),
    /// The opposite.
    Not(Box<Calculation>),
}

/// What a probe says, and what it would say if things went wrong, or right, from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// What it says.
    pub(super) vote: Vote,
    /// Down already when it is up and failing just now.
    pub(super) pessimist: Vote,
    /// Up already when it is down and passing just now.
    pub(super) optimist: Vote,
}

impl Calculation {
    /// The probes that it looks at, in its order.
    #[must_use]
    pub fn probes(&self) -> Vec<u16> {
        match self {
            Calculation::Probe(probe) => vec![*probe],
            Calculation::AtLeast(_, of) => of.iter().flat_map(Calculation::probes).collect(),
            Calculation::Not(of) => of.probes(),
        }
    }

    /// Whether a probe is only asked not to pass: then its failure is as it should be.
    pub(super) fn is_denied(&self, probe: u16) -> bool {
        let (mut denied, mut wanted) = (false, false);
        self.each(false, &mut |found, negated| {
            denied |= found == probe && negated;
            wanted |= found == probe && !negated;
        });
        denied && !wanted
    }

    /// The probes that speak against the address: down, or up behind a `not`.
    pub(super) fn against(&self, of_probe: &impl Fn(u16) -> Vote) -> Vec<u16> {
        let mut against = Vec::new();
        self.each(false, &mut |probe, negated| {
            let vote = of_probe(probe);
            if vote == Vote::Down && !negated || vote == Vote::Up && negated {
                against.push(probe);
            }
        });
        against
    }

    /// Every mention of a probe, and whether it stands behind an odd number of `not`.
    fn each(&self, negated: bool, see: &mut impl FnMut(u16, bool)) {
        match self {
            Calculation::Probe(probe) => see(*probe, negated),
            Calculation::AtLeast(_, of) => of.iter().for_each(|part| part.each(negated, see)),
            Calculation::Not(of) => of.each(!negated, see),
        }
    }

    /// What it comes to, given what each probe says.
    pub fn vote(&self, of_probe: &impl Fn(u16) -> Vote) -> Vote {
        match self {
            Calculation::Probe(probe) => of_probe(*probe),
            Calculation::AtLeast(needed, of) => at_least(*needed, of.iter().map(|part| part.vote(of_probe))),
            Calculation::Not(of) => opposite(of.vote(of_probe)),
        }
    }

    /// What it would come to if everything that fails just now were down: behind a `not`, if everything that passes just
    /// now were up.
    pub(super) fn pessimist(&self, of_probe: &impl Fn(u16) -> Said) -> Vote {
        self.leaning(of_probe, false)
    }

    fn leaning(&self, of_probe: &impl Fn(u16) -> Said, optimist: bool) -> Vote {
        match self {
            Calculation::Probe(probe) if optimist => of_probe(*probe).optimist,
            Calculation::Probe(probe) => of_probe(*probe).pessimist,
            Calculation::AtLeast(needed, of) => {
                at_least(*needed, of.iter().map(|part| part.leaning(of_probe, optimist)))
            }
            Calculation::Not(of) => opposite(of.leaning(of_probe, !optimist)),
        }
    }
}

fn at_least(needed: usize, votes: impl Iterator<Item = Vote>) -> Vote {
    let votes: Vec<Vote> = votes.collect();
    let up = votes.iter().filter(|vote| **vote == Vote::Up).count();
    let down = votes.iter().filter(|vote| **vote == Vote::Down).count();
    if up >= needed {
        Vote::Up
    } else if votes.len() - down < needed {
        Vote::Down
    } else {
        // The gravest of what is not known: there is one, or the sums would have decided.
        votes.into_iter().filter(|vote| !vote.is_proven()).fold(Vote::Up, worse)
    }
}

fn opposite(vote: Vote) -> Vote {
    match vote {
        Vote::Up => Vote::Down,
        Vote::Down => Vote::Up,
        Vote::Unknown(doubt) => Vote::Unknown(doubt),
    }
}

#[cfg(test)]
mod tests {
    use super::Calculation::{AtLeast, Not, Probe};
    use super::*;
    use crate::health::Doubt;

    fn any(parts: Vec<Calculation>) -> Calculation {
        AtLeast(1, parts)
    }

    fn all(parts: Vec<Calculation>) -> Calculation {
        AtLeast(parts.len(), parts)
    }

    fn vote(letter: char) -> Vote {
        match letter {
            'U' | 's' => Vote::Up,
            'D' | 'p' => Vote::Down,
            'i' => Vote::Unknown(Doubt::Isolated),
            _ => Vote::Unknown(Doubt::Stale),
        }
    }

    fn letter(vote: Vote) -> char {
        match vote {
            Vote::Up => 'U',
            Vote::Down => 'D',
            Vote::Unknown(Doubt::Isolated) => 'i',
            Vote::Unknown(_) => '?',
        }
    }

    /// One letter a probe: `U` up, `D` down, `i` isolated, `?` stale.
    fn check(calculation: &Calculation, letters: &str, expected: char) {
        let votes: Vec<Vote> = letters.chars().map(vote).collect();
        let got = calculation.vote(&|probe| votes[usize::from(probe)]);
        assert_eq!(letter(got), expected, "{calculation:?} of {letters}");
    }

    #[test]
    fn all_any_and_at_least() {
        let three = || vec![Probe(0), Probe(1), Probe(2)];
        check(&all(three()), "UUU", 'U');
        check(&all(three()), "U?D", 'D');
        check(&all(three()), "Ui?", '?');
        check(&any(three()), "DDU", 'U');
        check(&any(three()), "?DU", 'U');
        check(&any(three()), "DDi", 'i');
        check(&any(three()), "DDD", 'D');
        check(&AtLeast(2, three()), "UUD", 'U');
        check(&AtLeast(2, three()), "U?D", '?');
        check(&AtLeast(2, three()), "UDD", 'D');
        check(&AtLeast(2, three()), "??D", '?');
    }

    #[test]
    fn not_turns_around_what_is_known() {
        let not = Not(Box::new(Probe(0)));
        check(&not, "U", 'D');
        check(&not, "D", 'U');
        check(&not, "i", 'i');
        let web_without_maintenance = all(vec![Probe(1), not]);
        check(&web_without_maintenance, "DU", 'U');
        check(&web_without_maintenance, "UU", 'D');
        check(&web_without_maintenance, "?U", '?');
        check(&web_without_maintenance, "?D", 'D');
    }

    /// Over all values of three probes, `all` is what addresses without a calculation get.
    #[test]
    fn all_is_the_worst_of_them() {
        let calculation = all(vec![Probe(0), Probe(1), Probe(2)]);
        for number in 0..64_usize {
            let votes =
                [number % 4, number / 4 % 4, number / 16].map(|index| vote(['U', 'D', 'i', '?'][index]));
            let worst = votes.into_iter().fold(Vote::Up, worse);
            assert_eq!(calculation.vote(&|probe| votes[usize::from(probe)]), worst, "{votes:?}");
        }
    }

    /// `s` is up and failing, `p` is down and passing just now.
    #[test]
    fn a_pessimist_sees_what_is_about_to_go_wrong() {
        let check = |calculation: &Calculation, letters: &str, expected: char| {
            let letters: Vec<char> = letters.chars().collect();
            let said = |probe: u16| {
                let at = letters[usize::from(probe)];
                let (pessimist, optimist) = (
                    if at == 's' { Vote::Down } else { vote(at) },
                    if at == 'p' { Vote::Up } else { vote(at) },
                );
                Said { vote: vote(at), pessimist, optimist }
            };
            assert_eq!(letter(calculation.pessimist(&said)), expected, "{calculation:?} of {letters:?}");
        };
        let two = || vec![Probe(0), Probe(1)];
        check(&all(two()), "Us", 'D');
        check(&any(two()), "Us", 'U');
        check(&any(two()), "ss", 'D');
        check(&any(two()), "pD", 'D');
        check(&Not(Box::new(Probe(0))), "p", 'D');
        check(&Not(Box::new(Probe(0))), "s", 'D');
    }

    #[test]
    fn what_speaks_against_an_address() {
        let web_without_maintenance = all(vec![Probe(1), Not(Box::new(Probe(0)))]);
        let against = |letters: &str| {
            let votes: Vec<Vote> = letters.chars().map(vote).collect();
            web_without_maintenance.against(&|probe| votes[usize::from(probe)])
        };
        assert!(against("DU").is_empty());
        assert_eq!(against("UU"), [0_u16]);
        assert_eq!(against("UD"), [1_u16, 0]);
        assert!(web_without_maintenance.is_denied(0) && !web_without_maintenance.is_denied(1));
    }

    #[test]
    fn it_knows_what_it_looks_at() {
        let calculation = all(vec![Probe(3), Not(Box::new(any(vec![Probe(1), Probe(0)])))]);
        assert_eq!(calculation.probes(), [3, 1, 0]);
    }
}
