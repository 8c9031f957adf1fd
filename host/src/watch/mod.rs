//! Which paths changed, told once.
mod route;

pub(crate) use self::route::{Route, absolute};
