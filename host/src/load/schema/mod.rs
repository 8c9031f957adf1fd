//! JSON Schemas: of a manifest, in which each plugin's config has the plugin's own, and what a config
//! violates of one.
//!
//! Pure: it reads no file and loads no library.

mod any_of;
mod collector;
mod config;
mod manifest;

pub use self::config::{EntryPart, Violation, of_config, violations};
pub use self::manifest::{HandlerSchema, KnownPlugins, of_manifest};
