//! The times of the swaps, in total and by stage.

use std::time::Duration;

use stackup_tests::log::Record;

/// Milliseconds of many swaps.
#[derive(Default)]
pub(crate) struct Table {
    totals: Vec<f64>,
    /// The stages in their order.
    stages: Vec<(String, Vec<f64>)>,
}

impl Table {
    /// Adds one swap, which took `total` from outside, and the host's `reload` event.
    pub(crate) fn add(&mut self, total: Duration, reload: &Record) {
        let total = total.as_secs_f64() * 1000.0;
        let whole = reload.float("milliseconds").expect("a reload has its time");
        let stages = reload.text("stages").split(", ");
        let detect = stages.filter_map(|stage| stage.strip_prefix("detect ")?.parse::<f64>().ok());
        let within = whole - detect.sum::<f64>();
        self.totals.push(total);
        // Rename, the watcher's quiet time ("detect"), and the first new response.
        self.stage("outside of the reload", total - within);
        self.stage("reload", within);
        for stage in reload.text("stages").split(", ") {
            let (name, time) = stage.rsplit_once(' ').expect("a stage and its time");
            self.stage(name, time.parse().expect("a number of milliseconds"));
        }
    }

    fn stage(&mut self, name: &str, time: f64) {
        match self.stages.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => times.push(time),
            None => self.stages.push((name.to_owned(), vec![time])),
        }
    }

    pub(crate) fn print(mut self, change: &str) {
        let count = self.totals.len();
        println!("\n{change}, {count} swaps, milliseconds:\n");
        println!("| | median | p99 | most |\n|---|---:|---:|---:|");
        row("rename to first new response", &mut self.totals);
        for (name, times) in &mut self.stages {
            row(name, times);
        }
    }
}

fn row(name: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    println!(
        "| {name} | {:.1} | {:.1} | {:.1} |",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
