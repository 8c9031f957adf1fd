//! The instructions that a request costs the worker in user space, counted by valgrind's callgrind.
//!
//! Unlike a time, this number hardly depends on what else the machine does, so it tells whether a commit makes
//! requests dearer. Each argument is a folder with a build to measure, `stackup` and its plugins, relative to the
//! workspace; the first one is what the others are compared with. Without arguments it measures this workspace. A case whose
//! plugins a build does not have is left out.
//!
//! With `--check` it measures this workspace and fails if a case takes 2 % more than `kept.txt` says; `--keep` writes that file.

mod client;
mod kept;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stackup_tests::artifacts;
use stackup_tests::browser::BROWSER_HEADERS;

use self::client::Client;
use self::worker::{Worker, library};

/// The requests of a round, if each takes tens of thousands of instructions.
const REQUESTS: u64 = 2_000;

/// The least count of this many rounds is shown: what disturbs a round only adds instructions.
const ROUNDS: usize = 4;

/// A stack, and the plugins that it consists of.
struct Case {
    name: &'static str,
    manifest: String,
    plugins: &'static [&'static str],
    target: &'static str,
    /// The requests of a round.
    requests: u64,
}

fn main() {
    // `cargo test --benches` only checks that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!(
            "SKIPPED: instructions per request are counted by valgrind, which is not installed"
        );
        return;
    }
    let flags = ["--bench", "--check", "--keep"];
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let arguments = std::env::args_os().skip(1);
    let mut builds: Vec<PathBuf> = arguments
        .filter(|argument| flags.iter().all(|flag| argument != flag))
        .map(|argument| artifacts::workspace().join(argument))
        .collect();
    if builds.is_empty() {
        builds.push(own_build());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut rows = Vec::new();
    for case in cases() {
        if builds.iter().any(|build| !case.can_run_in(build)) {
            continue;
        }
        let mut counts = vec![Vec::new(); builds.len()];
        for _ in 0..ROUNDS {
            for (index, build) in builds.iter().enumerate() {
                counts[index].push(runtime.block_on(instructions(build, index + 1, &case)));
            }
        }
        eprintln!("{}, {} requests: {counts:?}", case.name, case.requests);
        let least = |counts: &Vec<u64>| counts.iter().min().copied().unwrap_or_default();
        let each = counts
            .iter()
            .map(|counts| least(counts) as f64 / case.requests as f64);
        rows.push((case.name, each.collect()));
    }
    println!("\nfor callgrind_annotate: {}", dumps().display());
    print(&builds, &rows);
    let counts: Vec<_> = rows
        .iter()
        .map(|(name, counts)| (*name, counts[0]))
        .collect();
    if has("--keep") {
        kept::write(&counts);
    }
    if has("--check") && !kept::check(&counts) {
        std::process::exit(1);
    }
}

impl Case {
    fn can_run_in(&self, build: &Path) -> bool {
        let mut plugins = self.plugins.iter();
        plugins.all(|plugin| library(build, plugin).exists())
    }
}

fn cases() -> [Case; 6] {
    const HELLO: &str = "[run]\nplugin = \"hello\"\n";
    let layers = (0..10).map(|index| {
        format!(
            "[[use]]\nplugin = \"ten-headers#header\"\nconfig = {{ read = \"{}\", \
             set = \"x-layer-{index}\", value = \"a-value-of-usual-length\" }}\n",
            BROWSER_HEADERS[index].0
        )
    });
    [
        Case {
            name: "hello",
            manifest: HELLO.to_owned(),
            plugins: &["hello"],
            target: "/",
            requests: REQUESTS,
        },
        Case {
            name: "hello behind ten middleware",
            manifest: layers.chain([HELLO.to_owned()]).collect(),
            plugins: &["hello", "ten-headers"],
            target: "/",
            requests: REQUESTS,
        },
        Case {
            name: "files, 1 KiB",
            manifest: "[run]\nplugin = \"files\"\n".to_owned(),
            plugins: &["files"],
            target: "/1k.txt",
            requests: REQUESTS,
        },
        Case {
            name: "cache, a hit of 1 KiB",
            manifest: "use = [\"cache\"]\n[run]\nplugin = \"files\"\nconfig.headers = { cache-control = \"max-age=3600\" }\n".to_owned(),
            plugins: &["cache", "files"],
            target: "/1k.txt",
            requests: REQUESTS,
        },
        Case {
            name: "cache, not cacheable",
            manifest: format!("use = [\"cache\"]\n{HELLO}"),
            plugins: &["cache", "hello"],
            target: "/",
            requests: REQUESTS,
        },
        Case {
            name: "deflater, gzip of 12 KiB",
            manifest: "[run]\nplugin = \"files\"\n[[use]]\nplugin = \"deflater\"\n\
                       config = { codings = [\"gzip\"] }\n"
                .to_owned(),
            plugins: &["deflater", "files"],
            target: "/page.html",
            // Each takes more than a million.
            requests: 200,
        },
    ]
}

/// The folder of this workspace's release build.
fn own_build() -> PathBuf {
    let program = artifacts::stackup();
    for package in ["hello", "ten-headers", "files", "cache", "deflater"] {
        artifacts::plugin(package);
    }
    program.parent().expect("a file has a folder").to_path_buf()
}

/// The instructions of all requests of a round, by a worker of its own. Keeps the dump.
async fn instructions(build: &Path, number: usize, case: &Case) -> u64 {
    let worker = Worker::start(build, &case.manifest, case.plugins).await;
    let mut client = Client::connect(worker.address(), case.target);
    // Caches fill, and what is set up lazily is there.
    client.run(case.requests);
    worker.reset();
    client.run(case.requests);
    let count = worker.count();
    fs::create_dir_all(dumps()).expect("the target directory");
    let dump = dumps().join(format!("{} {number}.out", case.name));
    fs::copy(worker.newest_dump(), dump).expect("the target directory");
    count
}

/// Where dumps are kept.
fn dumps() -> PathBuf {
    artifacts::target_dir().join("stackup-tests/instructions")
}

fn print(builds: &[PathBuf], rows: &[(&str, Vec<f64>)]) {
    print!("\n| instructions per request |");
    for build in builds {
        print!(" {} |", build.display());
    }
    println!("{}", " change |".repeat(builds.len() - 1));
    println!("|---|{}", "---:|".repeat(2 * builds.len() - 1));
    for (name, counts) in rows {
        print!("| {name} |");
        for count in counts {
            print!(" {count:.0} |");
        }
        for count in &counts[1..] {
            print!(" {:+.2} % |", (count / counts[0] - 1.0) * 100.0);
        }
        println!();
    }
}
