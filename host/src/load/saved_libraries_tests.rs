use super::*;

/// A store with one saved library, of this content.
fn saved(content: &[u8]) -> (tempfile::TempDir, SavedLibraries, SavedLibrary) {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().to_path_buf();
    let variable = "TMPDIR";
    let mut libraries = SavedLibraries::create(&[BaseDir { path, variable }]).unwrap();
    let folder = libraries.dir().path().join("1");
    create_folder(&folder).unwrap();
    let copy = folder.join("lib.so");
    fs::write(&copy, content).unwrap();
    let library = SavedLibrary {
        plugin: "lib".to_owned(),
        path: None,
        file: "plugins/liblib.so".into(),
        fingerprint: Fingerprint::of(content),
        copy,
    };
    libraries.keep_open([&library]);
    (base, libraries, library)
}

#[test]
fn removed_file_is_written_again() {
    let (_base, mut libraries, mut library) = saved(b"code");
    for _ in 0..2 {
        fs::remove_file(&library.copy).unwrap();
        libraries.restore([&mut library]);
        assert_eq!(fs::read(&library.copy).unwrap(), b"code");
        let mode = fs::metadata(&library.copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o500);
    }
}

#[test]
fn removed_directory_is_created_again_at_its_path() {
    let (_base, mut libraries, mut library) = saved(b"code");
    let before = library.copy.clone();
    fs::remove_dir_all(libraries.dir().path()).unwrap();
    libraries.restore([&mut library]);
    assert_eq!(library.copy, before);
    assert_eq!(fs::read(&before).unwrap(), b"code");
}

#[test]
fn directory_of_others_is_not_used() {
    let (_base, mut libraries, mut library) = saved(b"code");
    let before = libraries.dir().path().to_path_buf();
    fs::set_permissions(&before, Permissions::from_mode(0o777)).unwrap();
    libraries.restore([&mut library]);
    assert_ne!(libraries.dir().path(), before);
    assert!(library.copy.starts_with(libraries.dir().path()));
    assert_eq!(fs::read(&library.copy).unwrap(), b"code");
}

#[test]
fn replaced_file_is_written_again() {
    let (_base, mut libraries, mut library) = saved(b"code");
    fs::remove_file(&library.copy).unwrap();
    fs::write(&library.copy, "evil").unwrap();
    libraries.restore([&mut library]);
    assert_eq!(fs::read(&library.copy).unwrap(), b"code");
}

#[test]
fn library_changed_in_place_is_lost_and_removed() {
    let (_base, mut libraries, mut library) = saved(b"code");
    fs::set_permissions(&library.copy, Permissions::from_mode(0o700)).unwrap();
    fs::write(&library.copy, "co").unwrap();
    libraries.restore([&mut library]);
    assert!(!library.copy.exists());
}

#[test]
fn same_content_in_another_file_replaces_a_damaged_one() {
    let (_base, mut libraries, mut library) = saved(b"code");
    let folder = libraries.dir().path().join("2");
    create_folder(&folder).unwrap();
    let other = SavedLibrary {
        copy: folder.join("lib.so"),
        ..library.clone()
    };
    fs::write(&other.copy, "code").unwrap();
    libraries.keep_open([&other]);
    fs::set_permissions(&library.copy, Permissions::from_mode(0o700)).unwrap();
    fs::write(&library.copy, "co").unwrap();
    libraries.restore([&mut library]);
    assert_eq!(fs::read(&library.copy).unwrap(), b"code");
}

#[test]
fn pruned_library_is_closed_and_removed() {
    let (_base, mut libraries, library) = saved(b"code");
    libraries.prune(1, &HashSet::from([library.copy.as_path()]));
    assert!(library.copy.exists() && libraries.open.len() == 1);
    libraries.prune(1, &HashSet::new());
    assert!(!library.copy.exists() && libraries.open.is_empty());
}

#[test]
fn stacks_that_share_a_file_share_the_new_one() {
    let (_base, mut libraries, mut library) = saved(b"code");
    let mut other = library.clone();
    fs::set_permissions(libraries.dir().path(), Permissions::from_mode(0o777)).unwrap();
    libraries.restore([&mut library, &mut other]);
    assert_eq!(library, other);
    assert_eq!(fs::read(&library.copy).unwrap(), b"code");
}
