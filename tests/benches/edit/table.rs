//! Milliseconds of many edits.

use std::time::Duration;

/// The rows in the order of their first value.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(String, Vec<f64>)>,
}

impl Table {
    pub(crate) fn add(&mut self, name: &str, time: Duration) {
        let time = time.as_secs_f64() * 1000.0;
        match self.rows.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => times.push(time),
            None => self.rows.push((name.to_owned(), vec![time])),
        }
    }

    pub(crate) fn print(mut self, title: &str) {
        let count = self.rows.first().map_or(0, |(_, times)| times.len());
        println!("\n{title}, {count} edits, milliseconds:\n");
        println!("| | median | p90 | most |\n|---|---:|---:|---:|");
        for (name, times) in &mut self.rows {
            times.sort_by(f64::total_cmp);
            let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
            println!(
                "| {name} | {:.1} | {:.1} | {:.1} |",
                at(0.5),
                at(0.9),
                at(1.0)
            );
        }
    }
}
