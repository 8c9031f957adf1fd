//! The test harness: builds `stackup` and plugins, lays out sites, runs hosts, and has an HTTP client that shows what
//! is on the wire.

pub mod artifacts;
pub mod browser;
pub mod cargo_site;
mod command;
mod deadline;
mod descriptors;
pub mod fastcgi;
mod gate;
pub mod host;
pub mod http;
pub mod http2;
pub mod log;
pub mod marks;
pub mod packages;
pub mod patch;
mod post_mortem;
pub mod program;
mod redis;
pub mod site;
mod skip;
pub mod tls;
mod wall_clock;
pub mod workspace_copy;

pub use self::cargo_site::CargoSite;
pub use self::command::CommandOutput;
pub use self::deadline::{DEADLINE, within};
pub use self::descriptors::no_more_files;
pub use self::fastcgi::FastcgiClient;
pub use self::gate::Gate;
pub use self::host::Host;
pub use self::http::Connection;
pub use self::redis::RedisServer;
pub use self::site::Site;
pub use self::skip::print_skipped;
pub use self::wall_clock::WallClock;
