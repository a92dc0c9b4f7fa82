//! What an answer, a compiled zone and a flip cost: `cargo bench --bench answer`.

mod load;
#[path = "../kit/zone.rs"]
#[allow(dead_code, reason = "a bench uses a part of it")]
mod zone;

use std::hint::black_box;
use std::net::Ipv4Addr;

use cadence_dns::answer::{
    AnswerTable, CookieSecrets, Identity, QueryContext, ResponsePolicy, Served, Transport, respond,
};
use cadence_dns::config::RateLimitSettings;
use cadence_dns::dns::Limiter;
use cadence_dns::model::{Moment, SteerId};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use load::{Letters, Queries};

/// Zones of ten names in one table.
const SMALL_ZONES: usize = 5_000;

fn answers(criterion: &mut Criterion) {
    let fixed = AnswerTable::compile(&[load::zone(&[])], &[], Identity::default());
    let steered = {
        let names = load::steered();
        AnswerTable::compile(&[load::zone(&names)], &names, Identity::default())
    };
    let million = load::zone_of(1_000_000);
    let million_names = AnswerTable::compile(&[million], &[], Identity::default());
    let small_zones = AnswerTable::compile(&load::small_zones(SMALL_ZONES), &[], Identity::default());

    answer(criterion, "hot", &fixed, &load::hot());
    answer(criterion, "mixed", &fixed, &load::mixed(Letters::Lower));
    answer(criterion, "mixed, steered", &steered, &load::mixed(Letters::Lower));
    answer(criterion, "random case", &fixed, &load::mixed(Letters::Random));
    answer(criterion, "a million names", &million_names, &load::hosts(1_000_000));
    answer(criterion, "5,000 zones", &small_zones, &load::hosts_of_small_zones(SMALL_ZONES));
}

fn answer(criterion: &mut Criterion, mix: &str, table: &AnswerTable, queries: &Queries) {
    let policy = policy();
    let now = Moment::default();
    let context = QueryContext {
        transport: Transport::Udp,
        address: Ipv4Addr::LOCALHOST.into(),
        now,
        idle: None,
        policy: &policy,
    };
    let mut reply = [0; AnswerTable::UDP_REPLY_MAX_OCTETS];
    let mut group = criterion.benchmark_group("respond");
    group.throughput(Throughput::Elements(queries.len() as u64));
    group.bench_function(mix, |bencher| {
        bencher.iter(|| {
            for query in queries.iter() {
                let _ = black_box(respond(table, black_box(query), &context, &mut reply));
            }
        });
    });
    group.finish();
}

fn policy() -> ResponsePolicy {
    let limiter = Box::new(Limiter::new(&RateLimitSettings::default(), [7; 16]));
    ResponsePolicy {
        allow: None,
        rotate: true,
        cookies: Some(CookieSecrets::new([7; 16])),
        limiter: Some(limiter),
    }
}

/// Networks that ask in turn, each of them far less than the rate limit allows.
const NETWORKS: u32 = 1 << 16;

/// With the rate limit, which spares the loopback: each query counts for its network, and for what it asks there.
fn limited(criterion: &mut Criterion) {
    let table = AnswerTable::compile(&[load::zone(&[])], &[], Identity::default());
    let queries = load::mixed(Letters::Lower);
    let policy = policy();
    let mut reply = [0; AnswerTable::UDP_REPLY_MAX_OCTETS];
    let mut asked = 0_u32;
    let mut group = criterion.benchmark_group("respond");
    group.throughput(Throughput::Elements(queries.len() as u64));
    group.bench_function("mixed, limited", |bencher| {
        bencher.iter(|| {
            for query in queries.iter() {
                asked = asked.wrapping_add(1);
                let address = Ipv4Addr::from_bits((10 << 24) | ((asked % NETWORKS) << 8) | 1).into();
                let now = Moment::from_millis(1_795_363_451_000 + u64::from(asked) / 1000);
                let context =
                    QueryContext { transport: Transport::Udp, address, now, idle: None, policy: &policy };
                let _ = black_box(respond(&table, black_box(query), &context, &mut reply));
            }
        });
    });
    group.finish();
}

/// Names of the zone that is compiled.
const NAMES: u32 = 10_000;

/// Steered names, and those of them that change at once.
const STEERED: u32 = 100_000;
const CHANGED: usize = 1_000;

fn compile(criterion: &mut Criterion) {
    let zones = [load::zone_of(NAMES)];
    let mut group = criterion.benchmark_group("compile");
    group.throughput(Throughput::Elements(u64::from(NAMES)));
    group.bench_function("10,000 names", |bencher| {
        bencher.iter(|| AnswerTable::compile(black_box(&zones), &[], Identity::default()));
    });
    group.finish();
}

fn flip(criterion: &mut Criterion) {
    let names = load::steered_hosts(STEERED);
    let table = AnswerTable::compile(&[load::bare_zone(&names)], &names, Identity::default());
    let every = names.len() / CHANGED;
    let changes: Vec<(SteerId, Served)> =
        (0..STEERED).step_by(every).map(|steer| (SteerId(steer), load::served(250))).collect();
    criterion.bench_function("flip 1,000 of 100,000 steered names", |bencher| {
        bencher.iter_batched(
            || &changes,
            |changes| table.with(black_box(changes), &[]),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, answers, limited, compile, flip);
criterion_main!(benches);
