//! What development adds: builds on save, checks and traces between the layers, pages in the browser, new projects.

pub mod compile;
pub mod lint;
pub mod pages;
pub mod scaffold;
pub mod trace;
