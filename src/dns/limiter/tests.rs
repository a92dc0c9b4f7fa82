//! The arithmetic of buckets, and that it holds whatever comes.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

/// An address of a network of its own.
fn client(number: u32) -> IpAddr {
    Ipv4Addr::from_bits((number + 1) << 8 | 7).into()
}

fn limiter(rate: u32) -> Limiter {
    with_network_rate(rate, 10 * rate)
}

fn with_network_rate(rate: u32, network_rate: u32) -> Limiter {
    with_slip(RateLimitSettings { rate, network_rate, ..RateLimitSettings::default() }, 0)
}

fn with_slip(settings: RateLimitSettings, slip: u32) -> Limiter {
    Limiter::new(&RateLimitSettings { slip, ..settings }, [5; 16])
}

fn is_told(limiter: &Limiter, client: IpAddr, thing: u64, millis: u64) -> bool {
    limiter.judge(client, thing, Moment::from_millis(millis), 0) == Ruling::Whole
}

const START: u64 = 1_795_363_451_000;

#[test]
fn a_rate_is_kept_for_as_long_as_it_lasts() {
    for rate in [1, 2, 3, 7, 200, 333, 1000, 30_000, 100_000] {
        let limiter = limiter(rate);
        let told_at = |millis| (0..2 * rate).filter(|_| is_told(&limiter, client(1), 1, millis)).count();
        assert_eq!(told_at(START), rate as usize, "at once, at a rate of {rate}");
        let later = (1..=10_000).map(|millis| {
            (0..=rate / 500).filter(|_| is_told(&limiter, client(1), 1, START + millis)).count()
        });
        let (told, expected) = (later.sum::<usize>(), 10 * rate as usize);
        assert!(
            told <= expected && told >= expected - expected / 50 - 1,
            "{told} in 10 s at a rate of {rate}"
        );
    }
}

#[test]
fn a_clock_that_is_set_back_or_wraps_around_limits_no_innocent_client() {
    let round = (1 << TIME_BITS) / 1000;
    for later in [START - 3600 * 1000, START + round - 3000, START + round + 3000, START + 3 * round / 2] {
        let limiter = limiter(10);
        for _ in 0..20 {
            is_told(&limiter, client(1), 1, START);
        }
        assert!(!is_told(&limiter, client(1), 1, START));
        assert!(!is_told(&limiter, client(1), 1, START - 5), "a batch of another worker");
        let told = (0..20).filter(|_| is_told(&limiter, client(1), 1, later)).count();
        assert!(told >= 9, "{told} at {later}");
    }
}

/// A flood from ever new networks, each below the limit, neither limits another network that is below it nor frees one
/// that is above it.
#[test]
fn a_flood_of_others_changes_nothing() {
    let limiter = limiter(10);
    let flooding = client(0);
    for _ in 0..20 {
        is_told(&limiter, flooding, 1, START);
    }
    let mut told = 0;
    for number in 1..200_000 {
        let now = START + u64::from(number) / 1000;
        assert!(is_told(&limiter, client(number), 1, now), "its first");
        told += usize::from(number % 100 == 0 && is_told(&limiter, flooding, 1, now));
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
        let limiter = Limiter::new(&RateLimitSettings::default(), [key; 16]);
        limiter.hash([ClientNetwork::of(client(1)).number(), 1])
    };
    assert_ne!(line(1), line(2));
}

/// What becomes of so many replies about one thing, a letter for each.
fn flood(limiter: &Limiter, from: &str, thing: u64, millis: u64, times: u16) -> String {
    let address = from.parse().expect("an address");
    let each = (0..times).map(|id| match limiter.judge(address, thing, Moment::from_millis(millis), id) {
        Ruling::Whole => 'R',
        Ruling::Drop => 'd',
        Ruling::Slip => 's',
        Ruling::Challenge => panic!("the limiter knows nothing of cookies"),
    });
    each.collect()
}

#[test]
fn a_network_gets_one_thing_at_the_rate_and_no_faster() {
    let limiter = limiter(3);
    let flood = |from, thing, millis, times| flood(&limiter, from, thing, START + millis, times);
    assert_eq!(flood("192.0.2.1", 1, 0, 5), "RRRdd");
    assert_eq!(flood("192.0.2.200", 1, 0, 2), "dd", "the same network");
    assert_eq!(flood("192.0.3.1", 1, 0, 4), "RRRd", "another one");
    assert_eq!(flood("192.0.2.1", 2, 0, 4), "RRRd", "another thing");
    assert_eq!(flood("2001:db8:0:100::1", 1, 0, 4), "RRRd");
    assert_eq!(flood("2001:db8:0:1ff:ffff::", 1, 0, 1), "d", "the same /56");
    assert_eq!(flood("2001:db8:0:200::1", 1, 0, 1), "R", "another one");
    assert_eq!(flood("192.0.2.1", 1, 333, 2), "dd", "not yet a third of a second");
    assert_eq!(flood("192.0.2.1", 1, 334, 2), "Rd");
}

/// 800 things at a rate of 5 each would be 4,000 replies a second to one victim.
#[test]
fn a_network_gets_all_things_together_at_the_network_rate_and_no_faster() {
    let limiter = with_network_rate(5, 50);
    let flood = |from, thing, millis, times| flood(&limiter, from, thing, START + millis, times);
    let told = |from, millis| (0..800).map(|thing| flood(from, thing, millis, 5).matches('R').count()).sum();
    let each: [usize; 4] =
        [told("192.0.2.1", 0), told("192.0.2.99", 0), told("192.0.3.1", 0), told("192.0.2.1", 100)];
    assert_eq!(
        each,
        [50, 0, 50, 5],
        "a network, the same again, another one, the first a tenth of a second later"
    );
    let v6: [usize; 2] = [told("2001:db8:0:100::1", 0), told("2001:db8:0:1ff::1", 0)];
    assert_eq!(v6, [50, 0], "a /56, and the same again");
}

/// What is over the limit of its own is not counted for the network, and what is over that of the network not for itself.
#[test]
fn a_flood_of_one_thing_leaves_its_network_all_others() {
    let limiter = with_network_rate(3, 9);
    let flood = |thing, millis, times| flood(&limiter, "192.0.2.1", thing, START + millis, times);
    assert_eq!(flood(1, 0, 1000).matches('R').count(), 3);
    assert_eq!((flood(2, 0, 4), flood(3, 0, 4), flood(4, 0, 2)), ("RRRd".into(), "RRRd".into(), "dd".into()));
    assert_eq!(flood(4, 112, 1), "R", "it has paid for nothing yet");
}

#[test]
fn loopback_and_exempt_networks_are_not_limited() {
    let exempt = ["198.51.100.0/24", "2001:db8:7::/48"].map(|network| network.parse().expect("a network"));
    let settings = RateLimitSettings { rate: 3, exempt: exempt.into(), ..RateLimitSettings::default() };
    let limiter = with_slip(settings, 0);
    for spared in ["127.0.0.1", "127.9.9.9", "::1", "198.51.100.255", "2001:db8:7:ffff::1"] {
        assert_eq!(flood(&limiter, spared, 1, START, 9), "RRRRRRRRR", "{spared}");
    }
    assert_eq!(flood(&limiter, "198.51.101.0", 1, START, 4), "RRRd");
}

#[test]
fn one_in_so_many_slips_through() {
    let flood = |slip, millis, times| {
        let limiter = with_slip(RateLimitSettings { rate: 3, ..RateLimitSettings::default() }, slip);
        flood(&limiter, "192.0.2.1", 1, START + millis, times)
    };
    assert_eq!(flood(1, 0, 6), "RRRsss");
    let slipped: usize = (0..1000).map(|millis| flood(2, millis, 7).matches('s').count()).sum();
    assert!((1900..2100).contains(&slipped), "{slipped} of 4000");
}

/// Whether there is credit after replies at these times, by the definition of a bucket.
fn has_credit(told: &[u64], allowance: Allowance, now: u64) -> bool {
    let paid_by = told.iter().fold(0, |paid_by: u64, at| paid_by.max(at * 1000) + allowance.price);
    paid_by.saturating_sub(now * 1000) + allowance.price <= allowance.credit
}

/// Between any two of these times there are no more than the rate allows.
fn keep_rate(times: &[u64], rate: u32) {
    for (first, start) in times.iter().enumerate() {
        for (count, end) in times[first..].iter().enumerate() {
            let most = u64::from(rate) * (end - start) / 1000 + u64::from(rate);
            assert!(count as u64 <= most, "{} in {} ms at {rate}", count + 1, end - start);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Within any time t a network gets no more than rate × t + burst replies about one thing, no more than
    /// network_rate × t + burst in all, and a client that asks no more than that always gets its reply.
    #[test]
    fn never_more_than_the_rates_and_never_less(
        rate in 1u32..50,
        factor in 1u32..4,
        steps in prop::collection::vec((0u32..4, 0u64..5, 0u64..200), 1..400),
    ) {
        let limiter = with_network_rate(rate, factor * rate);
        let mut now = START;
        let mut of_keys: HashMap<(u32, u64), Vec<u64>> = HashMap::new();
        let mut of_networks: HashMap<u32, Vec<u64>> = HashMap::new();
        for (number, about, pause) in steps {
            now += pause;
            let of_key = of_keys.entry((number, about)).or_default();
            let of_network = of_networks.entry(number).or_default();
            let expected = has_credit(of_key, limiter.of_key, now) && has_credit(of_network, limiter.of_network, now);
            let is_told = is_told(&limiter, client(number), about, now);
            prop_assert_eq!(is_told, expected);
            if is_told {
                of_key.push(now);
                of_network.push(now);
            }
        }
        of_keys.values().for_each(|times| keep_rate(times, rate));
        of_networks.values().for_each(|times| keep_rate(times, factor * rate));
    }
}
