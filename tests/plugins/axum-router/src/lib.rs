//! A router of axum, as a plugin.

#![forbid(unsafe_code)]

mod router;

stackup_plugin::export!(app service router::router);
