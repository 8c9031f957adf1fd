//! Stacks inside other programs: `examples/embed-axum`, `embed-hyper` and `embed-lambda`.

mod axum;
mod hyper;
mod in_process;
mod lambda;
mod program;
mod reloads;
