//! Puts meters around the nodes of a stack, as `[metrics]` says.

use std::collections::BTreeMap;
use std::sync::Arc;

use stackup_plugin::abi::host::{CallMeter, MeasuredNode, Node};

use crate::services::Figures;

/// What to measure of a stack.
#[derive(Debug, Clone)]
pub struct Metering {
    /// Where the figures are.
    pub figures: Figures,
    /// Whether each layer is measured, besides the whole stack.
    pub layers: bool,
}

/// Measures the nodes of one stack; none if it is not measured.
pub(super) struct Meters<'a> {
    metering: Option<&'a Metering>,
    /// How often each directive's name has come.
    names: BTreeMap<String, usize>,
}

impl<'a> Meters<'a> {
    pub(super) fn new(metering: Option<&'a Metering>) -> Self {
        Self {
            metering,
            names: BTreeMap::new(),
        }
    }

    /// What measures the directive `word` (`use` or `run`) of `handler`, in the map or branch `place`. The same name tells the same directive
    /// after a reload.
    pub(super) fn layer(
        &mut self,
        place: &str,
        word: &str,
        handler: &str,
    ) -> Option<Arc<dyn CallMeter>> {
        let metering = self.metering.filter(|metering| metering.layers)?;
        let mut name = format!("{place}{word} {handler}");
        let times = self.names.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            name.push_str(&format!(" ({times})"));
        }
        Some(metering.figures.layer_meter(&name, handler))
    }

    /// The whole stack, measured if it is to be.
    pub(super) fn root(&self, node: Node) -> Node {
        let meter = self
            .metering
            .map(|metering| metering.figures.request_meter());
        measured(node, meter)
    }
}

/// The node, its calls measured by `meter` if there is one.
pub(super) fn measured(node: Node, meter: Option<Arc<dyn CallMeter>>) -> Node {
    match meter {
        Some(meter) => Node::Measured(Box::new(MeasuredNode { node, meter })),
        None => node,
    }
}
