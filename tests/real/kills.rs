//! kill -9 at any moment: the answers are those of a server that was not killed.

use std::thread;
use std::time::{Duration, Instant};

use crate::region::Failure;
use crate::watch::{Seen, Serves};
use crate::world::{AMPLE, EU_WEST, Settings, US_EAST, World};

const SETTINGS: Settings = Settings {
    probe: "interval = \"200ms\"\nrecheck = \"100ms\"\ntimeout = \"100ms\"\nfall = 2\nrise = 2",
    min_up: "50%",
    steer: "ttl = \"1s\"\nttl_suspect = \"1s\"\nfailback = { mode = \"delayed\", after = \"2s\" }\n\
            dwell = \"500ms\"\nmax_flips_per_hour = 1000",
    max_age: Duration::from_secs(30),
};

const KILLS: usize = 50;

/// How far the two may be apart around a change: the phase of the probes, a start, and the `fall` or `rise` probes that
/// a fresh process needs again, on a busy machine. Shorter than the hold, so that a forgotten hold is found.
const TOLERANCE: Duration = Duration::from_millis(1200);

/// The longest time between two kills.
const SPARED_FOR: Duration = Duration::from_secs(3);

/// Another seed, other moments.
const SEED: u64 = 0x5eed_cade;

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn killed_fifty_times_it_answers_like_one_that_was_not() {
    let mut world = World::new(US_EAST, SETTINGS);
    let spared = world.another_nameserver("spared", 11);
    let every = Duration::from_millis(5);
    let (killed_watch, spared_watch) =
        (world.watch_server(&world.nameserver, every), world.watch_server(&spared, every));
    killed_watch.wait_for(US_EAST, AMPLE);
    spared_watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();

    let mut random = Random(SEED);
    let mut restarts = Vec::new();
    let mut kills = 0;
    while kills < KILLS {
        // Each change of the evidence lasts until both have seen it, however often one of them is killed on the way.
        world.fail(Failure::BalancerKilled);
        kills += kill_while(&mut world, &mut random, &mut restarts, || spared_watch.now(), EU_WEST);
        killed_watch.wait_for(EU_WEST, AMPLE);
        world.heal(Failure::BalancerKilled);
        kills += kill_while(&mut world, &mut random, &mut restarts, || spared_watch.now(), US_EAST);
        killed_watch.wait_for(US_EAST, AMPLE);
    }

    let (killed, spared) = (killed_watch.history(), spared_watch.history());
    let gaps = killed.iter().filter(|seen| seen.serves == Serves::Silence).count();
    assert!(gaps > 0, "{kills} kills, and not one was seen: the watch is too slow to judge anything");
    check_first_answers(&killed, &spared);
    check_same(&killed, &spared, &restarts);
    println!("{kills} kills, {} changes of the answer", spared_watch.regions().len() - 1);
}

#[test]
#[ignore = "needs HAProxy, Nginx, unbound and root: tests/run.sh"]
fn the_last_answer_is_served_before_any_probe_returns() {
    let mut world = World::new(US_EAST, SETTINGS);
    let watch = world.watch();
    watch.wait_for(US_EAST, AMPLE);
    world.wait_until_proven();
    world.fail(Failure::BalancerKilled);
    watch.wait_for(EU_WEST, AMPLE);

    world.nameserver.kill();
    world.cut_all();
    watch.wait_for_silence(AMPLE);
    let (server, home) = world.nameserver_at_home();
    server.run(home);
    watch.wait_for(EU_WEST, AMPLE);
    assert_eq!(watch.regions(), [US_EAST, EU_WEST], "no evidence, no change");
}

/// Kills at random moments from now until a little after the spared server serves `until`; says how often.
fn kill_while(
    world: &mut World,
    random: &mut Random,
    restarts: &mut Vec<Instant>,
    now: impl Fn() -> Option<Serves>,
    until: &'static str,
) -> usize {
    let began = Instant::now();
    let mut kills = 0;
    while kills == 0 || now() != Some(Serves::Region(until)) {
        assert!(began.elapsed() < AMPLE, "the spared server never served {until}");
        // The moment is what is tested, so this is not waiting for anything.
        thread::sleep(random.up_to(SPARED_FOR));
        let (server, home) = world.nameserver_at_home();
        server.kill();
        server.run(home);
        restarts.push(Instant::now());
        kills += 1;
    }
    kills
}

/// After each silence comes the answer that was there before, unless a change was due just then.
fn check_first_answers(killed: &[Seen], spared: &[Seen]) {
    let due: Vec<Instant> = changes(spared).collect();
    for three in killed.windows(3) {
        if let [before, gap, after] = three
            && gap.serves == Serves::Silence
            && !due.iter().any(|due| gap.at < *due + TOLERANCE && *due < after.at + TOLERANCE)
        {
            assert_eq!(before.serves, after.serves, "the first answer after a restart is another one");
        }
    }
}

/// Wherever the two differ, one of them has just changed its answer.
fn check_same(killed: &[Seen], spared: &[Seen], restarts: &[Instant]) {
    let excuses: Vec<(Instant, Instant)> = changes(killed)
        .map(|change| (change, change + TOLERANCE))
        .chain(changes(spared).map(|change| (change, deadline_to_follow(change, restarts))))
        .collect();
    let (Some(first), Some(last)) = (killed.first(), killed.last()) else {
        panic!("the killed server was never seen");
    };
    let mut at = first.at.max(spared[0].at);
    while at < last.at {
        let (here, there) = (serves_at(killed, at), serves_at(spared, at));
        let silent = here == &Serves::Silence || there == &Serves::Silence;
        let excused = excuses.iter().any(|(from, to)| (*from..*to).contains(&at));
        assert!(
            here == there || silent || excused,
            "{:?} after the start: the killed server says {here:?}, the spared one {there:?}",
            at - first.at
        );
        at += Duration::from_millis(5);
    }
}

/// When the region changed; silences in between are no change.
fn changes(history: &[Seen]) -> impl Iterator<Item = Instant> {
    let mut before = history.iter().find_map(|seen| seen.serves.region());
    history.iter().filter_map(move |seen| {
        let region = seen.serves.region()?;
        (before.replace(region) != Some(region)).then_some(seen.at)
    })
}

/// Until when the killed server must have made the same change: a restart on the way makes it count probes again.
fn deadline_to_follow(change: Instant, restarts: &[Instant]) -> Instant {
    restarts.iter().fold(change + TOLERANCE, |deadline, restart| {
        if (change..deadline).contains(restart) { *restart + TOLERANCE } else { deadline }
    })
}

/// What was said at a moment that is not before the first entry.
fn serves_at(history: &[Seen], at: Instant) -> &Serves {
    let next = history.partition_point(|seen| seen.at <= at);
    &history[next - 1].serves
}

/// xorshift64: the same moments at each run.
struct Random(u64);

impl Random {
    fn up_to(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        limit.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }
}
