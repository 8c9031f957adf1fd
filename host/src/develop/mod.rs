//! What development adds: builds on save, checks and traces between the layers, pages in the browser, new projects,
//! and a certificate for TLS.

pub mod compile;
pub mod lint;
pub mod pages;
pub mod scaffold;
pub mod tls;
pub mod trace;
