//! What counters, gauges and histograms are asked for by.

use crate::abi::plugin::context::ContextHandle;

/// A name, its help and its labels, in the context of an instance.
#[derive(Debug)]
pub(super) struct Labelled<'a> {
    pub(super) context: ContextHandle,
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) labels: Vec<(&'a str, &'a str)>,
}

impl<'a> Labelled<'a> {
    pub(super) fn new(context: ContextHandle, name: &'a str, help: &'a str) -> Self {
        Self {
            context,
            name,
            help,
            labels: Vec::new(),
        }
    }

    pub(super) fn with(mut self, label: &'a str, value: &'a str) -> Self {
        self.labels.push((label, value));
        self
    }
}
