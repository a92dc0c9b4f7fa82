//! `[cluster]`: the name servers that decide together.

use crate::config::read::At;

tables! {
    /// Several name servers that decide together, through an etcd of at least three members. Each of them has the same file
    /// but for `[node]` and `[dns]`. What is left out is a name server that decides alone and needs no etcd.
    "[cluster]" ClusterSpec {
        /// The folder in etcd is `/cadence-dns/NAME/v1/`. 1 to 64 letters, digits, `-`, `_` and dots.
        must name: String,
        /// All of them, this one among them, in the same order everywhere; at most nine.
        must nodes: Vec<At<ClusterNodeSpec>>,
        /// Where they meet.
        must etcd: EtcdSpec,
    }

    /// A name server of the cluster.
    "nodes = { name = \"ns1\", region = \"us-east\" }" ClusterNodeSpec {
        /// The `name` of its `[node]`.
        must name: String,
        /// The region that it stands in, about which it does not vote: it would die with it.
        may region: String { otherwise: "it stands in none" },
        /// `"witness"`: it probes and votes, and answers no DNS.
        may role: String { default: "server", one_of: &["server", "witness"] },
    }

    /// An etcd of version 3.4 or later, spoken to by its JSON gateway, which is on unless `--enable-grpc-gateway=false`. A
    /// member of 3.4 wants `--pre-vote`.
    "etcd = { endpoints = [\"https://etcd1.example.net:2379\"] }" EtcdSpec {
        /// Client URLs of its members, the nearest first.
        must endpoints: Vec<At<String>>,
        /// Authorities that may have signed their certificates, PEM.
        may ca_file: String { otherwise: "the system's" },
        /// The certificate that we show them, and those that lead to its authority, PEM. It is read again every minute. Its
        /// subject must have no common name where etcd has users: the gateway refuses it then.
        may certificate: String,
        /// Its private key, PEM.
        may key: String,
        /// As whom we log in. It needs `readwrite` on the folder.
        may username: String,
        /// Its first line is the password; read again for each login.
        may password_file: String,
    }
}
