//! The shapes that operators and programs see, made from the controller's data and the counters of the shells.

mod advice;
mod cluster;
mod configuration;
mod drilled;
mod effective_config;
mod etcd;
mod explain;
mod figures;
mod heartbeats;
mod history_page;
mod in_a_line;
mod incident;
mod live;
mod matrix;
mod metrics;
mod part;
mod probed;
mod receiver;
mod simulated;
mod status;
mod text;
mod urgency;
mod warning;

pub use cluster::cluster_warnings;
pub use configuration::{ConfigurationStatus, ReloadStatus};
pub use drilled::{DRILL_SCHEMA, DeathNoticed, Drilled, NameDrilled};
pub use effective_config::effective_config;
pub use etcd::{EtcdMemberStatus, EtcdStatus};
pub use explain::{
    ClientExplanation, DecisionExplanation, EXPLANATION_SCHEMA, EndpointExplanation, Explanation,
    ExplanationSource, LaterExplanation, MovesExplanation, NextExplanation, Outline, PathStep, Question,
    RegionExplanation, RuleExplanation, TtlExplanation, WitnessExplanation,
};
pub use figures::{
    ApiFigures, HistogramFigures, ProbeFigures, ProbePhase, ProcessFigures, QueryFigures, ShellFigures,
};
pub use heartbeats::{
    BEATS_MAX, Beat, BeatOutcome, BeatingCheck, CheckHeartbeat, HEARTBEATS_SCHEMA, Heartbeats, beats_kept,
};
pub use history_page::{
    HISTORY_PAGE, HISTORY_PAGE_MAX, HISTORY_SCHEMA, HistoryPage, HistoryQuestion, NumberedEntry,
};
pub use in_a_line::in_a_line;
pub use incident::{Incident, Stay};
pub use matrix::{ClusterMatrix, Heard, NodeEpoch, NodeRow, NodeZone, Said};
pub use metrics::{METRICS_TYPE, Scrape, metrics};
pub use part::PartStatus;
pub use probed::{CertificateProbed, CheckProbed, PROBE_SCHEMA, Probed, RegionProbed, would_be};
pub use receiver::ReceiverStatus;
pub use simulated::{
    CandidateSettings, MoveReplayed, NameReplayed, OutageSeen, PastReplayed, SIMULATION_SCHEMA,
    ScenarioPlayed, SettingsAdvised, SettingsReplayed, Simulated,
};
pub use status::{
    BudgetStatus, CheckStatus, DnsStatus, EndpointStatus, GateStatus, LimitedStatus, NameStatus,
    RegionStatus, STATUS_SCHEMA, Source, Status, WaitStatus,
};
pub use text::{age, latency, probe_of};
pub use warning::Warning;
