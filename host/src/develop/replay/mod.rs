//! Replay: before a swap, the last requests are played through the generation that serves and the next one, and their answers are
//! compared.
//!
//! `choose` picks the requests, `player` plays each through both generations on a thread of its own, `compare` finds what differs
//! although it did not differ between two answers of the old code, `session` bounds all of that in time, `report` says it.

mod answer;
mod body_change;
mod choose;
mod compare;
mod header_change;
mod masks;
mod play;
mod player;
mod replays;
mod report;
mod request;
mod session;

pub use self::replays::Replays;
pub use self::report::Report;
