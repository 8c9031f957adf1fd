//! `stackup new`: creates a site, or a plugin in a site, from built-in templates.
//!
//! It never overwrites a file.

mod dependency;
mod error;
mod files;
mod members;
mod name;
mod plugin;
mod site;

pub use self::error::NewError;
pub use self::plugin::{NewPlugin, plugin};
pub use self::site::{NewSite, site};
