//! What the nodes of a cluster share, as the controller sees it: keys with values, changed by transactions.
//!
//! The shape is that of etcd's version 3 API, without its network: who speaks to it brings [`RegisterNews`] in, and
//! carries [`Transaction`]s out.

/// The number of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// The key, below the prefix of the cluster.
    pub key: String,
    /// Its value, a JSON text; none when it is deleted, or never was.
    pub value: Option<String>,
    /// The revision of the register that wrote it last (etcd: `mod_revision`); 0 for a key that never was.
    pub revision: u64,
}

/// What is to be written, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// For the outcome.
    pub id: TransactionId,
    /// The keys that must have been written last at these revisions; 0 for one that must not be there.
    pub conditions: Vec<(String, u64)>,
    /// What to write; no value deletes the key.
    pub writes: Vec<(String, Option<String>)>,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transacted {
    /// It was written, at this revision of the register.
    Written(u64),
    /// A condition did not hold: what the keys of the conditions hold instead.
    Refused(Vec<KeyValue>),
    /// Nobody knows, and why: it may have been written, or it may still be.
    Unknown(String),
}

/// What the register has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterNews {
    /// Everything that there is, as most of its members agree on it; first of all, and after whatever was missed.
    Snapshot {
        /// The revision as of which it is.
        revision: u64,
        /// Every key.
        all: Vec<KeyValue>,
    },
    /// What one revision has changed. They come in their order, none is left out after a snapshot.
    Changed {
        /// The revision.
        revision: u64,
        /// The keys that it wrote or deleted.
        keys: Vec<KeyValue>,
    },
    /// What became of a transaction.
    Transacted(TransactionId, Transacted),
}
