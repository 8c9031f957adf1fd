//! The times of the outages, in total and by part.

/// Seconds of many crashes, by part.
#[derive(Default)]
pub(crate) struct Table(Vec<(&'static str, Vec<f64>)>);

impl Table {
    pub(crate) fn add(&mut self, part: &'static str, seconds: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == part) {
            Some((_, times)) => times.push(seconds),
            None => self.0.push((part, vec![seconds])),
        }
    }

    pub(crate) fn print(mut self, title: &str) {
        let count = self.0.first().map_or(0, |(_, times)| times.len());
        println!("\n{title}, {count} times, milliseconds:\n");
        println!("| | median | p90 | p99 | most |\n|---|---:|---:|---:|---:|");
        for (part, times) in &mut self.0 {
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize] * 1e3;
            println!(
                "| {part} | {:.1} | {:.1} | {:.1} | {:.1} |",
                at(0.5),
                at(0.9),
                at(0.99),
                at(1.0)
            );
        }
    }
}
