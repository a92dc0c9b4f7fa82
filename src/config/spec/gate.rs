//! `[[gate]]` and the tables within it.

use std::time::Duration;

use crate::config::read::{At, Concealed, Word};

tables! {
    /// What a region must prove before a name may move to it: by itself when its region dies or when a better one is
    /// back, or by a command. Exactly one of `http`, `postgres`, `exec`, `capacity` and `switch`. Red, never asked, not
    /// answered, a wrong password and older than `stale_after` are all not green. A gate never takes an answer away: the
    /// name stays where it is.
    ///
    /// With a gate of `postgres`, or of `http` with `at_most` or `at_least`, a name that may move to that region goes back
    /// by hand only, unless its `failback` says otherwise: what was written meanwhile would be lost.
    "[[gate]]" GateSpec {
        /// In `status` and in the log.
        must name: String,
        /// The region that it guards; `postgres` must name one.
        may region: String { otherwise: "every one" },
        /// The names that it concerns, and with a name its group.
        may names: Vec<At<String>> { otherwise: "all" },
        /// A GET.
        may http: HttpGateSpec,
        /// A question to a PostgreSQL server.
        may postgres: Concealed<PostgresGateSpec>,
        /// A program with its arguments: it ends with 0 when all is well, and its last line says why not.
        may exec: Vec<At<String>>,
        /// Endpoints of the region that must be up, of each family that it needs: a number, or a share such as `"75%"`.
        may capacity: Word,
        /// What it is while no operator says otherwise by `cadence-dns switch`, for a day at most; with `"off"` names move
        /// only in a window that somebody has opened.
        may switch: String { one_of: &["on", "off"] },
        /// `"warn"`: it is said in `status` and in the log, and moves pass.
        may policy: String { default: "block", one_of: &["block", "warn"] },
        /// Once the region in service has been down for so long, an escape passes.
        may block_for: Duration { otherwise: "for ever", least: "1s", most: "1d" },
        /// From start to start; sooner after no answer.
        may interval: Duration { default: "5s", least: "100ms", most: "1h" },
        /// For all of it; at most `interval`.
        may timeout: Duration { otherwise: "`\"2s\"`, or a shorter `interval`", least: "10ms", most: "1h" },
        /// What was seen counts for so long; at least `interval` and `timeout` together.
        may stale_after: Duration { otherwise: "three times `interval`", least: "200ms", most: "1d" },
    }

    /// A GET. A status of 2xx is green, unless the body must say more. No redirect is followed.
    "http = { url = \"https://far.example.com/ready\" }" HttpGateSpec {
        /// http:// or https://
        must url: String,
        /// The JSON pointer of a value in the body, with one of the next three.
        may value: String,
        /// A number up to this one.
        may at_most: serde_json::Value,
        /// A number from this one on.
        may at_least: serde_json::Value,
        /// Exactly this text, number or boolean.
        may is: serde_json::Value,
        /// Authorities that may have signed its certificate, PEM.
        may ca_file: String { otherwise: "the system's" },
        /// Any certificate is accepted.
        may insecure: bool { default: "false" },
    }

    /// Asks for role and position. A replica is measured against the last that was known of its primary, which is
    /// whatever gate found to be one with the same data: so the region of the primary needs a gate as well, before which
    /// `policy = "warn"` will often do. A replica that receives nothing from a primary that works is red; one whose
    /// primary is dead is measured against the primary's last position. The user needs no right but to log in.
    "postgres = { host = \"192.0.2.98\", user = \"monitor\" }" PostgresGateSpec {
        /// A name or an address.
        must host: String,
        /// Where it listens.
        may port: i64 { default: "5432", least: "1", most: "65535", unit: "(a port)" },
        /// The database to log in to.
        may database: String { default: "postgres" },
        /// As whom.
        must user: String,
        /// Its first line is the password; read again each time. A password has no place in this file.
        may password_file: String,
        /// What the server must be.
        may role: String { otherwise: "either", one_of: &["primary", "replica"] },
        /// The most that it may lack of its primary, as a time.
        may lag: Duration { otherwise: "any", least: "0s", most: "1d" },
        /// The same in the write-ahead log.
        may lag_bytes: i64 { otherwise: "any", least: "0", unit: "octets" },
        /// A certificate is demanded and believed as of https://
        may tls: bool { default: "true" },
        /// Authorities that may have signed its certificate, PEM.
        may ca_file: String { otherwise: "the system's" },
        /// Any certificate is accepted.
        may insecure: bool { default: "false" },
    }
}
