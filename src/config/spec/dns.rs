//! `[dns]` and the tables below it.

use std::time::Duration;

use crate::config::read::At;

tables! {
    /// Where queries are answered, by UDP and TCP.
    "[dns]" DnsSpec {
        /// Addresses with or without a port.
        may listen: Vec<At<String>> { default: r#"["0.0.0.0:53", "[::]:53"]"# },
        /// Networks that are answered; others get silence by datagrams and REFUSED by streams.
        may allow: Vec<At<String>> { otherwise: "everybody" },
        /// Front ends that say who their clients are, by the PROXY protocol, version 2: each of their datagrams and
        /// streams must, and limits and `allow` see the client.
        may proxy_protocol_from: Vec<At<String>>,
        /// UDP threads for each address.
        may workers: i64 { otherwise: "one per core", least: "1", most: "1024", unit: "threads" },
        /// What waits in the kernel for each UDP socket; what comes beyond that is lost and counted.
        may receive_buffer: i64 { default: "4194304", least: "65536", most: "268435456", unit: "octets" },
        /// The same for replies that wait for their receiver.
        may send_buffer: i64 { default: "4194304", least: "65536", most: "268435456", unit: "octets" },
        /// Each query gets a set of addresses that begins with another one.
        may rotate: bool { default: "true" },
        /// Told at `version.bind` in class CH; at most 128 octets.
        may version: String,
        /// Tells the node's name at `id.server` and `hostname.bind` in class CH, not only by NSID.
        may identity: bool { default: "false" },
        /// An interface to answer past the kernel's network stack; needs a build with `--features xdp`.
        may xdp: String,
        may cookies: CookiesSpec,
        may rate_limit: RateLimitSpec,
        may tcp: TcpSpec,
        may tls: TlsSpec,
        may https: HttpsSpec,
    }

    /// DNS cookies (RFC 7873, RFC 9018): a client with a good one is no forger, and spared every limit.
    "[dns.cookies]" CookiesSpec {
        /// Whether cookies are spoken.
        may enabled: bool { default: "true" },
        /// Secrets that servers behind one address share, the newest first: 32 hexadecimal digits a line; looked at
        /// every 5 s.
        may secret_file: String { otherwise: "a random secret, a new one every day" },
    }

    /// How often a network (/24, IPv6 /56) is told something by datagrams, so that nobody can aim the server at a victim.
    "[dns.rate_limit]" RateLimitSpec {
        /// Off where all queries come from few big resolvers without cookies.
        may enabled: bool { default: "true" },
        /// About one thing.
        may rate: i64 { default: "200", least: "1", most: "100000", unit: "replies a second" },
        /// About all things together; at least `rate`.
        may network_rate: i64 {
            otherwise: "ten times `rate`", least: "1", most: "1000000", unit: "replies a second",
        },
        /// Beyond the limit one reply in so many is sent truncated, to say come by TCP; `0` for none, `1` for all.
        may slip: i64 { default: "2", least: "0", most: "100", unit: "replies" },
        /// Networks without a limit, besides the loopback.
        may exempt: Vec<At<String>>,
    }

    /// DNS over TCP. Encrypted connections have as many places again.
    "[dns.tcp]" TcpSpec {
        /// Open at a time, half of them one network's.
        may connections: i64 { default: "800", least: "2", most: "1000000", unit: "connections" },
        /// How long a connection may be idle; shrinks as places grow scarce.
        may idle_timeout: Duration { default: "10s", least: "1s", most: "10m" },
    }

    /// DNS over TLS (RFC 7858). The files may change at any time; they are looked at every 5 s and at SIGHUP.
    "[dns.tls]" TlsSpec {
        /// The chain, PEM.
        must certificate: String,
        /// Its private key, PEM.
        must key: String,
        /// Addresses with or without a port; `[]` for HTTPS alone.
        may listen: Vec<At<String>> { default: r#"["0.0.0.0:853", "[::]:853"]"# },
    }

    /// DNS over HTTPS (RFC 8484), with the certificate of `[dns.tls]`.
    "[dns.https]" HttpsSpec {
        /// Addresses with or without a port.
        may listen: Vec<At<String>> { default: r#"["0.0.0.0:443", "[::]:443"]"# },
        /// The path of the URL.
        may path: String { default: "/dns-query" },
    }
}
