//! The configuration file word for word: a struct for each table, a field for each key, and what the reference says of it.
//!
//! Nothing is judged here but types and keys. [`super::parse()`] takes every struct apart by name, so a key that is
//! added here does not compile until a parser uses it.
//!
//! A key has a doc comment, which is its text in `docs/configuration.md`, and after its type, in braces, the [`Facts`]
//! that the parser obeys: `default`, or `otherwise` in words; `least` and `most` of a `Limit` of the parser; `unit`
//! of a number; `one_of` for a closed set of words. The tests hold every one of them to the parser, and an example of
//! the key stands in `tests/config/complete.toml`.
//!
//! [`Facts`]: super::reference::Facts

use super::diagnostics::Diagnostics;
use super::read::{At, Table};
use super::reference::TableReference;
use toml::de::DeTable;

/// Tables as structs. `must` marks a key that has no default; each field may be missing nevertheless, for a file
/// with a mistake is read to its end.
macro_rules! tables {
    ($($(#[doc = $doc:literal])* $sample:literal $spec:ident { $(
        $(#[doc = $about:literal])* $how:ident $key:ident: $type:ty
        $({ $($fact:ident: $value:expr),* $(,)? })?,
    )* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default)]
        pub(in crate::config) struct $spec {
            $($(#[doc = $about])* pub(in crate::config) $key: Option<$crate::config::read::At<$type>>,)*
        }

        impl $spec {
            /// What the reference says of it.
            pub(in crate::config) const REFERENCE: &'static $crate::config::reference::TableReference =
                &$crate::config::reference::TableReference {
                    sample: $sample,
                    about: &[$($doc),*],
                    keys: &[$($crate::config::reference::KeyReference {
                        name: stringify!($key),
                        is_required: is_required!($how),
                        about: &[$($about),*],
                        kind: <$type as $crate::config::read::Read>::kind,
                        facts: $crate::config::reference::Facts {
                            $($($fact: $value,)*)?
                            ..$crate::config::reference::Facts::NONE
                        },
                    }),*],
                };

            pub(in crate::config) fn take(mut table: $crate::config::read::Table<'_, '_>) -> $spec {
                let spec = $spec { $($key: table.$how(stringify!($key)),)* };
                table.finish();
                spec
            }
        }

        impl $crate::config::read::Read for $spec {
            fn read(value: $crate::config::read::Value<'_, '_>) -> Option<$spec> {
                value.table($sample).map($spec::take)
            }

            fn sample(_: &str) -> String {
                $sample.to_owned()
            }

            fn kind() -> $crate::config::reference::Kind {
                $crate::config::reference::Kind::Table($spec::REFERENCE)
            }
        }
    )*};
}

macro_rules! is_required {
    (must) => {
        true
    };
    (may) => {
        false
    };
}

mod api;
mod cluster;
mod dns;
mod evidence;
mod gate;
mod hook;
mod node;
mod notify;
mod probe;
mod region;
mod steer;

pub(super) use api::ApiSpec;
pub(super) use cluster::{ClusterNodeSpec, ClusterSpec, EtcdSpec};
pub(super) use dns::{CookiesSpec, DnsSpec, HttpsSpec, RateLimitSpec, TcpSpec, TlsSpec};
pub(super) use evidence::{EvidenceSpec, WitnessSpec};
pub(super) use gate::{GateSpec, HttpGateSpec, PostgresGateSpec};
pub(super) use hook::{HookSpec, SafetySpec};
pub(super) use node::{CheckSpec, ControlSpec, HistorySpec, NodeSpec, RecordSpec, ZoneSpec};
pub(super) use notify::NotifySpec;
pub(super) use probe::{
    BodySpec, BrownoutSpec, CertificateSpec, ExpectSpec, FreshSpec, ProbeSpec, QuestionSpec, SlowSpec,
};
pub(super) use region::RegionSpec;
pub(super) use steer::{FailbackSpec, SteerSpec};

tables! {
    /// One TOML file; `cadence-dns check --config FILE` judges all of it and changes nothing. Durations are texts with units
    /// (`"500ms"`, `"5s"`, `"2m"`, `"21d"`). Relative paths start at the folder of the file. A key that is not listed here is
    /// an error, and so is one that has no effect.
    ///
    /// A changed configuration is taken up by `cadence-dns reload`, SIGHUP or `watch`, as a whole or not at all. A few keys
    /// take [a restart](operating.md#reload), and a reload that changes one of them says so.
    "the configuration" Spec {
        must node: NodeSpec,
        may dns: DnsSpec,
        may control: ControlSpec,
        may api: ApiSpec,
        may record: RecordSpec,
        may check: CheckSpec,
        may history: HistorySpec,
        must zone: Vec<At<ZoneSpec>>,
        may evidence: EvidenceSpec,
        may witness: Vec<At<WitnessSpec>>,
        may region: Vec<At<RegionSpec>>,
        may steer: Vec<At<SteerSpec>>,
        may gate: Vec<At<GateSpec>>,
        may hook: Vec<At<HookSpec>>,
        may notify: Vec<At<NotifySpec>>,
        may safety: SafetySpec,
        may cluster: ClusterSpec,
    }
}

/// What the reference says of the whole file, from its top level on.
pub const REFERENCE: &TableReference = Spec::REFERENCE;

impl Spec {
    /// Fills all of it from the tree.
    pub(super) fn of<'t>(tree: DeTable<'t>, diagnostics: &Diagnostics<'t>) -> Spec {
        Spec::take(Table::root(tree, diagnostics))
    }
}
