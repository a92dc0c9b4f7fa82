//! What silence proves, and who else is listened to.

tables! {
    /// What silence proves.
    "[evidence]" EvidenceSpec {
        /// Where a family has one probed address and no witness: `"freeze"`: silence proves nothing; `"trust"`: a death.
        may alone: String { default: "freeze", one_of: &["freeze", "trust"] },
    }

    /// A place outside of all regions that is probed and never served. When a region is silent and a witness of the same
    /// family is heard, the region is dead; when both are silent, our own network is suspected. Exactly one of `tcp` and
    /// `url`.
    "[[witness]]" WitnessSpec {
        /// How it is called in `status` and the log.
        may name: String { otherwise: "its address" },
        /// Where it is.
        must address: String,
        /// A port to connect to.
        may tcp: i64 { least: "1", most: "65535", unit: "(a port)" },
        /// A page to fetch; any reply will do.
        may url: String,
        /// Authorities that may have signed its certificate, PEM.
        may ca_file: String { otherwise: "the system's" },
        /// Any certificate is accepted.
        may insecure: bool { default: "false" },
    }
}
