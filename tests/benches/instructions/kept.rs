//! The figures that are kept in the repository, so that a commit that makes requests dearer is seen.

use std::fs;
use std::path::PathBuf;

use stackup_tests::artifacts;

/// What a case may take more than the last figure.
const TOLERANCE: f64 = 0.02;

fn file() -> PathBuf {
    artifacts::workspace().join("tests/benches/instructions/kept.txt")
}

/// Keeps these figures.
pub(crate) fn write(counts: &[(&str, f64)]) {
    let lines = counts
        .iter()
        .map(|(name, count)| format!("{count:.0} {name}\n"));
    fs::write(file(), lines.collect::<String>()).expect("the figures can be written");
}

/// Whether no case takes much more than the figure that is kept.
pub(crate) fn check(counts: &[(&str, f64)]) -> bool {
    let text = fs::read_to_string(file()).expect("figures: run it with `--keep` first");
    println!("\n| instructions per request | kept | now | change |\n|---|---:|---:|---:|");
    let mut holds = true;
    for (name, count) in counts {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let kept = lines.filter(|(_, known)| known == name);
        let Some(kept) = kept.filter_map(|(kept, _)| kept.parse::<f64>().ok()).next() else {
            println!("| {name} | | {count:.0} | new: run it with `--keep` |");
            continue;
        };
        let change = count / kept - 1.0;
        let dearer = if change > TOLERANCE {
            " **dearer**"
        } else {
            ""
        };
        println!(
            "| {name} | {kept:.0} | {count:.0} | {:+.2} %{dearer} |",
            change * 100.0
        );
        holds &= change <= TOLERANCE;
    }
    holds
}
