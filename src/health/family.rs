//! A region judged by family: clients of one family gain nothing from the other.

use std::net::IpAddr;

use super::vote::worse;
use super::{Ballot, Doubt, MinUp, Region, State, Vote};
use crate::model::Family;

/// What one vantage says about a region, `ballots` being what it says about each of the region's addresses, in the order
/// of the configuration.
///
/// The region is down when a family that it needs is down, up when all of them are up. Addresses that we cannot judge
/// for a reason of our own abstain where another address of the region, of any family, is proven just now. Where all addresses
/// of a needed family abstain, the other family stands in for it if it is proven: a node without IPv4 still sees a
/// region die by IPv6.
pub(super) fn region_vote(region: &Region, ballots: &[Ballot]) -> Vote {
    let proven = ballots.iter().any(Ballot::is_proof);
    let votes: Vec<Vote> = ballots.iter().map(|ballot| ballot.vote).collect();
    let of_family = |family| {
        let members = region.addresses.iter().zip(&votes);
        let members = members.filter(|(address, _)| Family::of(**address) == family);
        family_vote(members.map(|(_, vote)| *vote), region.min_up, proven)
    };
    let needed = region.families.iter().map(|family| match of_family(*family) {
        Some(vote) => vote,
        None => stand_in(Family::ALL.into_iter().filter(|other| other != family).find_map(of_family), &votes),
    });
    needed.fold(Vote::Up, worse)
}

/// The state of a region from what is agreed on its addresses.
pub(super) fn agreed_state(
    families: &[Family],
    min_up: MinUp,
    addresses: impl Iterator<Item = (IpAddr, State)> + Clone,
) -> State {
    let votes = families.iter().map(|family| {
        let members = addresses.clone().filter(|(address, _)| Family::of(*address) == *family);
        let votes = members.map(|(_, state)| match state {
            State::Up => Vote::Up,
            State::Down => Vote::Down,
            State::Unknown => Vote::Unknown(Doubt::Divided),
        });
        family_vote(votes, min_up, false).unwrap_or(Vote::Unknown(Doubt::Unproven))
    });
    match votes.fold(Vote::Up, worse) {
        Vote::Up => State::Up,
        Vote::Down => State::Down,
        Vote::Unknown(_) => State::Unknown,
    }
}

/// What the addresses of a family say together; none when all of them abstain, or there are none.
fn family_vote(votes: impl Iterator<Item = Vote>, min_up: MinUp, proven: bool) -> Option<Vote> {
    let all: Vec<Vote> = votes.collect();
    let abstains = |vote: &Vote| matches!(vote, Vote::Unknown(doubt) if proven && doubt.abstains());
    let voting: Vec<Vote> = all.iter().filter(|vote| !abstains(vote)).copied().collect();
    if voting.is_empty() {
        return None;
    }
    let needed = min_up.of(all.len()).min(voting.len());
    let count = |wanted: Vote| voting.iter().filter(|vote| **vote == wanted).count();
    Some(if count(Vote::Up) >= needed {
        Vote::Up
    } else if voting.len() - count(Vote::Down) < needed {
        Vote::Down
    } else {
        Vote::Unknown(gravest(&voting))
    })
}

/// The other family's vote if it is proven; otherwise nothing is known.
fn stand_in(other: Option<Vote>, votes: &[Vote]) -> Vote {
    other.filter(|vote| vote.is_proven()).unwrap_or_else(|| Vote::Unknown(gravest(votes)))
}

fn gravest(votes: &[Vote]) -> Doubt {
    let doubts = votes.iter().filter_map(|vote| match vote {
        Vote::Unknown(doubt) => Some(*doubt),
        Vote::Up | Vote::Down => None,
    });
    doubts.max().unwrap_or(Doubt::Unproven)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Passes;

    /// One letter an address: `U` up, `D` down, `d` down and silent just now, `w` the same while
    /// others may still witness it, `n` too few probes yet, `?` stale, `i` isolated, `o` not probed. Those
    /// in front of a `/` have IPv4, those after it IPv6.
    fn vote(letters: &str, min_up: MinUp, families: &[Family]) -> char {
        let (ipv4, ipv6) = letters.split_once('/').unwrap_or((letters, ""));
        let addresses: Vec<IpAddr> =
            (1..=ipv4.len())
                .map(|host| IpAddr::from([192, 0, 2, u8::try_from(host).expect("few")]))
                .chain((1..=ipv6.len()).map(|host| {
                    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::try_from(host).expect("few")])
                }))
                .collect();
        let ballots: Vec<Ballot> = ipv4.chars().chain(ipv6.chars()).map(of_letter).collect();
        let families =
            if families.is_empty() { Region::default_families(&addresses) } else { families.to_vec() };
        let region =
            Region { id: "r".into(), addresses, min_up, families, passes: Passes::All, checks: Vec::new() };
        match region_vote(&region, &ballots) {
            Vote::Up => 'U',
            Vote::Down => 'D',
            Vote::Unknown(Doubt::Isolated) => 'i',
            Vote::Unknown(Doubt::NotProbed) => 'o',
            Vote::Unknown(_) => '?',
        }
    }

    fn of_letter(letter: char) -> Ballot {
        let vote = match letter {
            'U' => Vote::Up,
            'D' | 'd' | 'w' => Vote::Down,
            'n' => Vote::Unknown(Doubt::Unproven),
            'i' => Vote::Unknown(Doubt::Isolated),
            'o' => Vote::Unknown(Doubt::NotProbed),
            _ => Vote::Unknown(Doubt::Stale),
        };
        let isolated = matches!(letter, 'd' | 'w' | 'i');
        Ballot { vote, isolated, awaits_witness: letter == 'w', ..Ballot::absent(&"v".into()) }
    }

    fn check(letters: &str, min_up: usize, expected: char) {
        assert_eq!(vote(letters, MinUp::Count(min_up), &[]), expected, "{letters}, {min_up} needed");
    }

    #[test]
    fn a_region_is_up_when_enough_of_its_family_is() {
        check("UUU", 3, 'U');
        check("UUD", 2, 'U');
        check("U??", 1, 'U');
        check("UDD", 2, 'D');
        check("DDD", 1, 'D');
        check("D?U", 3, 'D');
        check("U?D", 2, '?');
        check("D??", 1, '?');
    }

    #[test]
    fn ipv4_decides_where_there_is_any_and_ipv6_where_there_is_none() {
        check("D/U", 1, 'D');
        check("U/D", 1, 'U');
        check("/D", 1, 'D');
        check("/U", 1, 'U');
        check("DD/UU", 1, 'D');
    }

    #[test]
    fn capacity_counts_within_a_family() {
        check("UD/UU", 2, 'D');
        check("U/UU", 2, 'U');
        assert_eq!(vote("UD/UU", MinUp::Percent(50), &[]), 'U');
    }

    #[test]
    fn the_operator_says_which_families_are_needed() {
        let both = |letters| vote(letters, MinUp::Count(1), &Family::ALL);
        assert_eq!(both("U/U"), 'U');
        assert_eq!(both("U/D"), 'D');
        assert_eq!(both("D/U"), 'D');
        assert_eq!(both("U/?"), '?');
        assert_eq!(vote("D/U", MinUp::Count(1), &[Family::Ipv6]), 'U');
    }

    #[test]
    fn what_we_cannot_judge_abstains_where_another_address_is_proven() {
        check("Ui", 2, 'U');
        check("Di", 1, 'D');
        check("Do", 2, 'D');
        check("U/i", 1, 'U');
        assert_eq!(vote("U/i", MinUp::Count(1), &Family::ALL), 'U');
        assert_eq!(vote("U/o", MinUp::Count(1), &Family::ALL), 'U');
    }

    #[test]
    fn the_other_family_stands_in_for_one_that_we_cannot_judge() {
        check("i/D", 1, 'D');
        check("oo/U", 1, 'U');
        check("i/w", 1, 'D');
        check("o/i", 1, 'o');
    }

    #[test]
    fn a_prober_that_stands_still_condemns_nothing() {
        check("??/D", 1, '?');
        check("n/D", 1, '?');
    }

    #[test]
    fn where_nothing_is_proven_nothing_abstains() {
        check("ii", 1, 'i');
        check("i/i", 1, 'i');
        check("i?", 1, '?');
        check("di", 1, 'i');
        check("i/d", 1, 'i');
        check("dd", 1, 'D');
    }
}
