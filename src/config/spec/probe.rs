//! `[[region.probe]]` and the tables within it.

use std::time::Duration;

use crate::config::read::{At, Concealed, OneOrMore, Pairs, Word};

tables! {
    /// What each address must prove; with several probes, all of them, or as `passes` of the region says. Exactly one of
    /// `url`, `tcp`, `grpc`, `dns` and `exec`. More about each kind: [probes](probes.md).
    "[[region.probe]]" ProbeSpec {
        /// A page. The connection goes to each address of the region; the host is SNI, `Host` and certificate name.
        may url: String,
        /// A port that must accept a connection.
        may tcp: i64 { least: "1", most: "65535", unit: "(a port)" },
        /// A URL without a path: gRPC's health service (`grpc.health.v1.Health/Check`) must say SERVING, over HTTP/2, in
        /// plain text or TLS.
        may grpc: String,
        /// A question that must be answered.
        may dns: QuestionSpec,
        /// [A program](probes.md#programs) that must end with exit code 0, and its arguments.
        may exec: Vec<At<String>>,
        /// How [`passes`](probes.md#calculations), `status`, `explain` and `probe` call it.
        may label: String,
        /// One other address to probe, on behalf of all.
        may address: String { otherwise: "each of the region's" },
        /// Another port to connect to.
        may port: i64 { otherwise: "that of the URL", least: "1", most: "65535", unit: "(a port)" },
        /// The method of HTTP.
        may method: String { default: "GET" },
        /// The version of HTTP. `"2"` is for a server that speaks nothing else: with prior knowledge on a plain
        /// connection, by ALPN within TLS.
        may version: String { default: "1.1", one_of: &["1.1", "2"] },
        /// More headers; their values are never printed.
        may headers: Concealed<Pairs<Concealed<String>>>,
        /// What the response must be.
        may expect: ExpectSpec { otherwise: "any status of 2xx" },
        /// Whose health `grpc` asks for.
        may service: String { otherwise: "the server as a whole" },
        /// Authorities that may have signed its certificate, PEM.
        may ca_file: String { otherwise: "the system's" },
        /// Any certificate is accepted.
        may insecure: bool { default: "false" },
        /// When the end of a certificate counts.
        may certificate: CertificateSpec,
        /// When slowness counts.
        may slow: SlowSpec { otherwise: "never" },
        /// [An idle connection](probes.md#tripwires) whose loss brings the next probe forward to now.
        may tripwire: bool { default: "false" },
        /// From start to start while all is quiet, give or take a tenth.
        may interval: Duration { default: "5s", least: "50ms", most: "1h" },
        /// The same while a change may be near; at most `interval`.
        may recheck: Duration { otherwise: "`\"1s\"`, or a shorter `interval`", least: "50ms", most: "1h" },
        /// For the whole probe; at most `interval`.
        may timeout: Duration { otherwise: "`\"2s\"`, or a shorter `interval`", least: "10ms", most: "1h" },
        /// In a row until it is down; at least 2, for one probe never flips.
        may fall: i64 { default: "3", least: "2", most: "100", unit: "failures" },
        /// In a row until it is up.
        may rise: i64 { default: "3", least: "1", most: "100", unit: "passes" },
        /// Scattered failures that count like consecutive ones.
        may brownout: BrownoutSpec { otherwise: "on" },
    }

    /// A question of DNS, and the answer that is expected.
    "dns = { name = \"www.example.com\" }" QuestionSpec {
        /// The name that is asked for.
        must name: String,
        /// The type.
        may record: String { default: "A" },
        /// The response code that is expected.
        may rcode: String {
            default: "NOERROR", one_of: &["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"],
        },
        /// Addresses that must be in the answer.
        may contains: Vec<At<String>>,
        /// What is truncated over UDP is asked for again by TCP.
        may over: String { default: "udp", one_of: &["udp", "tcp"] },
    }

    /// What a response must be.
    "expect = { status = 200 }" ExpectSpec {
        /// Codes and ranges between 200 and 599.
        may status: OneOrMore<Word> { default: "200-299" },
        /// JSON pointers and the values that must be there.
        may json: Pairs<serde_json::Value>,
        /// A time in the body that must be recent.
        may fresh: FreshSpec { otherwise: "none" },
        /// A text that must be there.
        may body: BodySpec { otherwise: "none" },
    }

    /// A time in the body that must be recent: it catches an answer that is cached or frozen.
    "fresh = { pointer = \"/time\", max_age = \"30s\" }" FreshSpec {
        /// The JSON pointer of an RFC 3339 time.
        must pointer: String,
        /// How old it may be.
        must max_age: Duration { least: "1s", most: "1d" },
    }

    /// What the body must contain. One of the two.
    "body = { contains = \"ready\" }" BodySpec {
        /// A text.
        may contains: String,
        /// A regular expression of the crate `regex`, which takes linear time.
        may regex: String,
    }

    /// How long before the end of the certificate that an address shows something happens; `"0s"` for never. An address
    /// that is degraded stays in the answer, and a region that has one comes after a fully healthy one when an escape must
    /// choose.
    "certificate = { degraded = \"3d\" }" CertificateSpec {
        /// `status` warns.
        may warning: Duration { default: "21d", least: "0s", most: "398d" },
        /// The address is degraded; never by default with `insecure`.
        may degraded: Duration { default: "3d", least: "0s", most: "398d" },
        /// The probe fails; one that is not valid any more always does.
        may failed: Duration { default: "0s", least: "0s", most: "398d" },
    }

    /// An address is degraded when every pass within a span took longer than a limit, until `rise` passes in a row are
    /// quick.
    "slow = { above = \"500ms\", after = \"1m\" }" SlowSpec {
        /// How long a pass may take; less than `timeout`.
        must above: Duration { least: "1ms", most: "1h" },
        /// For how long all of them must have taken longer.
        may after: Duration { default: "1m", least: "0s", most: "1d" },
    }

    /// Down when so many probes within the window failed, in a row or not; up again when less than a tenth fails.
    "brownout = { failures = 6, window = \"2m\" }" BrownoutSpec {
        /// Whether scattered failures count.
        may enabled: bool { default: "true" },
        /// At least `fall`.
        may failures: i64 {
            otherwise: "half of the probes that the window holds", least: "2", most: "100", unit: "failures",
        },
        /// Within what time.
        may window: Duration { otherwise: "twelve intervals, a minute at least", least: "100ms", most: "1d" },
    }
}
