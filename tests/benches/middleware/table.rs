//! The cost of one layer: what ten cost, less what none cost, by ten.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::Subject;

const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(12);

/// Row, subject with ten layers, subject without.
const ROWS: [(&str, &str, &str); 7] = [
    ("plugin, reads and sets", "plugin headers", "plugin app"),
    ("boxed tower, reads and sets", "boxed headers", "boxed app"),
    (
        "lean boxed tower, reads and sets",
        "lean boxed headers",
        "boxed app",
    ),
    (
        "inlined tower, reads and sets",
        "inlined headers",
        "inlined app",
    ),
    ("plugin, nothing", "plugin nothing", "plugin app"),
    ("plugin, measured, nothing", "plugin measured", "plugin app"),
    ("boxed tower, nothing", "boxed nothing", "boxed app"),
];

/// Measures in turns and prints medians, and ratios to the boxed tower layer of the same round.
pub(crate) fn print(subjects: &mut [Subject]) {
    let mut nanoseconds: HashMap<&str, Vec<f64>> = HashMap::new();
    for _ in 0..ROUNDS {
        for subject in &mut *subjects {
            let time = time(&mut subject.call);
            nanoseconds.entry(subject.name).or_default().push(time);
        }
    }
    let layer = |ten: &str, none: &str| -> Vec<f64> {
        let pairs = nanoseconds[ten].iter().zip(&nanoseconds[none]);
        pairs.map(|(ten, none)| (ten - none) / 10.0).collect()
    };
    let headers = layer("boxed headers", "boxed app");
    let nothing = layer("boxed nothing", "boxed app");
    println!("\none layer of ten, median of {ROUNDS} rounds:\n");
    println!("| layer | ns | × boxed tower |\n|---|---:|---:|");
    let lean = (
        "lean boxed tower, nothing",
        "lean boxed nothing",
        "boxed app",
    );
    for (row, ten, none) in ROWS.into_iter().chain([lean]) {
        let own = layer(ten, none);
        let base = if row.ends_with("nothing") {
            &nothing
        } else {
            &headers
        };
        let ratios = own.iter().zip(base).map(|(own, base)| own / base).collect();
        println!("| {row} | {:.1} | {:.2} |", median(own), median(ratios));
    }
    println!("\n| whole call | ns |\n|---|---:|");
    for subject in &*subjects {
        println!(
            "| {} | {:.0} |",
            subject.name,
            median(nanoseconds[subject.name].clone())
        );
    }
}

/// Nanoseconds per call.
fn time(call: &mut dyn FnMut()) -> f64 {
    let mut count = 0_u32;
    let start = Instant::now();
    loop {
        for _ in 0..64 {
            call();
        }
        count += 64;
        let took = start.elapsed();
        if took >= ROUND {
            return took.as_nanos() as f64 / f64::from(count);
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
