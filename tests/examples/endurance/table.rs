//! A row for each stretch of swaps.

use std::time::Instant;

use super::clients::Clients;
use super::processes::{Processes, Sample};

/// Prints as it goes.
pub(crate) struct Table {
    began: Instant,
    samples: Vec<Sample>,
}

impl Table {
    pub(crate) fn begin(swaps: u64) -> Self {
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        println!("\n{profile}, {swaps} swaps of code under load\n");
        println!(
            "| swaps | seconds | renewals | requests | failed | worker, MiB resident: least | median \
             | most | descriptors of supervisor | of worker | files in runtime directories |"
        );
        println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        Self {
            began: Instant::now(),
            samples: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Prints a row; descriptors and files are the maximum.
    pub(crate) fn row(&mut self, swaps: u64, processes: &Processes, clients: &Clients) {
        let samples = std::mem::take(&mut self.samples);
        let sorted = |value: fn(&Sample) -> u64| {
            let mut values: Vec<_> = samples
                .iter()
                .map(value)
                .filter(|value| *value > 0)
                .collect();
            values.sort_unstable();
            values
        };
        let most = |value| sorted(value).last().copied().unwrap_or_default();
        let resident = sorted(|sample| sample.resident);
        let at = |share: usize| {
            let place = resident.len().saturating_sub(1) * share / 2;
            resident.get(place).copied().unwrap_or_default() as f64 / 1024.0
        };
        println!(
            "| {swaps} | {:.0} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {} | {} | {} |",
            self.began.elapsed().as_secs_f64(),
            processes.renewals,
            clients.requests(),
            clients.failed(),
            at(0),
            at(1),
            at(2),
            most(|sample| sample.supervisor_descriptors),
            most(|sample| sample.worker_descriptors),
            most(|sample| sample.files),
        );
    }
}
