//! Several name servers, one decision: what they share, and what follows from it.

mod register;

pub use register::{KeyValue, RegisterNews, Transacted, Transaction, TransactionId};
