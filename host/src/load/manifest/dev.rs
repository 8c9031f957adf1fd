//! `[dev]`: what `stackup dev` adds for whoever develops.

/// `[dev]`. Of no effect but in `stackup dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dev {
    /// Put a small script into HTML pages that shows errors and reloads the page.
    pub overlay: bool,
    /// Show the stack and its requests at `/_stackup/`, and note how each goes through the layers.
    pub inspector: bool,
    /// Check between the layers that each keeps the rules of SPEC.md.
    pub lint: bool,
}

impl Default for Dev {
    /// All of it.
    fn default() -> Self {
        Self {
            overlay: true,
            inspector: true,
            lint: true,
        }
    }
}
