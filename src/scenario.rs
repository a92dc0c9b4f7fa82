//! Stories of outages, as text that an operator can write, played by the real controller in the simulator.
//!
//! ```text
//! text ─read─▶ Scenario ─topologies─▶ Parameters ─┐
//!                 └─ Steps ───────────────────────┴─▶ Player ─▶ all as expected, or the first line that is not
//!                                                        └─▶ timeline
//! ```
//!
//! A scenario is a story alone, and is then played by the configuration that it is given. Or it brings regions, steers and
//! witnesses of its own: TOML as in the configuration, in front of a line `---`. What the lines of a story can say is
//! is told by [`LANGUAGE`] and known by `language`.

mod compare;
mod language;
mod order;
mod places;
mod player;
mod span;
mod text;
mod timeline;
mod topology;

pub use language::{Change, Expectation, Expected, Fact, Mistake, Restart, Step, What, When};
pub use player::Player;
pub use text::{Scenario, read};
pub use timeline::timeline;
pub use topology::{Topologies, of_text};

/// What the lines of a story can say, for operators.
pub const LANGUAGE: &str = include_str!("scenario/language.txt");
