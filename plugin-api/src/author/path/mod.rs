//! The canonical form of a path (SPEC R8), and the paths of configs, which match it.
//!
//! Whatever decides by a path (a map, a list of exceptions, a rule) must see what an app below opens. So the host writes
//! each path in one form before any layer sees it: two paths are spelled the same if, and only if, they decode to the
//! same names. Everything that compares paths uses this module.

mod canonical;
mod list;
mod prefix;

pub use self::canonical::{InvalidPath, canonical};
pub use self::list::PathList;
pub use self::prefix::PathPrefix;
