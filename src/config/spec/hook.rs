//! `[[hook]]` and `[safety]`: what is done when a name moves, and what no command may do.

use std::time::Duration;

use crate::config::read::At;

tables! {
    /// What is done outside when a name moves to another region, whoever moved it. Exactly one of `command` and `url`. Of
    /// one name never two hooks run at once; of several moves that wait for a hook the newest is told. What it says is in
    /// the log and in the history, up to 4 KiB.
    "[[hook]]" HookSpec {
        /// In the log.
        must name: String,
        /// The names that it is run for, and with a name its group.
        may names: Vec<At<String>> { otherwise: "all" },
        /// `"before"` the move is made durable, or `"after"` it is answered.
        must when: String { one_of: &["before", "after"] },
        /// A program with its arguments; [what it is told](operating.md#gates-and-hooks).
        may command: Vec<At<String>>,
        /// Where a POST with a body of JSON goes; any status of 2xx is success.
        may url: String,
        /// Its first line signs the request: `cadence-signature: t=UNIX,v1=HEX`, HMAC-SHA256 over the time, a dot and the
        /// body.
        may secret_file: String,
        /// Authorities that may have signed its certificate, PEM.
        may ca_file: String { otherwise: "the system's" },
        /// Any certificate is accepted.
        may insecure: bool { default: "false" },
        /// Then it is ended with its children.
        may deadline: Duration { default: "5s", least: "100ms", most: "1m" },
        /// The move waits for it, and is not made when it fails: it is tried again after 5 s, 10 s, … up to 5 min. Only
        /// before a move.
        may must_succeed: bool { default: "false" },
    }

    /// What no command may do by mistake; `--break-glass RULE` does it on purpose.
    "[safety]" SafetySpec {
        /// The least number of a name's regions that are neither down nor drained after a command (all of them, where it
        /// has fewer): rule `min-serving`.
        may min_serving: i64 { default: "1", least: "0", most: "100", unit: "regions" },
        /// The largest share that a reload may take away or give other answers: of the names of all zones (ten may always),
        /// and of the steered names, which count where clients are sent elsewhere: rule `reload-share`.
        may reload_max_share: i64 { default: "50", least: "0", most: "100", unit: "percent" },
    }
}
