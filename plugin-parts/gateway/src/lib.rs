//! What apps that pass requests on to other servers have in common.

#![forbid(unsafe_code)]

mod head;
mod limits;
mod pass;
mod retry;

pub use self::head::{Forwarded, Heads, Host, Path, finish};
pub use self::limits::{Limits, seconds};
pub use self::pass::pass;
pub use self::retry::{is_repeatable, may_repeat};
