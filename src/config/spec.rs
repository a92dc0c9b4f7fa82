//! The configuration file word for word: a struct for each table, a field for each key.
//!
//! Nothing is judged here but types and keys. [`super::parse()`] takes every struct apart by name, so a key that is
//! added here does not compile until a parser uses it.

use std::time::Duration;

use toml::de::DeTable;

use super::diagnostics::Diagnostics;
use super::read::{At, Concealed, OneOrMore, Pairs, Read, Table, Value, Word};

/// Tables as structs. `must` marks a key that has no default; each field may be missing nevertheless, for a file
/// with a mistake is read to its end.
macro_rules! tables {
    ($($(#[$doc:meta])* $sample:literal $spec:ident { $($(#[$about:meta])* $how:ident $key:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub(super) struct $spec {
            $($(#[$about])* pub(super) $key: Option<At<$type>>,)*
        }

        impl $spec {
            fn take(mut table: Table<'_, '_>) -> $spec {
                let spec = $spec { $($key: table.$how(stringify!($key)),)* };
                table.finish();
                spec
            }
        }

        impl Read for $spec {
            fn read(value: Value<'_, '_>) -> Option<$spec> {
                value.table($sample).map($spec::take)
            }

            fn sample(_: &str) -> String {
                $sample.to_owned()
            }
        }
        )*

        /// The keys of each table.
        #[cfg(test)]
        pub(super) const KEYS: &[&[&str]] = &[$(&[$(stringify!($key),)*],)*];
    };
}

tables! {
    /// The whole file.
    "the configuration" Spec {
        must node: NodeSpec,
        may dns: DnsSpec,
        may control: ControlSpec,
        may record: RecordSpec,
        may check: CheckSpec,
        may history: HistorySpec,
        must zone: Vec<At<ZoneSpec>>,
        may evidence: EvidenceSpec,
        may witness: Vec<At<WitnessSpec>>,
        may region: Vec<At<RegionSpec>>,
        may steer: Vec<At<SteerSpec>>,
        may gate: Vec<At<GateSpec>>,
        may hook: Vec<At<HookSpec>>,
        may safety: SafetySpec,
    }

    /// This name server.
    "[node]" NodeSpec {
        must name: String,
        may state_dir: String,
        may user: String,
        may landlock: String,
        may seccomp: String,
        may watch: bool,
    }

    /// Where queries are answered.
    "[dns]" DnsSpec {
        may listen: Vec<At<String>>,
        may allow: Vec<At<String>>,
        may proxy_protocol_from: Vec<At<String>>,
        may workers: i64,
        may receive_buffer: i64,
        may send_buffer: i64,
        may rotate: bool,
        may version: String,
        may identity: bool,
        may xdp: String,
        may cookies: CookiesSpec,
        may rate_limit: RateLimitSpec,
        may tcp: TcpSpec,
        may tls: TlsSpec,
        may https: HttpsSpec,
    }

    /// DNS cookies.
    "[dns.cookies]" CookiesSpec {
        may enabled: bool,
        may secret_file: String,
    }

    /// Response rate limiting.
    "[dns.rate_limit]" RateLimitSpec {
        may enabled: bool,
        may rate: i64,
        may network_rate: i64,
        may slip: i64,
        may exempt: Vec<At<String>>,
    }

    /// Streams.
    "[dns.tcp]" TcpSpec {
        may connections: i64,
        may idle_timeout: Duration,
    }

    /// DNS over TLS.
    "[dns.tls]" TlsSpec {
        must certificate: String,
        must key: String,
        may listen: Vec<At<String>>,
    }

    /// DNS over HTTPS.
    "[dns.https]" HttpsSpec {
        may listen: Vec<At<String>>,
        may path: String,
    }

    /// Where the command line reaches the daemon.
    "[control]" ControlSpec {
        may socket: String,
    }

    /// What is kept of the probes.
    "[record]" RecordSpec {
        may max_size: i64,
    }

    /// What `check` plays.
    "[check]" CheckSpec {
        may scenarios: Vec<At<String>>,
    }

    /// What is remembered of decisions and commands.
    "[history]" HistorySpec {
        may max_size: i64,
        may files: i64,
    }

    /// A zone and its master file.
    "[[zone]]" ZoneSpec {
        must name: String,
        must file: String,
    }

    /// What silence proves.
    "[evidence]" EvidenceSpec {
        may alone: String,
    }

    /// A place outside of all regions that is heard when a region is silent.
    "[[witness]]" WitnessSpec {
        may name: String,
        must address: String,
        may tcp: i64,
        may url: String,
        may ca_file: String,
        may insecure: bool,
    }

    /// Load-balancer addresses, served together.
    "[[region]]" RegionSpec {
        must name: String,
        must addresses: Vec<At<String>>,
        may min_up: Word,
        may families: Vec<At<String>>,
        may passes: String,
        may probe: Vec<At<ProbeSpec>>,
    }

    /// How a region is probed.
    "[[region.probe]]" ProbeSpec {
        may url: String,
        may tcp: i64,
        may grpc: String,
        may dns: QuestionSpec,
        may exec: Vec<At<String>>,
        may label: String,
        may address: String,
        may port: i64,
        may method: String,
        may version: String,
        may headers: Concealed<Pairs<Concealed<String>>>,
        may expect: ExpectSpec,
        may service: String,
        may ca_file: String,
        may insecure: bool,
        may certificate: CertificateSpec,
        may slow: SlowSpec,
        may tripwire: bool,
        may interval: Duration,
        may recheck: Duration,
        may timeout: Duration,
        may fall: i64,
        may rise: i64,
        may brownout: BrownoutSpec,
    }

    /// A question of DNS, and the answer that is expected.
    "dns = { name = \"…\", record = \"A\" }" QuestionSpec {
        must name: String,
        may record: String,
        may rcode: String,
        may contains: Vec<At<String>>,
        may over: String,
    }

    /// What a response must be.
    "expect = { … }" ExpectSpec {
        may status: OneOrMore<Word>,
        may json: Pairs<serde_json::Value>,
        may fresh: FreshSpec,
        may body: BodySpec,
    }

    /// A time in the body that must be recent.
    "fresh = { pointer = \"/time\", max_age = \"30s\" }" FreshSpec {
        must pointer: String,
        must max_age: Duration,
    }

    /// What the body must contain.
    "body = { contains = \"…\" }" BodySpec {
        may contains: String,
        may regex: String,
    }

    /// A certificate that is about to expire.
    "certificate = { degraded = \"3d\" }" CertificateSpec {
        may warning: Duration,
        may degraded: Duration,
        may failed: Duration,
    }

    /// Passes that take too long.
    "slow = { above = \"500ms\", after = \"1m\" }" SlowSpec {
        must above: Duration,
        may after: Duration,
    }

    /// Scattered failures that count like consecutive ones.
    "brownout = { failures = 6, window = \"2m\" }" BrownoutSpec {
        may enabled: bool,
        may failures: i64,
        may window: Duration,
    }

    /// How a name, or a group of names that move together, is steered.
    "[[steer]]" SteerSpec {
        may name: String,
        may names: Vec<At<String>>,
        must regions: Vec<At<String>>,
        may ttl: Duration,
        may ttl_suspect: Duration,
        may failback: FailbackSpec,
        may dwell: Duration,
        may max_flips_per_hour: i64,
        may unproven: String,
        may rto: Duration,
    }

    /// When the answer returns to a more preferred region that has recovered.
    "failback = { mode = \"delayed\", after = \"300s\" }" FailbackSpec {
        must mode: String,
        may after: Duration,
    }

    /// What a region must prove before a name may move to it.
    "[[gate]]" GateSpec {
        must name: String,
        may region: String,
        may names: Vec<At<String>>,
        may http: HttpGateSpec,
        may postgres: Concealed<PostgresGateSpec>,
        may exec: Vec<At<String>>,
        may capacity: Word,
        may switch: String,
        may policy: String,
        may block_for: Duration,
        may interval: Duration,
        may timeout: Duration,
        may stale_after: Duration,
    }

    /// A gate that is asked by HTTP.
    "http = { url = \"https://…\", value = \"/replica/lag\", at_most = 10 }" HttpGateSpec {
        must url: String,
        may value: String,
        may at_most: serde_json::Value,
        may at_least: serde_json::Value,
        may is: serde_json::Value,
        may ca_file: String,
        may insecure: bool,
    }

    /// A gate that asks a PostgreSQL server.
    "postgres = { host = \"…\", user = \"…\", lag = \"10s\" }" PostgresGateSpec {
        must host: String,
        may port: i64,
        may database: String,
        must user: String,
        may password_file: String,
        may role: String,
        may lag: Duration,
        may lag_bytes: i64,
        may tls: bool,
        may ca_file: String,
        may insecure: bool,
    }

    /// What is done outside when a name moves.
    "[[hook]]" HookSpec {
        must name: String,
        may names: Vec<At<String>>,
        must when: String,
        may command: Vec<At<String>>,
        may url: String,
        may secret_file: String,
        may ca_file: String,
        may insecure: bool,
        may deadline: Duration,
        may must_succeed: bool,
    }

    /// What no command may do by mistake.
    "[safety]" SafetySpec {
        may min_serving: i64,
        may reload_max_share: i64,
    }
}

impl Spec {
    /// Fills all of it from the tree.
    pub(super) fn of<'t>(tree: DeTable<'t>, diagnostics: &Diagnostics<'t>) -> Spec {
        Spec::take(Table::root(tree, diagnostics))
    }
}
