//! `[[steer]]`

use std::time::Duration;

use crate::config::read::At;

tables! {
    /// How a name, or a group of names that move together, is steered. Exactly one of `name` and `names`.
    "[[steer]]" SteerSpec {
        /// A name in one of the zones.
        may name: String,
        /// A group: one decision, one epoch.
        may names: Vec<At<String>>,
        /// In order of preference.
        must regions: Vec<At<String>>,
        /// Of its addresses while all is quiet, in whole seconds. `"0s"`: no cache keeps the answer, at the price of a
        /// query for each time.
        may ttl: Duration { default: "30s", least: "0s", most: "2147483647s" },
        /// The same while a change may be near; at most `ttl`.
        may ttl_suspect: Duration {
            otherwise: "`\"10s\"`, or a shorter `ttl`", least: "0s", most: "2147483647s",
        },
        /// When it goes back.
        may failback: FailbackSpec { otherwise: "delayed by 5 minutes" },
        /// The least time between automatic moves; how long a region that was down must be up before one escapes to it.
        may dwell: Duration { default: "60s", least: "0s", most: "1d" },
        /// By itself; beyond that only escapes from a dead region.
        may max_flips_per_hour: i64 { default: "3", least: "1", most: "10000", unit: "moves" },
        /// `"accept"`: an unknown region may take over from a dead one when none is up.
        may unproven: String { default: "refuse", one_of: &["refuse", "accept"] },
        /// The longest that a client may be sent to a dead region; `check` refuses a budget above it.
        may rto: Duration { least: "1ms", most: "1d" },
    }

    /// When the answer returns to a more preferred region that has recovered.
    "failback = { mode = \"delayed\", after = \"300s\" }" FailbackSpec {
        /// At once, after a time, or by `cadence-dns failback`.
        must mode: String { one_of: &["auto", "delayed", "manual"] },
        /// How long the better region must have been up, for `"delayed"`.
        may after: Duration { default: "300s", least: "1ms", most: "1d" },
    }
}
