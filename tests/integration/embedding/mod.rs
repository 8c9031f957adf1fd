//! Stacks inside other programs: `examples/embed-axum` and `examples/embed-hyper`.

mod axum;
mod hyper;
mod program;
mod reloads;
