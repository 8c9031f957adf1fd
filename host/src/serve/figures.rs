//! The figures of generations and handlers, from what `stackup status` shows of them.

use std::sync::Arc;
use std::time::Instant;

use stackup_plugin::abi::host::{Counters, HistogramValue, Reading};

use super::generation::{GenerationStatus, HandlerHealth, Registry};
use crate::services::FamilyKind::{Counter, Gauge};
use crate::services::{Families, Figures};

/// Has `figures` read them, for as long as both are there.
pub(super) fn add_source(figures: &Figures, registry: &Arc<Registry>, counters: &Arc<Counters>) {
    let (registry, counters) = (Arc::downgrade(registry), Arc::downgrade(counters));
    figures.add_source(Box::new(move |families| {
        if let Some(registry) = registry.upgrade() {
            add_generations(&registry.status(Instant::now()), families);
        }
        if let Some(counters) = counters.upgrade() {
            add_own(&counters, families);
        }
    }));
}

fn add_generations(status: &GenerationStatus, families: &mut Families) {
    if let Some(active) = &status.active {
        let gauges = [
            (
                "stackup_generation",
                "The number of the active generation",
                active.number as f64,
            ),
            (
                "stackup_generation_age_seconds",
                "How long the active generation has served",
                active.seconds,
            ),
            (
                "stackup_requests_waiting",
                "Requests that wait in the active generation: in a handler, or for their client to take their body",
                active.waiting.count() as f64,
            ),
        ];
        for (name, help, value) in gauges {
            families.add((name, Gauge, help), &[], value);
        }
        let handlers = active.handlers.iter();
        handlers.for_each(|health| add_health(health, families));
    }
    let holders = status.draining.iter();
    let holders = holders.map(|one| {
        let held_by = &one.held_by;
        held_by.waiting.count() + held_by.kept + held_by.tasks.len()
    });
    let gauges = [
        (
            "stackup_generations_draining",
            "Generations that were replaced and still have requests or tasks",
            status.draining.len() as f64,
        ),
        (
            "stackup_generation_holders",
            "Requests and tasks that keep replaced generations from ending",
            holders.sum::<usize>() as f64,
        ),
    ];
    for (name, help, value) in gauges {
        families.add((name, Gauge, help), &[], value);
    }
    let retired = (
        "stackup_generations_retired",
        Counter,
        "Generations that have ended",
    );
    families.add(retired, &[], status.retired as f64);
}

/// The health of a handler; one that several directives share a name with comes once for each.
fn add_health(health: &HandlerHealth, families: &mut Families) {
    let labels = [("handler", health.handler.as_str())];
    let counters = [
        (
            "stackup_handler_panics",
            "Panics of a handler's instance, in requests and tasks",
            health.panics,
        ),
        (
            "stackup_handler_blocks",
            "How often a handler's instance has blocked its thread",
            health.blocks,
        ),
    ];
    for (name, help, value) in counters {
        families.add_up((name, Counter, help), &labels, value as f64);
    }
    let out = (
        "stackup_handlers_out_of_service",
        Gauge,
        "Instances of a handler that are out of service",
    );
    families.add_up(out, &labels, f64::from(u8::from(health.out_of_service)));
}

/// What plugins count and measure themselves.
fn add_own(counters: &Counters, families: &mut Families) {
    for counter in counters.values() {
        let own = counter.name.strip_suffix("_total").unwrap_or(&counter.name);
        let name = plugin_name(&counter.handler, own);
        let family = (name.as_str(), Counter, counter.help.as_str());
        families.add(family, &plugin_labels(&counter), counter.value as f64);
    }
    for gauge in counters.gauges() {
        let name = plugin_name(&gauge.handler, &gauge.name);
        let family = (name.as_str(), Gauge, gauge.help.as_str());
        families.add(family, &plugin_labels(&gauge), gauge.value);
    }
    for histogram in counters.histograms() {
        let name = plugin_name(&histogram.handler, &histogram.name);
        let family = (name.as_str(), histogram.help.as_str());
        let HistogramValue {
            buckets,
            count,
            sum,
        } = histogram.value.clone();
        families.add_histogram(family, &plugin_labels(&histogram), buckets, sum, count);
    }
}

/// The name of a plugin's own figure: `hits` of the plugin `my-cache` is `stackup_plugin_my_cache_hits`.
fn plugin_name(handler: &str, own: &str) -> String {
    let plugin = handler.split('#').next().unwrap_or_default();
    format!("stackup_plugin_{}_{own}", plugin.replace('-', "_"))
}

/// Its labels, after the handler's name.
fn plugin_labels<T>(reading: &Reading<T>) -> Vec<(&str, &str)> {
    let own = reading.labels.iter().map(|(label, value)| {
        // As Prometheus itself does with a label that is taken.
        let label = match label.as_str() {
            "handler" => "exported_handler",
            label => label,
        };
        (label, value.as_str())
    });
    let handler = ("handler", reading.handler.as_str());
    std::iter::once(handler).chain(own).collect()
}
