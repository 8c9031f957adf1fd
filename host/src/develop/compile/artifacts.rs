//! What this workspace's builds made, in a target directory that other workspaces may write to, too.
//!
//! Cargo names the artifacts of two workspaces alike if their packages lie at the same place in each. So the builds record
//! what they made, and each built library is copied at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::cargo::Profile;
use super::messages::Artifact;
use super::metadata::Workspace;
use crate::load::atomic_file;

/// Tells a changed file from an unchanged one.
pub(super) type FileStamp = (u64, u64, i64, i64);

/// The artifacts of a workspace.
#[derive(Debug)]
pub(super) struct Artifacts {
    /// Where copies and records are.
    folder: PathBuf,
    /// Whether the target directory is outside of the workspace, so that others may have it, too.
    outside: bool,
    /// Each artifact as it was when this workspace's cargo made it; each copy with the artifact that it is of.
    records: BTreeMap<PathBuf, FileStamp>,
}

impl Artifacts {
    pub(super) fn open(workspace: &Workspace, profile: &Profile) -> Self {
        let mut hasher = DefaultHasher::new();
        workspace.root.hash(&mut hasher);
        let all = workspace.target.join("stackup").join(profile.name());
        let folder = all.join(format!("{:016x}", hasher.finish()));
        let records = fs::read_to_string(folder.join("records")).unwrap_or_default();
        Self {
            records: records.lines().filter_map(parse).collect(),
            folder,
            outside: !workspace.target.starts_with(&workspace.root),
        }
    }

    /// Whether the artifact is not known to be this workspace's: cargo found it up to date, but another may have made it.
    pub(super) fn is_foreign(&self, artifact: &Artifact) -> bool {
        let mine = |file: &PathBuf| self.records.get(file).copied() == stamp(file);
        artifact.fresh && self.is_shared() && !artifact.files.iter().all(mine)
    }

    /// Whether another workspace may replace artifacts.
    fn is_shared(&self) -> bool {
        let all = self.folder.parent().and_then(|all| fs::read_dir(all).ok());
        let mut others = all.into_iter().flatten().flatten();
        self.outside || others.any(|other| other.path() != self.folder)
    }

    /// Records what cargo has just made, and copies a library.
    ///
    /// # Errors
    ///
    /// When it cannot be copied.
    pub(super) fn keep(
        &mut self,
        artifact: &Artifact,
        package: &str,
    ) -> io::Result<Option<PathBuf>> {
        for file in &artifact.files {
            if let Some(stamp) = stamp(file) {
                self.records.insert(file.clone(), stamp);
            }
        }
        let Some(library) = artifact.library() else {
            return Ok(None);
        };
        let folder = self.folder.join(package);
        let copy = folder.join(library.file_name().unwrap_or_default());
        let before = stamp(library);
        if copy.exists() && self.records.get(&copy).copied() == before {
            return Ok(Some(copy));
        }
        fs::create_dir_all(&folder)?;
        let temporary = tempfile::Builder::new()
            .prefix(".stackup-")
            .tempfile_in(&folder)?
            .into_temp_path();
        fs::copy(library, &temporary)?;
        temporary.persist(&copy)?;
        if let Some(stamp) = before {
            self.records.insert(copy.clone(), stamp);
        }
        Ok(Some(copy))
    }

    /// Writes the records for the next start. Without them, more is built again than needed.
    pub(super) fn save(&self) {
        let mut text = String::new();
        for (path, (inode, len, seconds, nanoseconds)) in &self.records {
            let path = path.display();
            let _ = writeln!(text, "{inode} {len} {seconds} {nanoseconds} {path}");
        }
        let saved = fs::create_dir_all(&self.folder)
            .and_then(|()| atomic_file::write(&self.folder.join("records"), text.as_bytes()));
        if let Err(error) = saved {
            tracing::debug!(%error, "cannot write the records of artifacts");
        }
    }
}

/// Has cargo build these artifacts again.
pub(super) fn invalidate<'a>(files: impl IntoIterator<Item = &'a PathBuf>) {
    for file in files {
        // Cargo links a final artifact to one in `deps`, which it looks for.
        if let (Some(folder), Some(name)) = (file.parent(), file.file_name()) {
            let _ = fs::remove_file(folder.join("deps").join(name));
        }
        let _ = fs::remove_file(file);
    }
}

fn parse(line: &str) -> Option<(PathBuf, FileStamp)> {
    let mut words = line.splitn(5, ' ');
    let mut number = || words.next()?.parse::<i64>().ok();
    let (inode, len, seconds, nanoseconds) = (number()?, number()?, number()?, number()?);
    let stamp = (
        u64::try_from(inode).ok()?,
        u64::try_from(len).ok()?,
        seconds,
        nanoseconds,
    );
    Some((words.next()?.into(), stamp))
}

pub(super) fn stamp(path: &Path) -> Option<FileStamp> {
    let m = fs::metadata(path).ok()?;
    Some((m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(file: &Path, fresh: bool) -> Artifact {
        Artifact {
            package: "id".to_owned(),
            files: vec![file.to_path_buf()],
            is_plugin: true,
            fresh,
            features: Default::default(),
        }
    }

    #[test]
    fn artifact_of_another_workspace_is_foreign_and_the_copy_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("target/debug/libhello.so");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let workspace = |name: &str| Workspace {
            root: dir.path().join(name),
            target: dir.path().join("target"),
            ..Workspace::default()
        };
        fs::write(&file, "a").unwrap();
        let mut a = Artifacts::open(&workspace("a"), &Profile::dev());
        assert!(a.is_foreign(&artifact(&file, true)));
        let copy = a.keep(&artifact(&file, false), "hello").unwrap().unwrap();
        a.save();
        assert!(!a.is_foreign(&artifact(&file, true)));
        fs::remove_file(&file).unwrap();
        fs::write(&file, "b's").unwrap();
        let reopened = Artifacts::open(&workspace("a"), &Profile::dev());
        assert!(reopened.is_foreign(&artifact(&file, true)));
        assert!(!reopened.is_foreign(&artifact(&file, false)));
        assert_eq!(fs::read_to_string(&copy).unwrap(), "a");
        let mut b = Artifacts::open(&workspace("b"), &Profile::dev());
        let other = b.keep(&artifact(&file, false), "hello").unwrap().unwrap();
        assert_ne!(copy, other);
    }

    #[test]
    fn own_target_directory_is_not_shared() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: dir.path().to_path_buf(),
            target: dir.path().join("target"),
            ..Workspace::default()
        };
        let file = dir.path().join("target/debug/libhello.so");
        let artifacts = Artifacts::open(&workspace, &Profile::dev());
        assert!(!artifacts.is_foreign(&artifact(&file, true)));
    }
}
