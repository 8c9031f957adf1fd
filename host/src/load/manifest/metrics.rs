//! `[metrics]`: what is measured.

/// `[metrics]`. Where it is, all requests are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Measure each layer, too.
    pub layers: bool,
}
