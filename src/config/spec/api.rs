//! The HTTP API over TCP.

use crate::config::read::At;

tables! {
    /// The HTTP API and the pages that show it in a browser, over TCP; the control socket serves the same in any case.
    /// [Operating](operating.md#the-api-and-metrics) says what is there. Whoever is known by a token or a certificate may do what
    /// `access_file` says; others may read.
    "[api]" ApiSpec {
        /// Addresses with ports. Those that other machines reach are warned of unless there is a `certificate`.
        may listen: Vec<At<String>> { otherwise: "none; `[\"127.0.0.1:8053\"]` is the usual one" },
        /// Names that a request may have as its `Host`, besides addresses and `localhost`: those of this server, or of a proxy in
        /// front. Any other could be made to mean this machine by somebody's page in a browser (DNS rebinding).
        may hosts: Vec<At<String>> { otherwise: "none" },
        /// Whether those who are not known may read. `/livez` and `/readyz` are for all in any case.
        may anonymous: bool { default: "true" },
        /// Who is known: a line each, `NAME read|operate|admin token SHA-256` or `NAME read|operate|admin certificate DNS-NAME`;
        /// `cadence-dns api-token` makes the first. Looked at every 5 s. `operate` gives orders, `admin` breaks safety rules.
        may access_file: String { otherwise: "nobody" },
        /// The chain that clients are shown, PEM, looked at every 5 s.
        may certificate: String { otherwise: "no TLS" },
        /// Its private key, PEM.
        may key: String,
        /// The authorities whose client certificates are believed, PEM; `access_file` says whose names may do what.
        may client_ca: String { otherwise: "no client certificates" },
    }
}
