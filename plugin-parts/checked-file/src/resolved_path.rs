//! Every directory entry that resolving a path visits.
//!
//! Resolving a path by hand, link by link, shows which directories can change where it leads. These are the
//! directories to watch, and the ones to trust.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many as Linux follows before ELOOP.
const MAX_LINKS: usize = 40;

/// One directory entry on the way.
#[derive(Debug)]
pub struct Step {
    /// The directory of the lookup; no part of it is a link.
    pub dir: PathBuf,
    /// The name of the lookup.
    pub name: OsString,
    /// The entry's own metadata (`lstat`), if it exists.
    pub metadata: Option<Metadata>,
    /// Where it points, if it is a symbolic link.
    pub link: Option<PathBuf>,
}

impl Step {
    /// The entry's path.
    pub fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }
}

/// The steps from `/` to a path's target. If an entry is absent, it is the last step.
#[derive(Debug)]
pub struct ResolvedPath {
    /// In the order of the lookups.
    pub steps: Vec<Step>,
}

impl ResolvedPath {
    /// Resolves `path`, which should be absolute.
    pub fn resolve(path: &Path) -> Self {
        let mut todo = VecDeque::new();
        let mut at = PathBuf::from("/");
        let mut steps = Vec::new();
        let mut links = 0;
        push_front(&mut todo, path);
        while let Some(name) = todo.pop_front() {
            if name == ".." {
                at.pop();
                continue;
            }
            let entry = at.join(&name);
            let metadata = fs::symlink_metadata(&entry).ok();
            let link = match &metadata {
                Some(metadata) if metadata.is_symlink() => fs::read_link(&entry).ok(),
                _ => None,
            };
            if let Some(target) = &link {
                links += 1;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                push_front(&mut todo, target);
            }
            let passable = match &metadata {
                Some(_) if link.is_some() => links <= MAX_LINKS,
                Some(metadata) => metadata.is_dir(),
                None => false,
            };
            let step = Step {
                dir: entry_dir(&entry),
                name,
                metadata,
                link,
            };
            if step.link.is_none() && passable {
                at = entry;
            }
            steps.push(step);
            if !passable {
                break;
            }
        }
        // An entry on the way is no directory: the path leads nowhere.
        let dangling = !todo.is_empty() || links > MAX_LINKS;
        if dangling && let Some(step) = steps.last_mut() {
            step.metadata = None;
        }
        Self { steps }
    }

    /// What the path leads to, if it exists.
    pub fn target(&self) -> Option<&Step> {
        self.steps
            .last()
            .filter(|step| step.metadata.is_some() && step.link.is_none())
    }
}

fn entry_dir(entry: &Path) -> PathBuf {
    entry.parent().unwrap_or(Path::new("/")).to_path_buf()
}

fn push_front(todo: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => todo.push_front(name.to_os_string()),
            Component::ParentDir => todo.push_front("..".into()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
}

/// Makes `path` absolute without resolving links.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(resolved: &ResolvedPath, under: &Path) -> Vec<PathBuf> {
        let paths = resolved.steps.iter().map(Step::path);
        paths
            .filter_map(|path| path.strip_prefix(under).map(Path::to_path_buf).ok())
            .collect()
    }

    fn real_tempdir() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        (dir, path)
    }

    #[test]
    fn links_in_the_middle_and_their_targets_are_steps() {
        let (_dir, root) = real_tempdir();
        fs::create_dir_all(root.join("releases/42")).unwrap();
        fs::write(root.join("releases/42/lib.so"), "x").unwrap();
        symlink("releases/42", root.join("current")).unwrap();
        let resolved = ResolvedPath::resolve(&root.join("current/lib.so"));
        let met = [
            "",
            "current",
            "releases",
            "releases/42",
            "releases/42/lib.so",
        ];
        assert_eq!(names(&resolved, &root), met.map(PathBuf::from));
        assert_eq!(
            resolved.target().unwrap().path(),
            root.join("releases/42/lib.so")
        );
    }

    #[test]
    fn dots_and_absolute_links_resolve_as_in_the_kernel() {
        let (_dir, root) = real_tempdir();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/file"), "x").unwrap();
        symlink(root.join("a/b"), root.join("link")).unwrap();
        let path = root.join("link/.././file");
        let end = ResolvedPath::resolve(&path).target().unwrap().path();
        assert_eq!(end, path.canonicalize().unwrap());
    }

    #[test]
    fn first_absent_entry_is_the_last_step() {
        let (_dir, root) = real_tempdir();
        fs::write(root.join("file"), "x").unwrap();
        for path in ["no/such/lib.so", "file/lib.so"] {
            let resolved = ResolvedPath::resolve(&root.join(path));
            assert!(resolved.target().is_none(), "{path}");
            let last = resolved.steps.last().unwrap().path();
            assert_eq!(last, root.join(path.split('/').next().unwrap()));
        }
    }

    #[test]
    fn link_cycle_has_no_target() {
        let (_dir, root) = real_tempdir();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert!(ResolvedPath::resolve(&root.join("a")).target().is_none());
    }
}
