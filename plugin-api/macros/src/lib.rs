//! The `#[config]` attribute.
