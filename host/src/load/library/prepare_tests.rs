use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use super::*;
use crate::load::library::sample::{self, SECTION};

const REQUIREMENTS: Requirements<'_> = Requirements {
    pin: None,
    locked: None,
    trust: Trust::Owner,
    abi: "0.1.0",
    settle: SettleTimeouts {
        quiet: Duration::from_millis(10),
        deadline: Duration::from_secs(2),
    },
};

struct Fixture {
    _base: tempfile::TempDir,
    dir: RuntimeDir,
    file: PathBuf,
}

impl Fixture {
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

    fn prepare(&self, requirements: &Requirements<'_>) -> Result<Prepared, PrepareError> {
        prepare(&self.file, requirements, &self.dir)
    }

    fn refused(&self, requirements: &Requirements<'_>) -> (Stage, String) {
        let error = self.prepare(requirements).unwrap_err();
        assert!(error.to_string().contains(&self.file.display().to_string()));
        assert_eq!(
            fs::read_dir(self.dir.path()).unwrap().count(),
            0,
            "refused, but copied"
        );
        (error.cause.stage(), error.to_string())
    }
}

fn plugin() -> Vec<u8> {
    sample::library(&[(".stackup", SECTION.as_bytes())])
}

#[test]
fn valid_plugin_is_copied_and_described() {
    let fixture = Fixture::new(&plugin());
    let prepared = fixture.prepare(&REQUIREMENTS).unwrap();
    assert_eq!(prepared.metadata, sample::metadata());
    assert_eq!(prepared.fingerprint, Fingerprint::of(&plugin()));
    assert_eq!(fs::read(&prepared.copy.path).unwrap(), plugin());
    assert!(prepared.copy.path.starts_with(fixture.dir.path()));
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
fn copy_is_unaffected_by_later_writes_to_the_file() {
    let fixture = Fixture::new(&plugin());
    let prepared = fixture.prepare(&REQUIREMENTS).unwrap();
    fs::write(&fixture.file, "overwritten in place").unwrap();
    assert_eq!(
        Fingerprint::of(&fs::read(&prepared.copy.path).unwrap()),
        prepared.fingerprint
    );
}

#[test]
fn refusal_names_its_stage() {
    let settle = SettleTimeouts {
        deadline: Duration::from_millis(20),
        ..REQUIREMENTS.settle
    };
    let fixture = Fixture::new(b"");
    assert_eq!(
        fixture
            .refused(&Requirements {
                settle,
                ..REQUIREMENTS
            })
            .0,
        Stage::Settle
    );
    let fixture = Fixture::new(&plugin());
    let pin = Some(Fingerprint::of(b"other"));
    assert_eq!(
        fixture
            .refused(&Requirements {
                pin,
                ..REQUIREMENTS
            })
            .0,
        Stage::Fingerprint
    );
    let locked = Some(&[Fingerprint::of(b"other")][..]);
    let (stage, text) = fixture.refused(&Requirements {
        locked,
        ..REQUIREMENTS
    });
    assert_eq!(stage, Stage::Trust);
    assert!(
        text.contains("is refused at trust: its content does not match the lock"),
        "{text}"
    );
    assert_eq!(
        fixture
            .refused(&Requirements {
                abi: "0.2.0",
                ..REQUIREMENTS
            })
            .0,
        Stage::Describe
    );
    let fixture = Fixture::new(b"text");
    let (stage, text) = fixture.refused(&REQUIREMENTS);
    assert_eq!(stage, Stage::Describe);
    assert!(
        text.ends_with("is refused at describe: not a library, but text"),
        "{text}"
    );
}

#[test]
fn file_writable_by_others_is_refused_unless_trust_is_any() {
    let fixture = Fixture::new(&plugin());
    fs::set_permissions(&fixture.file, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(fixture.refused(&REQUIREMENTS).0, Stage::Trust);
    fixture
        .prepare(&Requirements {
            trust: Trust::Any,
            ..REQUIREMENTS
        })
        .unwrap();
}

#[test]
fn plugin_with_aborting_panics_is_refused() {
    let section = SECTION.replace("unwind", "abort");
    let fixture = Fixture::new(&sample::library(&[(".stackup", section.as_bytes())]));
    let (stage, text) = fixture.refused(&REQUIREMENTS);
    assert_eq!(stage, Stage::Describe);
    assert!(
        text.contains("a panic in it would end the worker"),
        "{text}"
    );
}

/// While the file is overwritten as fast as possible, only complete ones are accepted.
#[test]
fn only_complete_files_are_accepted_during_writes() {
    let fixture = Fixture::new(&plugin());
    let other = sample::library(&[(".stackup", SECTION.as_bytes()), (".more", &[7; 100_000])]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let content = if round % 2 == 0 { &other } else { &plugin() };
                fs::write(&fixture.file, content).unwrap();
                std::thread::sleep(Duration::from_millis(round % 30));
            }
        });
        let results: Vec<_> = (0..20).map(|_| fixture.prepare(&REQUIREMENTS)).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let whole = [Fingerprint::of(&plugin()), Fingerprint::of(&other)];
        let mut passed = 0;
        for result in results {
            match result {
                Ok(prepared) => {
                    assert!(whole.contains(&prepared.fingerprint));
                    passed += 1;
                }
                // On a busy machine the writer may pause mid-write for longer than the quiet time.
                Err(error) => assert_eq!(error.cause.stage(), Stage::Describe, "{error}"),
            }
        }
        assert!(passed > 0);
    });
}

#[test]
fn old_library_is_prepared_without_a_wait() {
    let fixture = Fixture::new(&plugin());
    let file = File::options().write(true).open(&fixture.file).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60))
        .unwrap();
    let settle = SettleTimeouts {
        quiet: Duration::from_secs(30),
        deadline: Duration::ZERO,
    };
    let prepared = fixture.prepare(&Requirements {
        settle,
        ..REQUIREMENTS
    });
    assert_eq!(prepared.unwrap().fingerprint, Fingerprint::of(&plugin()));
}

#[test]
fn saved_copy_with_other_content_is_replaced_by_its_file() {
    let fixture = Fixture::new(&plugin());
    let fingerprint = Fingerprint::of(&plugin());
    let saved = fixture._base.path().join("saved.so");
    let prepare_saved = || {
        prepare_saved(
            &saved,
            &fixture.file,
            fingerprint,
            &REQUIREMENTS,
            &fixture.dir,
        )
    };
    fs::write(&saved, plugin()).unwrap();
    let stages = |prepared: Prepared| {
        prepared
            .timings
            .iter()
            .map(|(stage, _)| *stage)
            .collect::<Vec<_>>()
    };
    let prepared = prepare_saved().unwrap();
    let expected = [Stage::Fingerprint, Stage::Describe, Stage::RuntimeCopy];
    assert_eq!(stages(prepared), expected);
    // A library of the same length, which describes itself as well.
    let mut other = plugin();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&saved, &other).unwrap();
    let prepared = prepare_saved().unwrap();
    assert_eq!(fs::read(&prepared.copy.path).unwrap(), plugin());
    fs::write(&fixture.file, &other).unwrap();
    let error = prepare_saved().unwrap_err();
    assert_eq!(error.cause.stage(), Stage::Restore);
}

#[test]
fn library_whose_dependencies_others_can_replace_is_refused() {
    // Offsets into the strings: a RUNPATH, and a library by its path.
    let strings = b"\0deps\0./lib.so\0";
    for (tag, offset, says) in [
        (
            29_u64,
            1_u64,
            "(RUNPATH), which depends on the current folder",
        ),
        (
            1,
            6,
            "it needs `./lib.so`, which depends on the current folder",
        ),
    ] {
        let dynamic = [tag, offset, 0, 0].map(u64::to_ne_bytes).concat();
        let library = sample::library(&[
            (".stackup", SECTION.as_bytes()),
            (".dynamic", &dynamic),
            (".dynstr", strings),
        ]);
        let fixture = Fixture::new(&library);
        let (stage, text) = fixture.refused(&REQUIREMENTS);
        assert_eq!(stage, Stage::Trust);
        assert!(text.contains(says), "{text}");
        let any = Requirements {
            trust: Trust::Any,
            ..REQUIREMENTS
        };
        fixture.prepare(&any).unwrap();
    }
}
