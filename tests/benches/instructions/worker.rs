//! A worker under callgrind, with its supervisor outside of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rustix::thread::{CpuSet, sched_setaffinity};
use stackup_tests::site::{library_file, read};
use stackup_tests::{Host, Site, artifacts};

pub(crate) struct Worker {
    host: Host,
    site: Site,
}

/// 12 KiB of HTML that compress as pages do.
fn page() -> Vec<u8> {
    let mut page = String::new();
    let mut number: u32 = 7;
    while page.len() < 12 * 1024 {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (class, word) = (number >> 27, number >> 22 & 0x3ff);
        page.push_str(&format!("<p class=\"c{class}\">word{word}</p>\n"));
    }
    page.into_bytes()
}

/// The file of a plugin in a build.
pub(crate) fn library(build: &Path, plugin: &str) -> PathBuf {
    let file = library_file(plugin);
    build.join(Path::new(&file).file_name().expect("a library's file"))
}

impl Worker {
    /// Serves `manifest` with the program and the plugins in the folder `build`.
    pub(crate) async fn start(build: &Path, manifest: &str, plugins: &[&str]) -> Self {
        let site = Site::new(manifest, &[]);
        for plugin in plugins {
            site.library(plugin, &read(&library(build, plugin)));
        }
        fs::create_dir(site.path().join("public")).expect("a directory");
        for (name, content) in [("1k.txt", vec![b'x'; 1024]), ("page.html", page())] {
            let file = site.file(&format!("public/{name}"), content);
            // A file that is seconds old has a weak etag.
            let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
            let opened = fs::File::options().write(true).open(file);
            let set = opened.and_then(|file| file.set_modified(old));
            set.expect("the file's time can be set");
        }

        let program = fs::canonicalize(build.join("stackup")).expect("the folder has `stackup`");
        let mut command = Host::command(&program, &site, &["-p", "0", "-o", "127.0.0.1"]);
        command
            .env("LD_PRELOAD", preload())
            .env("INSTRUCTIONS_PROGRAM", &program)
            .env(
                "INSTRUCTIONS_OUT",
                option("--callgrind-out-file", &site, "callgrind.out"),
            )
            .env(
                "INSTRUCTIONS_LOG",
                option("--log-file", &site, "valgrind.log"),
            );
        // Tokio starts a thread for each core that it may use. One thread, one sequence of instructions.
        let all = rustix::thread::sched_getaffinity(None).expect("the cores");
        let mut one = CpuSet::new();
        one.set(0);
        sched_setaffinity(None, &one).expect("a core");
        let mut host = Host::spawn(&mut command);
        sched_setaffinity(None, &all).expect("the cores");
        host.ready().await;
        Self { host, site }
    }

    pub(crate) fn address(&self) -> &str {
        self.host.address()
    }

    /// Starts to count anew.
    pub(crate) fn reset(&self) {
        self.control("--zero");
    }

    /// The instructions since the last reset.
    pub(crate) fn count(&self) -> u64 {
        self.control("--dump");
        let newest = self.newest_dump();
        let text = fs::read_to_string(&newest).expect("callgrind's dump");
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("totals: ")?.parse().ok());
        total.unwrap_or_else(|| panic!("{}: no totals", newest.display()))
    }

    /// Callgrind's last dump, for `callgrind_annotate`.
    pub(crate) fn newest_dump(&self) -> PathBuf {
        dumps(self.site.path()).pop().expect("callgrind's dump")
    }

    fn control(&self, action: &str) {
        let output = Command::new("callgrind_control")
            .arg(action)
            .arg(self.host.worker().as_raw_nonzero().to_string())
            // Where valgrind has made the pipe by which it is controlled.
            .env("TMPDIR", self.site.runtime())
            .output()
            .expect("callgrind_control comes with valgrind");
        assert!(output.status.success(), "callgrind_control: {output:?}");
    }
}

/// The dumps in the order in which they were written: `callgrind.out.1`, `callgrind.out.2`.
fn dumps(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the site");
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix("callgrind.out.")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, path)| path).collect()
}

fn option(name: &str, site: &Site, file: &str) -> String {
    format!("{name}={}", site.path().join(file).display())
}

/// The library that starts the worker under valgrind, built by the C compiler.
fn preload() -> PathBuf {
    let source = artifacts::workspace().join("tests/benches/instructions/redirect_exec.c");
    let library = artifacts::target_dir().join("stackup-tests/redirect_exec.so");
    fs::create_dir_all(library.parent().expect("a folder")).expect("the target directory");
    let status = Command::new("cc")
        .args(["-Wall", "-O1", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cc builds {}",
        source.display()
    );
    library
}
