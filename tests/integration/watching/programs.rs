//! Programs that change files, each in its own way.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bench::{BUILT, ELSEWHERE, FILES};

/// A program, and how it changes the files of a site.
#[derive(Clone, Copy)]
pub(super) struct Program {
    pub(super) name: &'static str,
    /// What must be installed.
    pub(super) needs: &'static [&'static str],
    /// The files that it changes, in the site's folder.
    pub(super) changes: &'static [&'static str],
    /// Runs in the site's folder before it is watched.
    pub(super) prepare: fn(&Path),
    /// Changes the files.
    pub(super) change: fn(&Path),
    /// Whether a file that it makes for a moment in a crate's folder may be reported.
    pub(super) may_show: fn(&str) -> bool,
}

/// Does nothing special.
const PLAIN: Program = Program {
    name: "",
    needs: &[],
    changes: &FILES,
    prepare: |_| (),
    change: |_| (),
    may_show: |_| false,
};

/// Writes into the file where a pattern of `backupskip` matches, as in `/tmp`; elsewhere it writes another file and renames.
pub(super) const VIM: Program = Program {
    name: "vim",
    needs: &["vim"],
    change: |root| {
        for name in FILES {
            let before = inode(root, name);
            // Without the user's settings, but with its swap file.
            let ex = ["--clean", "-es", "-c", "%s/one/two/", "-c", "wq", name];
            run(root, "vim", &ex);
            let in_place = before == inode(root, name);
            let skips = ["/tmp/".as_ref(), &*std::env::temp_dir()];
            assert_eq!(in_place, skips.iter().any(|skip| root.starts_with(skip)));
        }
    },
    ..PLAIN
};

/// Writes into the file.
pub(super) const NANO: Program = Program {
    name: "nano",
    needs: &["nano", "python3"],
    change: |root| {
        for name in FILES {
            // Types `x`, saves under the same name, and leaves.
            let keys = r"x\x0f\r\x18";
            let terminal = ["-c", TERMINAL, keys, "nano", "--ignorercfiles", name];
            run(root, "python3", &terminal);
        }
    },
    ..PLAIN
};

/// Writes another file and renames it.
pub(super) const SED: Program = Program {
    name: "sed -i",
    needs: &["sed"],
    change: |root| {
        let [manifest, library, source] = FILES;
        run(
            root,
            "sed",
            &["-i", "s/one/two/", manifest, library, source],
        );
    },
    may_show: |name| name.starts_with("crate/src/sed"),
    ..PLAIN
};

/// Writes another file, sets its time, and renames it.
pub(super) const RSYNC: Program = Program {
    name: "rsync -a",
    needs: &["rsync"],
    prepare: |root| lay_out(root, "// value two, longer\n"),
    change: |root| run(root, "rsync", &["-a", "new/", "."]),
    ..PLAIN
};

/// The same with content of equal length and an equal time, which rsync takes for unchanged unless it compares content.
pub(super) const RSYNC_CHECKSUM: Program = Program {
    name: "rsync -a --checksum",
    needs: &["rsync"],
    prepare: lay_out_alike,
    change: |root| {
        run(root, "rsync", &["-a", "new/", "."]);
        let skipped = fs::read_to_string(root.join(FILES[0]));
        assert_eq!(skipped.ok().as_deref(), Some("// value one\n"));
        run(root, "rsync", &["-a", "--checksum", "new/", "."]);
    },
    ..PLAIN
};

/// Writes into the file, and sets its time to what it was.
pub(super) const RSYNC_IN_PLACE: Program = Program {
    name: "rsync -a --checksum --inplace",
    needs: &["rsync"],
    prepare: lay_out_alike,
    change: |root| {
        let before = FILES.map(|name| stat(root, name));
        run(
            root,
            "rsync",
            &["-a", "--checksum", "--inplace", "new/", "."],
        );
        assert_eq!(before, FILES.map(|name| stat(root, name)));
    },
    ..PLAIN
};

/// Removes the file and writes a new one.
pub(super) const GIT_CHECKOUT: Program = Program {
    name: "git checkout",
    needs: &["git"],
    prepare: |root| {
        git(root, &["init", "-q"]);
        git(root, &["add", "."]);
        git(root, &["commit", "-qm", "one"]);
        git(root, &["checkout", "-q", "-b", "two"]);
        for name in FILES {
            fs::write(root.join(name), "// value two\n").expect("a file");
        }
        git(root, &["commit", "-qam", "two"]);
        git(root, &["checkout", "-q", "-"]);
    },
    change: |root| git(root, &["checkout", "-q", "two"]),
    ..PLAIN
};

/// Removes the library and puts a hard link to a new one in its place.
pub(super) const CARGO: Program = Program {
    name: "cargo",
    changes: &[FILES[2], BUILT],
    prepare: |root| {
        fs::write(root.join("crate/Cargo.toml"), CRATE).expect("a file");
        save_and_build(root, 1, None);
        assert_eq!(links(root), 2, "cargo links");
    },
    change: |root| save_and_build(root, 2, None),
    may_show: |name| name == "crate/Cargo.lock",
    ..PLAIN
};

/// Removes the library and copies a new one, since the build directory is on another file system.
pub(super) const CARGO_COPIES: Program = Program {
    name: "cargo with another build-dir",
    changes: &[FILES[2], BUILT],
    prepare: |root| {
        fs::write(root.join("crate/Cargo.toml"), CRATE).expect("a file");
        save_and_build(root, 1, Some(root.join(ELSEWHERE)));
        assert_eq!(links(root), 1, "cargo copies");
    },
    change: |root| save_and_build(root, 2, Some(root.join(ELSEWHERE))),
    may_show: |name| name == "crate/Cargo.lock",
    ..PLAIN
};

/// Writes through a shared mapping. In memory (tmpfs) that changes no time.
pub(super) const MAPPING: Program = Program {
    name: "a mapping",
    needs: &["python3"],
    change: |root| map(root, &FILES, ["one", "two"], Time::Kept),
    ..PLAIN
};

/// The same, and sets the time back.
pub(super) const MAPPING_SET_BACK: Program = Program {
    name: "a mapping with its time set back",
    needs: &["python3"],
    change: |root| map(root, &FILES, ["one", "two"], Time::SetBack),
    ..PLAIN
};

/// Writes one text over another of equal length in each file.
const MAP: &str = "
import mmap, os, sys
time, old, new, *paths = sys.argv[1:]
for path in paths:
    before = os.stat(path)
    with open(path, 'r+b') as file:
        view = mmap.mmap(file.fileno(), 0)
    at = view.find(old.encode())
    view[at:at + len(new)] = new.encode()
    view.flush()
    view.close()
    if time == 'SetBack':
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
";

/// Runs a program in a terminal, and types these keys once it has drawn.
const TERMINAL: &str = "
import os, pty, sys
keys = sys.argv[1].encode().decode('unicode_escape').encode('latin1')
child, terminal = pty.fork()
if child == 0:
    os.environ['TERM'] = 'xterm'
    os.execvp(sys.argv[2], sys.argv[2:])
try:
    while os.read(terminal, 4096):
        if keys:
            os.write(terminal, keys)
        keys = b''
except OSError:
    pass # it has closed the terminal
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

const CRATE: &str = "[package]\nname = \"hello\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n\
                     [profile.dev]\ndebug = false\n\n[workspace]\n";

pub(super) fn is_installed(program: &str) -> bool {
    // Each of them knows it, and ends with success.
    let mut command = Command::new(program);
    let output = command.arg("--version").stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

/// What a program does to the time of a file that it writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    /// Leaves it to the system.
    Kept,
    /// Sets it to what it was.
    SetBack,
}

/// Writes one text over another in these files, through a mapping.
pub(super) fn map(root: &Path, files: &[&str], [old, new]: [&str; 2], time: Time) {
    let time = format!("{time:?}");
    let arguments = ["-c", MAP, &time, old, new];
    run(root, "python3", &[&arguments, files].concat());
}

/// Runs a program in the folder `root`.
///
/// # Panics
///
/// If it fails.
pub(super) fn run(root: &Path, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    succeed(&mut command);
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}

fn git(root: &Path, arguments: &[&str]) {
    let settings = [
        "user.name=t",
        "user.email=t@example.com",
        "commit.gpgsign=false",
    ];
    let settings = settings.iter().flat_map(|setting| ["-c", setting]);
    let arguments: Vec<_> = settings.chain(arguments.iter().copied()).collect();
    run(root, "git", &arguments);
}

/// Puts what rsync copies into `new/`.
fn lay_out(root: &Path, content: &str) {
    for name in FILES {
        let path = root.join("new").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
}

/// The same with the length and the time of what is there.
fn lay_out_alike(root: &Path) {
    lay_out(root, "// value two\n");
    for name in FILES {
        let there = fs::metadata(root.join(name)).expect("a file");
        let file = fs::File::options()
            .write(true)
            .open(root.join("new").join(name));
        let set = file.and_then(|file| file.set_modified(there.modified()?));
        set.expect("a time");
    }
}

fn save_and_build(root: &Path, value: u8, build_dir: Option<PathBuf>) {
    let source =
        format!("#[unsafe(no_mangle)]\npub extern \"C\" fn value() -> u8 {{\n    {value}\n}}\n");
    fs::write(root.join(FILES[2]), source).expect("a file");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--offline"])
        .current_dir(root.join("crate"))
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET_DIR");
    if let Some(folder) = build_dir {
        command.env("CARGO_BUILD_BUILD_DIR", folder);
    }
    succeed(&mut command);
}

fn inode(root: &Path, name: &str) -> u64 {
    fs::metadata(root.join(name)).expect("a file").ino()
}

fn links(root: &Path) -> u64 {
    fs::metadata(root.join(BUILT)).expect("a library").nlink()
}

/// What a comparison of times and lengths sees.
fn stat(root: &Path, name: &str) -> (u64, u64, i64, i64) {
    let stat = fs::metadata(root.join(name)).expect("a file");
    (stat.ino(), stat.len(), stat.mtime(), stat.mtime_nsec())
}
