//! The HTTP API over TCP.

use crate::config::read::At;

tables! {
    /// The HTTP API and the pages that show it in a browser, over TCP; the control socket serves the same in any case.
    /// [Operating](operating.md) says what is there. Whoever reaches an address of it may read, and change nothing.
    "[api]" ApiSpec {
        /// Addresses with ports. Those that other machines reach are warned of: what is read there is not encrypted.
        may listen: Vec<At<String>> { otherwise: "none; `[\"127.0.0.1:8053\"]` is the usual one" },
    }
}
