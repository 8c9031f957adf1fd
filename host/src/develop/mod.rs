//! What development adds: builds on save, checks and traces between the layers, replays before a swap, pages in the browser, new
//! projects, and a certificate for TLS.

pub mod compile;
pub mod lint;
pub mod pages;
pub mod replay;
pub mod scaffold;
pub mod tls;
pub mod trace;
