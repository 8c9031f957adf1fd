//! JSON Schemas: the schema of a manifest, which includes those of the plugins' configs, and the check of a
//! config against one.
//!
//! Pure: it reads no file and loads no library.

mod any_of;
mod collector;
mod config;
mod manifest;
mod marks;
mod secrets;

pub use self::config::{EntryPart, Violation, of_config, violations};
pub use self::manifest::{HandlerSchema, KnownPlugins, of_manifest};
pub use self::secrets::{censored, is_secret_at, shown};
