//! What `stackup top` shows: rates between two readings, and the state of the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::readings::Readings;
use crate::process::control::Status;

/// One page. Times are in seconds, rates per second.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// The time between the two readings.
    pub(super) seconds: f64,
    /// What `stackup status --json` says.
    status: Value,
    /// The same, as far as it is shown.
    #[serde(skip)]
    pub(super) shown: Status,
    /// None if the manifest does not ask for it.
    pub(super) requests: Option<Requests>,
    pub(super) layers: Vec<Layer>,
}

/// All requests.
#[derive(Debug, Serialize)]
pub(super) struct Requests {
    pub(super) rate: f64,
    /// Answered by 4xx.
    pub(super) client_errors: f64,
    /// Answered by 5xx.
    pub(super) server_errors: f64,
    pub(super) canceled: f64,
    pub(super) in_flight: f64,
    /// Null if there was none; a number too large for the histogram is null as well in JSON.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

/// A layer of the stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Layer {
    pub(super) directive: String,
    pub(super) rate: f64,
    pub(super) failures: f64,
    pub(super) in_flight: f64,
    /// Without the layers below.
    pub(super) own_p50: Option<f64>,
    pub(super) own_p99: Option<f64>,
    /// With them.
    pub(super) p99: Option<f64>,
}

impl Page {
    /// The page between two readings that are so far apart.
    ///
    /// # Errors
    ///
    /// That the status is of another version.
    pub(super) fn new(
        before: &Readings,
        now: &Readings,
        seconds: f64,
        status: Value,
    ) -> Result<Self, String> {
        let shown = Status::deserialize(&status);
        let shown = shown.map_err(|error| format!("the server's status can't be read: {error}"))?;
        Ok(Self {
            seconds,
            status,
            shown,
            requests: requests(before, now, seconds),
            layers: layers(before, now, seconds),
        })
    }
}

fn requests(before: &Readings, now: &Readings, seconds: f64) -> Option<Requests> {
    const REQUESTS: &str = "stackup_requests";
    now.sum(REQUESTS, &[])?;
    let of = |class| now.growth(before, REQUESTS, &[("class", class)]) / seconds;
    let times = now.counted(before, "stackup_request_duration_seconds", &[]);
    Some(Requests {
        rate: now.growth(before, REQUESTS, &[]) / seconds,
        client_errors: of("4xx"),
        server_errors: of("5xx"),
        canceled: of("canceled"),
        in_flight: now
            .sum("stackup_requests_in_flight", &[])
            .unwrap_or_default(),
        p50: times.quantile(0.5),
        p99: times.quantile(0.99),
    })
}

fn layers(before: &Readings, now: &Readings, seconds: f64) -> Vec<Layer> {
    const OWN: &str = "stackup_layer_own_duration_seconds";
    let layer = |labels: &Vec<(String, String)>| {
        let named = labels.iter().find(|(label, _)| label == "directive");
        let directive = named.map(|(_, value)| value.clone()).unwrap_or_default();
        let all: Vec<_> = labels
            .iter()
            .map(|(l, v)| (l.as_str(), v.as_str()))
            .collect();
        let grown = |family| now.growth(before, family, &all) / seconds;
        let own = now.counted(before, OWN, labels);
        let with_below = now.counted(before, "stackup_layer_duration_seconds", labels);
        Layer {
            directive,
            rate: grown("stackup_layer_requests"),
            failures: grown("stackup_layer_failures"),
            in_flight: now
                .sum("stackup_layer_requests_in_flight", &all)
                .unwrap_or_default(),
            own_p50: own.quantile(0.5),
            own_p99: own.quantile(0.99),
            p99: with_below.quantile(0.99),
        }
    };
    now.labels_of(OWN).map(layer).collect()
}
