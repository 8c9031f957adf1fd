//! `[dev]`: what `stackup dev` adds during development.

/// `[dev]`. Has an effect in `stackup dev` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dev {
    /// Put a small script into HTML pages that shows errors and reloads the page.
    pub overlay: bool,
    /// Show the stack at `/_stackup/`, and record each request's way through its layers.
    pub inspector: bool,
    /// Check between layers that each follows SPEC.md.
    pub lint: bool,
    /// Play the last requests through a new generation, and report which answers differ.
    pub replay: bool,
}

impl Default for Dev {
    /// Everything is on.
    fn default() -> Self {
        Self {
            overlay: true,
            inspector: true,
            lint: true,
            replay: true,
        }
    }
}
