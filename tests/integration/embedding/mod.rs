//! Stacks inside other programs: `examples/embed-axum` and `examples/embed-hyper`.

mod axum;
mod hyper;
mod in_process;
mod program;
mod reloads;
