//! Generations: numbered, immutable stacks; candidate → active → draining → retired.
//!
//! Knows neither HTTP/1.1 nor TOML's text. `reload` walks the way from a saved file to the swap, with four parts:
//! `plugin_builds` (crates to libraries), `loader` (manifest to candidate), `generations` (swap and drain) and
//! `recovery` (which stacks can be restored, and which may not come back).

mod active;
mod candidate;
mod compare;
mod drain;
mod drain_deadlines;
mod drain_state;
mod drain_watch;
mod draining;
mod find;
mod fresh_process;
#[expect(
    clippy::module_inception,
    reason = "a file of its own: the files around it use the type, and this one uses them"
)]
mod generation;
mod generations;
mod hand_over;
mod health;
mod held_by;
mod held_call;
mod instance;
mod instance_changes;
mod kept_call;
mod library_builder;
mod life_call;
mod loader;
mod lock;
mod log_change;
mod matching;
mod placeholder;
mod plugin_builds;
mod probation;
mod probed;
mod quarantine;
mod record;
mod recovery;
mod refusal;
mod registry;
mod reload;
mod report;
mod resolve;
mod resolve_context;
mod schema;
mod select;
mod serving;
mod status;
mod upgrade_record;
mod waiting;
mod waiting_list;
mod warmup;

pub use self::active::Active;
pub use self::candidate::{BuildContext, Candidate, RejectedCandidate, build};
pub use self::drain_state::{DrainDeadline, DrainState, DrainTimes};
pub use self::drain_watch::{DrainWatch, Outlook};
pub use self::generation::Generation;
pub use self::health::Health;
pub use self::held_by::HeldBy;
pub use self::instance::{Instance, Key};
pub use self::instance_changes::InstanceChanges;
pub use self::kept_call::WaitingCall;
pub use self::library_builder::{BuiltLibraries, LibraryBuildError, LibraryBuilder, PluginRef};
pub use self::matching::Position;
pub use self::plugin_builds::OnBuild;
pub use self::probed::ProbedHandlers;
pub use self::record::{ReloadOutcome, ReloadRecord};
pub use self::recovery::OnCandidate;
pub use self::refusal::{Refusal, Stage};
pub use self::registry::Registry;
pub use self::reload::Reloader;
pub use self::report::{Outcome, ReloadMode, Report, Timings};
pub use self::resolve::{Resolved, resolve};
pub use self::resolve_context::ResolveContext;
pub use self::select::ResolveError;
pub use self::status::{
    ActiveGeneration, DrainingGeneration, GenerationStatus, HandlerHealth, StackInstance, StackLine,
};
pub use self::upgrade_record::{UpgradeRecord, UpgradeStatus};
pub use self::waiting::{Phase, RequestWait, WaitingRequests};
pub use self::waiting_list::{MoreRequests, WaitingList, WaitingRequest};
