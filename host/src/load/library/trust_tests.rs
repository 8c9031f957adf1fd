use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const US: Ids = Ids {
    uid: 1000,
    gid: 1000,
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

fn file(mode: u32, uid: u32, gid: u32) -> Result<(), TrustError> {
    check_entries(&[entry(EntryKind::File, mode, uid, gid)], US)
}

fn dir(mode: u32, uid: u32, gid: u32) -> Result<(), TrustError> {
    check_entries(&[entry(EntryKind::Directory, mode, uid, gid)], US)
}

#[test]
fn only_own_and_root_files_are_trusted() {
    file(0o644, 1000, 1000).unwrap();
    file(0o644, 0, 0).unwrap();
    assert!(matches!(
        file(0o644, 1001, 1001),
        Err(TrustError::Owner { uid: 1001, .. })
    ));
    assert!(matches!(dir(0o755, 1001, 0), Err(TrustError::Owner { .. })));
}

#[test]
fn world_writable_is_refused() {
    assert!(matches!(
        file(0o666, 1000, 1000),
        Err(TrustError::WorldWritable { .. })
    ));
    assert!(matches!(
        dir(0o777, 0, 0),
        Err(TrustError::WorldWritable { .. })
    ));
}

#[test]
fn sticky_directory_protects_its_entries_and_sticky_file_does_not() {
    dir(0o1777, 0, 0).unwrap();
    dir(0o1775, 0, 50).unwrap();
    assert!(matches!(
        file(0o1666, 1000, 1000),
        Err(TrustError::WorldWritable { .. })
    ));
    let theirs = [
        entry(EntryKind::Directory, 0o1777, 0, 0),
        entry(EntryKind::File, 0o644, 1001, 1001),
    ];
    assert!(matches!(
        check_entries(&theirs, US),
        Err(TrustError::Owner { .. })
    ));
}

#[test]
fn private_groups_may_write() {
    file(0o664, 1000, 1000).unwrap();
    file(0o664, 1000, 0).unwrap();
    let shared = Ids {
        uid: 1000,
        gid: 100,
    };
    check_entries(&[entry(EntryKind::File, 0o664, 1000, 100)], shared).unwrap();
    check_entries(&[entry(EntryKind::File, 0o664, 1000, 1000)], shared).unwrap();
    assert!(matches!(
        file(0o664, 1000, 50),
        Err(TrustError::GroupWritable { gid: 50, .. })
    ));
    assert!(matches!(
        dir(0o775, 0, 50),
        Err(TrustError::GroupWritable { .. })
    ));
}

#[test]
fn link_owner_counts_and_its_mode_does_not() {
    check_entries(&[entry(EntryKind::Link, 0o777, 1000, 50)], US).unwrap();
    let error = check_entries(&[entry(EntryKind::Link, 0o777, 1001, 50)], US)
        .unwrap_err()
        .to_string();
    assert!(error.contains("chown -h 1000 '/srv/app'"), "{error}");
}

#[test]
fn message_names_the_entry_and_the_command() {
    let entries = [
        PathEntry {
            path: "/".into(),
            ..entry(EntryKind::Directory, 0o755, 0, 0)
        },
        PathEntry {
            path: "/srv".into(),
            ..entry(EntryKind::Directory, 0o777, 0, 0)
        },
    ];
    assert_eq!(
        check_entries(&entries, US).unwrap_err().to_string(),
        "`/srv` is world-writable (mode 0777): run `chmod o-w '/srv'`, or set `trust = \"any\"`"
    );
}

/// A library in its own directories, and its `stat`.
fn library() -> (tempfile::TempDir, PathBuf, FileStat) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("releases/42")).unwrap();
    let path = dir.path().join("releases/42/lib.so");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let stat = FileStat::of(&fs::metadata(&path).unwrap());
    (dir, path, stat)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_directory_up_to_the_root_is_checked() {
    let (dir, path, stat) = library();
    let ids = Ids::of_this_process();
    check_owners(&path, stat, ids).unwrap();
    chmod(&dir.path().join("releases"), 0o777);
    let error = check_owners(&path, stat, ids).unwrap_err().to_string();
    assert!(
        error.contains("releases` is world-writable (mode 0777)"),
        "{error}"
    );
}

#[test]
fn directories_of_links_and_targets_are_checked() {
    let (dir, _, stat) = library();
    let ids = Ids::of_this_process();
    fs::create_dir(dir.path().join("links")).unwrap();
    symlink("../releases/42", dir.path().join("links/current")).unwrap();
    let path = dir.path().join("links/current/lib.so");
    check_owners(&path, stat, ids).unwrap();
    chmod(&dir.path().join("links"), 0o777);
    assert!(check_owners(&path, stat, ids).is_err());
    chmod(&dir.path().join("links"), 0o755);
    chmod(&dir.path().join("releases"), 0o777);
    assert!(check_owners(&path, stat, ids).is_err());
}

#[test]
fn replaced_file_is_refused() {
    let (dir, path, stat) = library();
    fs::write(dir.path().join("other"), "y").unwrap();
    fs::rename(dir.path().join("other"), &path).unwrap();
    let result = check_owners(&path, stat, Ids::of_this_process());
    assert!(matches!(result, Err(TrustError::Replaced(_))));
}

#[test]
fn acl_is_limited_by_the_group_bits() {
    let has_acl = |kind, mode| PathEntry {
        has_acl: true,
        ..entry(kind, mode, 1000, 1000)
    };
    let error = check_entries(&[has_acl(EntryKind::File, 0o664)], US).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/srv/app` is writable by others through its access control list: run `setfacl -b \
         '/srv/app'`, or set `trust = \"any\"`"
    );
    assert!(check_entries(&[has_acl(EntryKind::Directory, 0o775)], US).is_err());
    check_entries(&[has_acl(EntryKind::File, 0o644)], US).unwrap();
    check_entries(&[has_acl(EntryKind::Directory, 0o1775)], US).unwrap();
}

#[test]
fn acl_is_detected() {
    let (_dir, path, _) = library();
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
    let stat = FileStat::of(&fs::metadata(&path).unwrap());
    let refused = check_owners(&path, stat, Ids::of_this_process());
    assert!(matches!(refused, Err(TrustError::Acl(_))), "{refused:?}");
}
