//! The name server itself: who it is, what it keeps, and its zones.

use crate::config::read::At;

tables! {
    /// This name server.
    "[node]" NodeSpec {
        /// Told by NSID, and who has seen what in `status`. 1 to 64 printable ASCII characters, no spaces.
        must name: String,
        /// The folder of the saved state. It belongs to one daemon.
        may state_dir: String { default: "/var/lib/cadence-dns" },
        /// Whom a start as root becomes once it has opened what it needs.
        may user: String { otherwise: "`cadence-dns`, if there is such a user" },
        /// `"enforce"`: no file but its own, where the kernel has Landlock; `"off"` leaves that out.
        may landlock: String { default: "enforce", one_of: &["enforce", "off"] },
        /// `"enforce"`: no system call but those that it needs. `"log"` has the kernel log others, `"off"` leaves that out.
        may seccomp: String { default: "enforce", one_of: &["enforce", "log", "off"] },
        /// This file, the zones and what they include are reloaded when they have changed and nobody has written to them for
        /// half a second.
        may watch: bool { default: "false" },
    }

    /// Where the command line reaches the daemon.
    "[control]" ControlSpec {
        /// The UNIX socket of `status`, `explain` and all commands, mode 0660: who may open it may use it.
        may socket: String { default: "/run/cadence-dns/control.sock" },
    }

    /// What is kept of the probes, for [`simulate --replay`](simulating.md): files in `state_dir/probes`, the oldest of
    /// which give way to new ones. A probe takes some eleven octets, and never more than 64. A disk that is full costs
    /// recordings, nothing else.
    "[record]" RecordSpec {
        /// All recordings together, or `0` for none. The default is a month of a dozen addresses at the default `interval`.
        may max_size: i64 { default: "67108864", least: "1048576", most: "1099511627776", unit: "octets" },
    }

    /// What `check` does beyond judging the file.
    "[check]" CheckSpec {
        /// Files of [stories](simulating.md) that `check` plays, and that must go as they say.
        may scenarios: Vec<At<String>>,
    }

    /// What was decided and ordered, in `state_dir/history`: one JSON line an entry, for `cadence-dns history` and
    /// `audit verify`.
    "[history]" HistorySpec {
        /// The size of a file before the next one is begun. A decision takes 1 to 3 KiB.
        may max_size: i64 { default: "10485760", least: "65536", most: "268435456", unit: "octets" },
        /// How many are kept; the oldest is removed.
        may files: i64 { default: "10", least: "2", most: "1000", unit: "files" },
    }

    /// A zone and its master file (RFC 1035). Steered names have no A, AAAA or CNAME in it.
    "[[zone]]" ZoneSpec {
        /// The apex.
        must name: String,
        /// The master file.
        must file: String,
    }
}
