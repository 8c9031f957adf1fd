//! The plugin API.
