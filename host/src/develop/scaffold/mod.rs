//! `stackup new`: a site, or a plugin of a site, from templates that are built in.
//!
//! It makes files and never writes over one. Knows nothing of what serves.

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
