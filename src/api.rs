//! The shapes that operators and programs see, made from the controller's data and the counters of the shells.

mod advice;
mod live;
mod status;

pub use status::{
    BudgetStatus, CheckStatus, DnsStatus, EndpointStatus, LimitedStatus, NameStatus, RegionStatus,
    STATUS_SCHEMA, Source, Status, WaitStatus, Warning,
};
