use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::entry::acl_exists;

/// A user whose own group is 1000; nobody else is in it, nor in root's.
const US: Judge<'_> = Judge {
    uid: 1000,
    is_private: &|gid| gid == 1000 || gid == 0,
};

fn entry(kind: EntryKind, mode: u32, uid: u32, gid: u32) -> PathEntry {
    PathEntry {
        path: "/srv/app".into(),
        kind,
        mode,
        uid,
        gid,
        has_acl: false,
    }
}

fn why(kind: EntryKind, mode: u32, uid: u32, gid: u32) -> Option<Why> {
    let checked = check_entries(&[entry(kind, mode, uid, gid)], &US);
    checked.err().map(|error| error.why)
}

fn file(mode: u32, uid: u32, gid: u32) -> Option<Why> {
    why(EntryKind::File, mode, uid, gid)
}

fn dir(mode: u32, uid: u32, gid: u32) -> Option<Why> {
    why(EntryKind::Directory, mode, uid, gid)
}

#[test]
fn only_own_and_root_files_are_trusted() {
    assert_eq!(file(0o644, 1000, 1000), None);
    assert_eq!(file(0o644, 0, 0), None);
    for kind in [EntryKind::File, EntryKind::Directory, EntryKind::Link] {
        let (uid, ours) = (1001, 1000);
        let owner = Some(Why::Owner { uid, ours, kind });
        assert_eq!(why(kind, 0o755, uid, 0), owner);
    }
}

#[test]
fn world_writable_is_refused() {
    assert_eq!(file(0o666, 1000, 1000), Some(Why::WorldWritable(0o666)));
    assert_eq!(dir(0o777, 0, 0), Some(Why::WorldWritable(0o777)));
}

#[test]
fn sticky_directory_protects_its_entries_and_sticky_file_does_not() {
    assert_eq!(dir(0o1777, 0, 0), None);
    assert_eq!(dir(0o1775, 0, 50), None);
    assert_eq!(file(0o1666, 1000, 1000), Some(Why::WorldWritable(0o1666)));
    let theirs = [
        entry(EntryKind::Directory, 0o1777, 0, 0),
        entry(EntryKind::File, 0o644, 1001, 1001),
    ];
    assert!(check_entries(&theirs, &US).is_err());
    // Whoever owns a sticky directory may replace all of its entries.
    assert!(matches!(dir(0o1777, 1001, 0), Some(Why::Owner { .. })));
}

#[test]
fn only_private_groups_may_write() {
    assert_eq!(file(0o664, 1000, 1000), None);
    assert_eq!(file(0o664, 1000, 0), None);
    let (mode, gid) = (0o664, 50);
    assert_eq!(
        file(mode, 1000, gid),
        Some(Why::GroupWritable { mode, gid })
    );
    let (mode, gid) = (0o775, 100);
    assert_eq!(dir(mode, 0, gid), Some(Why::GroupWritable { mode, gid }));
    // Its owner's group is not this user's: what ann may write, root must not run.
    let root = Judge {
        uid: 0,
        is_private: &|gid| gid == 0,
    };
    let of_root = entry(EntryKind::File, 0o664, 0, 1000);
    assert!(check_entries(&[of_root], &root).is_err());
}

#[test]
fn link_owner_counts_and_its_mode_does_not() {
    assert_eq!(why(EntryKind::Link, 0o777, 1000, 50), None);
    let error = check_entries(&[entry(EntryKind::Link, 0o777, 1001, 50)], &US).unwrap_err();
    assert_eq!(error.fix(), "chown -h 1000 '/srv/app'");
}

#[test]
fn message_names_the_entry_and_the_command() {
    let at = |path: &str, mode| PathEntry {
        path: path.into(),
        ..entry(EntryKind::Directory, mode, 0, 0)
    };
    let refused = |entries: &[PathEntry]| check_entries(entries, &US).unwrap_err().to_string();
    assert_eq!(
        refused(&[at("/", 0o755), at("/srv", 0o777), at("/srv/a", 0o777)]),
        "`/srv` is world-writable (mode 0777): run `chmod o-w '/srv'`"
    );
    assert_eq!(
        refused(&[at("/it's", 0o777)]),
        r"`/it's` is world-writable (mode 0777): run `chmod o-w '/it'\''s'`"
    );
}

/// A file in its own directories.
fn library() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("releases/42")).unwrap();
    let path = dir.path().join("releases/42/lib.so");
    fs::write(&path, "x").unwrap();
    chmod(&path, 0o644);
    for folder in ["releases", "releases/42"] {
        chmod(&dir.path().join(folder), 0o755);
    }
    (dir, path)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_directory_up_to_the_root_is_checked() {
    let (dir, path) = library();
    check(&path).unwrap();
    chmod(&dir.path().join("releases"), 0o777);
    let error = check(&path).unwrap_err().to_string();
    assert!(
        error.contains("releases` is world-writable (mode 0777)"),
        "{error}"
    );
}

#[test]
fn directories_of_links_and_targets_are_checked() {
    let (dir, _) = library();
    fs::create_dir(dir.path().join("links")).unwrap();
    symlink("../releases/42", dir.path().join("links/current")).unwrap();
    let path = dir.path().join("links/current/lib.so");
    check(&path).unwrap();
    chmod(&dir.path().join("links"), 0o777);
    assert!(check(&path).is_err());
    chmod(&dir.path().join("links"), 0o755);
    chmod(&dir.path().join("releases"), 0o777);
    assert!(check(&path).is_err());
}

#[test]
fn trusted_text_is_that_of_the_judged_file() {
    let (_dir, path) = library();
    let read = |trust| read_trusted_text(&path, 8, trust);
    assert_eq!(read(Trust::Owner).unwrap(), "x");
    chmod(&path, 0o666);
    assert!(matches!(read(Trust::Owner), Err(ReadError::Untrusted(_))));
    assert_eq!(read(Trust::Any).unwrap(), "x");
    fs::remove_file(&path).unwrap();
    assert!(matches!(read(Trust::Owner), Err(ReadError::Io(_))));
    assert!(matches!(check(&path), Err(ReadError::Io(_))));
}

#[test]
fn file_that_is_replaced_after_it_was_opened_is_not_the_judged_one() {
    let (_dir, path) = library();
    let opened = open(&path).unwrap();
    assert!(is_judged(&opened, &path).unwrap());
    let other = path.with_extension("new");
    fs::write(&other, "x").unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(!is_judged(&opened, &path).unwrap());
    assert!(is_judged(&open(&path).unwrap(), &path).unwrap());
}

#[test]
fn acl_is_limited_by_the_group_bits() {
    let has_acl = |kind, mode| PathEntry {
        has_acl: true,
        ..entry(kind, mode, 1000, 1000)
    };
    let error = check_entries(&[has_acl(EntryKind::File, 0o664)], &US).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/srv/app` is writable by others through its access control list: run `setfacl -b '/srv/app'`"
    );
    assert!(check_entries(&[has_acl(EntryKind::Directory, 0o775)], &US).is_err());
    check_entries(&[has_acl(EntryKind::File, 0o644)], &US).unwrap();
    check_entries(&[has_acl(EntryKind::Directory, 0o1775)], &US).unwrap();
}

#[test]
fn acl_is_detected() {
    let (_dir, path) = library();
    assert!(!acl_exists(&path));
    // Version 2; then tag, permissions and id of each entry: the owner, user 1001, the group, the
    // mask and the others. See acl(5).
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in [
        (0x01_u16, 6_u16, u32::MAX),
        (0x02, 6, 1001),
        (0x04, 4, u32::MAX),
        (0x10, 6, u32::MAX),
        (0x20, 4, u32::MAX),
    ] {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    match rustix::fs::setxattr(&path, "system.posix_acl_access", &list, flags) {
        Ok(()) => {}
        Err(error) => return println!("skipped: no access control lists here: {error}"),
    }
    assert!(acl_exists(&path));
    let error = check(&path).unwrap_err().to_string();
    assert!(error.contains("access control list"), "{error}");
}

#[test]
fn sticky_directory_is_no_place_to_look_for_files() {
    let (dir, path) = library();
    check_search_dir(path.parent().unwrap()).unwrap();
    check_search_dir(&dir.path().join("missing/lib")).unwrap();
    chmod(dir.path(), 0o1777);
    check(&path).unwrap();
    check_search_dir(path.parent().unwrap()).unwrap();
    for place in ["", "missing/lib"] {
        let error = check_search_dir(&dir.path().join(place)).unwrap_err();
        let mode = "is world-writable (mode 1777)";
        assert!(error.to_string().contains(mode), "{error}");
    }
}
