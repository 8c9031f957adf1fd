//! Whether a client came by https, and what browsers are told of it.

#![forbid(unsafe_code)]

mod hsts;
mod proxies;

pub use self::hsts::Hsts;
pub use self::proxies::Proxies;
