use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use super::*;
use crate::load::library::sample::{self, SECTION};

const DEMANDS: Requirements<'_> = Requirements {
    pin: None,
    locked: None,
    trust: Trust::Owner,
    abi: "0.1.0",
    patience: SettleTimeouts {
        quiet: Duration::from_millis(10),
        deadline: Duration::from_secs(2),
    },
};

struct Bench {
    _base: tempfile::TempDir,
    dir: RuntimeDir,
    file: PathBuf,
}

impl Bench {
    fn new(content: &[u8]) -> Self {
        let (base, dir) = sample::runtime_dir();
        let file = base.path().join("liblogger.so");
        fs::write(&file, content).unwrap();
        Self {
            _base: base,
            dir,
            file,
        }
    }

    fn prepare(&self, demands: &Requirements<'_>) -> Result<Prepared, PrepareError> {
        prepare(&self.file, demands, &self.dir)
    }

    fn refused(&self, demands: &Requirements<'_>) -> (Stage, String) {
        let error = self.prepare(demands).unwrap_err();
        assert!(error.to_string().contains(&self.file.display().to_string()));
        assert_eq!(
            fs::read_dir(self.dir.path()).unwrap().count(),
            0,
            "refused, yet copied"
        );
        (error.cause.stage(), error.to_string())
    }
}

fn plugin() -> Vec<u8> {
    sample::library(&[(".stackup", SECTION.as_bytes())])
}

#[test]
fn a_good_plugin_is_copied_and_described() {
    let bench = Bench::new(&plugin());
    let prepared = bench.prepare(&DEMANDS).unwrap();
    assert_eq!(prepared.metadata, sample::metadata());
    assert_eq!(prepared.fingerprint, Fingerprint::of(&plugin()));
    assert_eq!(fs::read(&prepared.copy.path).unwrap(), plugin());
    assert!(prepared.copy.path.starts_with(bench.dir.path()));
    let stages: Vec<_> = prepared
        .timings
        .iter()
        .map(|(stage, _)| stage.to_string())
        .collect();
    assert_eq!(
        stages,
        ["settle", "fingerprint", "trust", "describe", "runtime copy"]
    );
}

#[test]
fn the_copy_is_what_was_checked_whatever_becomes_of_the_file() {
    let bench = Bench::new(&plugin());
    let prepared = bench.prepare(&DEMANDS).unwrap();
    fs::write(&bench.file, "overwritten in place").unwrap();
    assert_eq!(
        Fingerprint::of(&fs::read(&prepared.copy.path).unwrap()),
        prepared.fingerprint
    );
}

#[test]
fn each_refusal_names_its_stage() {
    let patience = SettleTimeouts {
        deadline: Duration::from_millis(20),
        ..DEMANDS.patience
    };
    let bench = Bench::new(b"");
    assert_eq!(
        bench
            .refused(&Requirements {
                patience,
                ..DEMANDS
            })
            .0,
        Stage::Settle
    );
    let bench = Bench::new(&plugin());
    let pin = Some(Fingerprint::of(b"other"));
    assert_eq!(
        bench.refused(&Requirements { pin, ..DEMANDS }).0,
        Stage::Fingerprint
    );
    let locked = Some(&[Fingerprint::of(b"other")][..]);
    let (stage, text) = bench.refused(&Requirements { locked, ..DEMANDS });
    assert_eq!(stage, Stage::Trust);
    assert!(
        text.contains("is refused at trust: its content is not the locked one"),
        "{text}"
    );
    assert_eq!(
        bench
            .refused(&Requirements {
                abi: "0.2.0",
                ..DEMANDS
            })
            .0,
        Stage::Describe
    );
    let bench = Bench::new(b"text");
    let (stage, text) = bench.refused(&DEMANDS);
    assert_eq!(stage, Stage::Describe);
    assert!(
        text.ends_with("is refused at describe: not a library, but text"),
        "{text}"
    );
}

#[test]
fn a_file_others_may_write_is_refused_unless_any_will_do() {
    let bench = Bench::new(&plugin());
    fs::set_permissions(&bench.file, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(bench.refused(&DEMANDS).0, Stage::Trust);
    bench
        .prepare(&Requirements {
            trust: Trust::Any,
            ..DEMANDS
        })
        .unwrap();
}

#[test]
fn a_plugin_that_aborts_is_refused() {
    let section = SECTION.replace("unwind", "abort");
    let bench = Bench::new(&sample::library(&[(".stackup", section.as_bytes())]));
    let (stage, text) = bench.refused(&DEMANDS);
    assert_eq!(stage, Stage::Describe);
    assert!(
        text.contains("a panic in it would end the worker"),
        "{text}"
    );
}

/// While another process replaces the file as fast as it can, only whole ones come through.
#[test]
fn only_whole_files_come_through_while_it_is_written() {
    let bench = Bench::new(&plugin());
    let other = sample::library(&[(".stackup", SECTION.as_bytes()), (".more", &[7; 100_000])]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let content = if round % 2 == 0 { &other } else { &plugin() };
                fs::write(&bench.file, content).unwrap();
                std::thread::sleep(Duration::from_millis(round % 30));
            }
        });
        let results: Vec<_> = (0..20).map(|_| bench.prepare(&DEMANDS)).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let whole = [Fingerprint::of(&plugin()), Fingerprint::of(&other)];
        let mut passed = 0;
        for result in results {
            match result {
                Ok(prepared) => {
                    assert!(whole.contains(&prepared.fingerprint));
                    passed += 1;
                }
                // A busy machine may stop the writer in the middle for longer than the quiet time.
                Err(error) => assert_eq!(error.cause.stage(), Stage::Describe, "{error}"),
            }
        }
        assert!(passed > 0);
    });
}

#[test]
fn an_old_library_of_five_megabytes_takes_milliseconds() {
    let bulk: Vec<u8> = (0..5_000_000_u32)
        .map(|n| (n ^ n >> 7).to_le_bytes()[0])
        .collect();
    let bench = Bench::new(&sample::library(&[
        (".stackup", SECTION.as_bytes()),
        (".x", &bulk),
    ]));
    let file = File::options().write(true).open(&bench.file).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60))
        .unwrap();
    let start = Instant::now();
    let prepared = bench.prepare(&DEMANDS).unwrap();
    let took = start.elapsed();
    println!("prepare of 5 MB: {took:?} {:?}", prepared.timings);
    assert!(
        took < Duration::from_millis(500),
        "{took:?} {:?}",
        prepared.timings
    );
}
