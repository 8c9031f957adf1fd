//! Whether a request came over https, and `strict-transport-security`.

#![forbid(unsafe_code)]

mod hsts;
mod proxies;

pub use self::hsts::Hsts;
pub use self::proxies::refuse_proxies;
