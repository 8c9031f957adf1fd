//! Opens what a path names, and nothing else. All of this may wait for a disk, except [`open_at_once`].

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use crate::path::FilePath;
use crate::root::Root;

/// What a path led to.
pub(crate) enum Opened {
    File(File, Metadata),
    Directory(OwnedFd),
    /// Neither: missing, unreadable, special, or where no path may lead.
    Nothing,
}

const STEP: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// As a file is opened.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// Opens what `path` names below `root`, if that may be served.
pub(crate) fn open(root: &Root, path: &FilePath) -> io::Result<Opened> {
    if !root.shows(path) {
        return Ok(Opened::Nothing);
    }
    // What has no links needs none resolved: that costs more than all the rest.
    let names = path.names().iter().map(AsRef::as_ref);
    let mut opened = open_steps(&root.path, names);
    if root.follows_links() && opened.as_ref().is_err_and(may_be_link) {
        opened = open_resolved(root, path);
    }
    opened.or_else(|error| match Errno::from_io_error(&error) {
        Some(
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::ACCESS
            | Errno::PERM
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NXIO
            | Errno::INVAL
            | Errno::MLINK,
        ) => Ok(Opened::Nothing),
        _ => Err(error),
    })
}

/// Opens what `path` names, if that needs neither a disk nor a link: with names that the kernel has in memory. None if it
/// does, and where the system has no such call or a sandbox forbids it; [`open`] then tells.
#[cfg(target_os = "linux")]
pub(crate) fn open_at_once(root: &Root, path: &FilePath) -> Option<Opened> {
    use rustix::fs::{CWD, ResolveFlags, fstat, openat2};

    const BELOW: ResolveFlags = ResolveFlags::BENEATH
        .union(ResolveFlags::NO_SYMLINKS)
        .union(ResolveFlags::CACHED);
    let names = path.names();
    if names.is_empty() {
        return None;
    }
    let place = OFlags::PATH | OFlags::CLOEXEC;
    // The root may be a link, and on the way to it there may be some.
    let directory = place | OFlags::DIRECTORY;
    let root = openat2(
        CWD,
        &root.path,
        directory,
        Mode::empty(),
        ResolveFlags::CACHED,
    )
    .ok()?;
    let below = names.join("/");
    // Asked before it is opened: to open a device may do something.
    let found = match openat2(
        &root,
        &*below,
        place | OFlags::NOFOLLOW,
        Mode::empty(),
        BELOW,
    ) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Some(Opened::Nothing),
        Err(_) => return None,
    };
    let stat = fstat(&found).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let file = File::from(openat2(&root, &*below, FILE, Mode::empty(), BELOW).ok()?);
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some(Opened::File(file, metadata))
}

/// Only Linux has such a call.
#[cfg(not(target_os = "linux"))]
pub(crate) fn open_at_once(_root: &Root, _path: &FilePath) -> Option<Opened> {
    None
}

/// Whether a step failed at a link, or at a file that is no directory: some systems report both as one.
fn may_be_link(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::LOOP | Errno::NOTDIR | Errno::MLINK)
    )
}

/// Resolves the links, and opens the result without following any: one that is put there in
/// between leads nowhere.
fn open_resolved(root: &Root, path: &FilePath) -> io::Result<Opened> {
    let base = root.path.canonicalize()?;
    let Some(real) = root.resolve(&base, &path.below(&root.path))? else {
        return Ok(Opened::Nothing);
    };
    match real.strip_prefix(&base) {
        Ok(below) => open_steps(&base, below.iter().map(Path::new)),
        Err(_) => open_real(&real),
    }
}

/// Opens what has no links in it.
fn open_real(path: &Path) -> io::Result<Opened> {
    let parent = path.parent().unwrap_or(path);
    match path.file_name() {
        Some(name) => open_steps(parent, [Path::new(name)].into_iter()),
        None => open_steps(path, std::iter::empty()),
    }
}

/// Goes from `root` name by name, following no link.
fn open_steps<'a>(root: &Path, names: impl Iterator<Item = &'a Path>) -> io::Result<Opened> {
    let mut directory = rustix::fs::open(root, STEP.difference(OFlags::NOFOLLOW), Mode::empty())?;
    let mut names = names.peekable();
    while let Some(name) = names.next() {
        if names.peek().is_some() {
            directory = openat(&directory, name, STEP, Mode::empty())?;
        } else {
            return open_last(&directory, name);
        }
    }
    Ok(Opened::Directory(directory))
}

fn open_last(directory: &OwnedFd, name: &Path) -> io::Result<Opened> {
    // Asked before it is opened: to open a device may do something, and a pipe may wait.
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(Opened::Directory(openat(
            directory,
            name,
            STEP,
            Mode::empty(),
        )?)),
        FileType::RegularFile => {
            let file = File::from(openat(directory, name, FILE, Mode::empty())?);
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Ok(Opened::Nothing);
            }
            Ok(Opened::File(file, metadata))
        }
        FileType::Symlink => Err(Errno::LOOP.into()),
        _ => Ok(Opened::Nothing),
    }
}

/// `path` from the root of the file system, without `.` in it.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, mknodat};

    use super::*;
    use crate::root::Symlinks;

    /// `root` with a file and links, beside `secret`.
    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("sub/file"), "inside").unwrap();
        fs::create_dir(tree.path().join("root-2")).unwrap();
        for outside in ["secret", "root-2/file"] {
            fs::write(tree.path().join(outside), "outside").unwrap();
        }
        symlink("sub", root.join("link")).unwrap();
        symlink("file", root.join("sub/link")).unwrap();
        symlink(root.join("sub/file"), root.join("absolute")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("../root-2", root.join("beside")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("gone", root.join("dangling")).unwrap();
        tree
    }

    fn led(root: &Path, path: &str, symlinks: Symlinks) -> &'static str {
        let root = Root {
            path: root.to_path_buf(),
            symlinks,
            dot_files: false,
        };
        let path = FilePath::decode(path).unwrap();
        let kind = |opened: Opened| match opened {
            Opened::File(..) => "file",
            Opened::Directory(_) => "directory",
            Opened::Nothing => "nothing",
        };
        let led = kind(open(&root, &path).unwrap());
        let at_once = open_at_once(&root, &path).map(kind);
        // Hidden names are refused before.
        if root.shows(&path)
            && let Some(at_once) = at_once
        {
            assert_eq!(at_once, led, "{path:?} {symlinks:?}");
        }
        led
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_files_without_links_are_opened_at_once() {
        let tree = tree();
        let root = Root {
            path: tree.path().join("root"),
            symlinks: Symlinks::Follow,
            dot_files: false,
        };
        mknodat(CWD, root.path.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        for (path, found) in [
            ("/sub/file", Some("file")),
            ("/", None),
            ("/sub", None),
            ("/link/file", None),
            ("/absolute", None),
            ("/out", None),
            ("/pipe", None),
        ] {
            let path = FilePath::decode(path).unwrap();
            // The kernel may have to look again while something is renamed somewhere.
            let opened = (0..1000).find_map(|_| open_at_once(&root, &path));
            let opened = opened.map(|opened| match opened {
                Opened::File(..) => "file",
                Opened::Directory(_) => "directory",
                Opened::Nothing => "nothing",
            });
            assert_eq!(opened, found, "{path:?}");
        }
    }

    #[test]
    fn links_lead_where_they_may() {
        use Symlinks::{Follow, Inside, Refuse};
        let tree = tree();
        let root = tree.path().join("root");
        let cases = [
            ("/", ["directory", "directory", "directory"]),
            ("/sub", ["directory", "directory", "directory"]),
            ("/sub/file", ["file", "file", "file"]),
            ("/gone", ["nothing", "nothing", "nothing"]),
            ("/sub/file/more", ["nothing", "nothing", "nothing"]),
            ("/link", ["nothing", "directory", "directory"]),
            ("/link/link", ["nothing", "file", "file"]),
            ("/absolute", ["nothing", "file", "file"]),
            ("/out", ["nothing", "nothing", "file"]),
            ("/up", ["nothing", "nothing", "directory"]),
            ("/up/secret", ["nothing", "nothing", "file"]),
            ("/beside/file", ["nothing", "nothing", "file"]),
            ("/loop", ["nothing", "nothing", "nothing"]),
            ("/dangling", ["nothing", "nothing", "nothing"]),
        ];
        for (path, expected) in cases {
            let found = [Refuse, Inside, Follow].map(|links| led(&root, path, links));
            assert_eq!(found, expected, "{path}");
        }
        let long = format!("/{}", "x".repeat(5000));
        assert_eq!(led(&root, &long, Inside), "nothing");
    }

    #[test]
    fn links_to_dot_files_lead_nowhere() {
        use Symlinks::{Follow, Inside};
        let tree = tree();
        let root = tree.path().join("root");
        fs::create_dir_all(root.join(".git/objects")).unwrap();
        fs::create_dir_all(root.join(".well-known/.inner")).unwrap();
        for file in [
            ".env",
            ".git/config",
            ".well-known/a",
            ".well-known/.inner/b",
            "../.outside",
        ] {
            fs::write(root.join(file), "").unwrap();
        }
        for (link, target) in [
            ("env.txt", ".env"),
            ("sub/env.txt", "../.env"),
            ("again", "env.txt"),
            ("git", ".git"),
            ("objects", ".git/objects"),
            ("known", ".well-known"),
            ("outside", "../.outside"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        for (path, expected) in [
            ("/.env", ["nothing", "nothing"]),
            ("/.git/config", ["nothing", "nothing"]),
            ("/%2Egit", ["nothing", "nothing"]),
            ("/env.txt", ["nothing", "nothing"]),
            ("/sub/env.txt", ["nothing", "nothing"]),
            ("/again", ["nothing", "nothing"]),
            ("/git", ["nothing", "nothing"]),
            ("/git/config", ["nothing", "nothing"]),
            ("/objects", ["nothing", "nothing"]),
            ("/known/a", ["file", "file"]),
            ("/.well-known/a", ["file", "file"]),
            ("/known/.inner/b", ["nothing", "nothing"]),
            ("/outside", ["nothing", "nothing"]),
            ("/out", ["nothing", "file"]),
        ] {
            let found = [Inside, Follow].map(|links| led(&root, path, links));
            assert_eq!(found, expected, "{path}");
        }
    }

    /// The names on the way to the root are not the client's to see, and say nothing about what is below.
    #[test]
    fn root_may_be_below_a_dot() {
        let tree = tree();
        let hidden = tree.path().join(".sites");
        fs::create_dir(&hidden).unwrap();
        fs::rename(tree.path().join("root"), hidden.join("root")).unwrap();
        fs::write(hidden.join("secret"), "").unwrap();
        let root = hidden.join("root");
        assert_eq!(led(&root, "/link/link", Symlinks::Inside), "file");
        assert_eq!(led(&root, "/out", Symlinks::Follow), "file");
    }

    #[test]
    fn root_itself_may_be_a_link() {
        let tree = tree();
        let current = tree.path().join("current");
        symlink("root", &current).unwrap();
        for links in [Symlinks::Refuse, Symlinks::Inside, Symlinks::Follow] {
            assert_eq!(led(&current, "/sub/file", links), "file", "{links:?}");
        }
    }

    /// To open a device may do something: only a stat may touch it.
    #[test]
    #[cfg(target_os = "linux")]
    fn special_files_are_not_opened() {
        use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

        let tree = tree();
        let root = tree.path().join("root");
        let pipe = root.join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        for watched in [&pipe, &root.join("sub/file")] {
            inotify::add_watch(&events, watched, WatchFlags::OPEN).unwrap();
        }
        let mut space = [std::mem::MaybeUninit::uninit(); 4096];
        let mut opened = || {
            let event = Reader::new(&events, &mut space)
                .next()
                .map(|event| event.events());
            event.is_ok_and(|event| event.contains(ReadFlags::OPEN))
        };
        assert_eq!(led(&root, "/pipe", Symlinks::Inside), "nothing");
        assert!(!opened());
        assert_eq!(led(&root, "/sub/file", Symlinks::Inside), "file");
        assert!(opened());
    }

    /// Nobody writes to the pipe: to open it as a file is opened would wait for ever.
    #[test]
    fn special_files_are_nothing() {
        let tree = tree();
        let root = tree.path().join("root");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, root.join("pipe"), FileType::Fifo, mode, 0).unwrap();
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        symlink("/dev/zero", root.join("device")).unwrap();
        for path in ["/pipe", "/socket", "/device"] {
            for links in [Symlinks::Refuse, Symlinks::Inside, Symlinks::Follow] {
                assert_eq!(led(&root, path, links), "nothing", "{path} {links:?}");
            }
        }
    }
}
