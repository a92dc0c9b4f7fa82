//! The arithmetic of buckets, and that it holds whatever comes.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn rrl_key(number: u32) -> RrlKey {
    RrlKey::nothing_in(number.into())
}

/// An address of a network of its own.
fn client(number: u32) -> IpAddr {
    Ipv4Addr::from_bits((number + 1) << 8 | 7).into()
}

fn limiter(rate: u32) -> Limiter {
    Limiter::new(rate, 0, &[], [5; 16])
}

fn is_told(limiter: &Limiter, client: IpAddr, rrl_key: RrlKey, millis: u64) -> bool {
    limiter.rule(client, rrl_key, Moment::from_millis(millis), 0) == Ruling::Whole
}

const START: u64 = 1_795_363_451_000;

#[test]
fn a_rate_is_kept_for_as_long_as_it_lasts() {
    for rate in [1, 2, 3, 7, 200, 333, 1000, 30_000, 100_000] {
        let limiter = limiter(rate);
        let told_at =
            |millis| (0..2 * rate).filter(|_| is_told(&limiter, client(1), rrl_key(1), millis)).count();
        assert_eq!(told_at(START), rate as usize, "at once, at a rate of {rate}");
        let later = (1..=10_000).map(|millis| {
            (0..=rate / 500).filter(|_| is_told(&limiter, client(1), rrl_key(1), START + millis)).count()
        });
        let (told, expected) = (later.sum::<usize>(), 10 * rate as usize);
        assert!(
            told <= expected && told >= expected - expected / 50 - 1,
            "{told} in 10 s at a rate of {rate}"
        );
    }
}

#[test]
fn setting_the_clock_back_or_starting_its_count_again_hurts_nobody() {
    let round = (1 << TIME_BITS) / 1000;
    for later in [START - 3600 * 1000, START + round - 3000, START + round + 3000, START + 3 * round / 2] {
        let limiter = limiter(10);
        for _ in 0..20 {
            is_told(&limiter, client(1), rrl_key(1), START);
        }
        assert!(!is_told(&limiter, client(1), rrl_key(1), START));
        assert!(!is_told(&limiter, client(1), rrl_key(1), START - 5), "a batch of another worker");
        let told = (0..20).filter(|_| is_told(&limiter, client(1), rrl_key(1), later)).count();
        assert!(told >= 9, "{told} at {later}");
    }
}

/// A flood from ever new networks, each below its rate, takes nothing from whoever else is below it, and gives nothing
/// to whoever is above it.
#[test]
fn a_flood_of_others_changes_nothing() {
    let limiter = limiter(10);
    let flooding = client(0);
    for _ in 0..20 {
        is_told(&limiter, flooding, rrl_key(1), START);
    }
    let mut told = 0;
    for number in 1..200_000 {
        let now = START + u64::from(number) / 1000;
        assert!(is_told(&limiter, client(number), rrl_key(1), now), "its first");
        told += usize::from(number % 100 == 0 && is_told(&limiter, flooding, rrl_key(1), now));
    }
    assert!(told <= 2, "{told} in 200 ms");
}

#[test]
fn the_table_has_one_size_and_its_lines_are_lines() {
    let limiter = limiter(10);
    assert_eq!(size_of_val(&*limiter.buckets), 524_352);
    for number in 0..1000 {
        let line = limiter.line(limiter.hash([number, 0]));
        assert_eq!((line.len() * 8, line.as_ptr().align_offset(64)), (64, 0));
    }
}

#[test]
fn another_key_makes_other_neighbours() {
    let line = |key: u8| {
        let limiter = Limiter::new(1, 0, &[], [key; 16]);
        limiter.hash([network(client(1)), rrl_key(1).number()])
    };
    assert_ne!(line(1), line(2));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Within any time t a bucket lets no more than rate × t + burst through; and whoever asks no more than that is
    /// always told.
    #[test]
    fn never_more_than_the_rate_and_never_less(
        rate in 1u32..50,
        steps in prop::collection::vec((0u32..4, 0u32..3, 0u64..200), 1..400),
    ) {
        let limiter = limiter(rate);
        let mut now = START;
        let mut told: HashMap<(u32, u32), Vec<u64>> = HashMap::new();
        for (number, about, pause) in steps {
            now += pause;
            let told = told.entry((number, about)).or_default();
            // What came before this and is not yet paid for, in thousandths of a reply.
            let paid_by = told.iter().fold(0, |paid_by: u64, at| paid_by.max(at * 1000) + limiter.price);
            let has_credit = paid_by.saturating_sub(now * 1000) + limiter.price <= limiter.credit;
            let is_told = is_told(&limiter, client(number), rrl_key(about), now);
            prop_assert_eq!(is_told, has_credit);
            if is_told {
                told.push(now);
            }
        }
        for times in told.values() {
            for (first, start) in times.iter().enumerate() {
                for (count, end) in times[first..].iter().enumerate() {
                    let most = u64::from(rate) * (end - start) / 1000 + u64::from(rate);
                    prop_assert!(count as u64 <= most, "{} in {} ms", count + 1, end - start);
                }
            }
        }
    }
}
