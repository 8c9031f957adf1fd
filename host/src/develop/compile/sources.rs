//! Which files the crates of a workspace are built from, and which crates a change affects. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::find::Crate;
use super::metadata::Workspace;
use crate::load::watch::{Interest, Tree};

/// Files in a workspace's root that affect all of its crates.
const WORKSPACE_FILES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/config.toml",
    ".cargo/config",
    "rust-toolchain.toml",
    "rust-toolchain",
];

/// The sources of the crates of one workspace.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Files that affect all crates.
    workspace_files: BTreeSet<PathBuf>,
    /// The folder of each package, with the crates that depend on it.
    folders: BTreeMap<PathBuf, BTreeSet<usize>>,
    /// The target directory.
    target: PathBuf,
    /// Folders that are no part of the package around them.
    excluded: BTreeSet<PathBuf>,
    /// The folders of packages whose build script may read any file.
    with_build_script: BTreeSet<PathBuf>,
    /// The files that the crates were built from, as rustc names them.
    inputs: BTreeMap<usize, BTreeSet<PathBuf>>,
    /// Crates whose next build may read other files.
    uncertain: BTreeSet<usize>,
}

impl Sources {
    /// The sources of `crates`. A crate is its index in that list.
    pub(super) fn new(workspace: &Workspace, crates: &[Crate]) -> Self {
        let folder = |at: usize| workspace.packages[at].folder.clone();
        let mut sources = Self {
            workspace_files: WORKSPACE_FILES
                .iter()
                .map(|name| workspace.root.join(name))
                .collect(),
            target: workspace.target.clone(),
            uncertain: (0..crates.len()).collect(),
            ..Self::default()
        };
        sources.excluded.insert(workspace.target.clone());
        sources
            .excluded
            .extend((0..workspace.packages.len()).map(folder));
        for (at, one) in crates.iter().enumerate() {
            for package in workspace.closure(one.package) {
                sources
                    .workspace_files
                    .insert(folder(package).join("Cargo.toml"));
                if workspace.packages[package].has_build_script {
                    sources.with_build_script.insert(folder(package));
                }
                sources
                    .folders
                    .entry(folder(package))
                    .or_default()
                    .insert(at);
            }
        }
        sources
    }

    /// What to watch for these crates.
    pub(super) fn interest(&self, crates: &BTreeSet<usize>) -> Interest {
        let tree = |root: &PathBuf| {
            let inside = |path: &&PathBuf| *path != root && path.starts_with(root);
            let mut excluded: BTreeSet<_> = self.excluded.iter().filter(inside).cloned().collect();
            // Left by builds of the crate alone.
            excluded.insert(root.join("target"));
            Tree {
                included: self.included_in(root),
                root: root.clone(),
                excluded,
            }
        };
        Interest {
            files: self
                .workspace_files
                .iter()
                .chain(self.input_files(crates))
                .cloned()
                .collect(),
            trees: self
                .folders
                .iter()
                .filter(|(_, needed_by)| !needed_by.is_disjoint(crates))
                .map(|(folder, _)| tree(folder))
                .collect(),
        }
    }

    /// The files below a package's folder that rustc has read: they count although git may ignore or hide them.
    fn included_in(&self, root: &Path) -> BTreeSet<PathBuf> {
        let files = self.inputs.values().flatten();
        let below = files
            .filter(|file| self.package_dir(file) == Some(root) && !file.starts_with(&self.target));
        below.cloned().collect()
    }

    /// The files that `cargo metadata` reads: its output holds until one of them changes.
    pub(super) fn workspace_files(&self) -> impl Iterator<Item = &Path> {
        self.workspace_files.iter().map(PathBuf::as_path)
    }

    /// The crates that a change of `path` affects.
    pub(super) fn affected(&self, path: &Path) -> BTreeSet<usize> {
        if self.workspace_files.contains(path) {
            return self.folders.values().flatten().copied().collect();
        }
        let reads = self.inputs.iter().filter(|(_, files)| files.contains(path));
        let mut affected: BTreeSet<_> = reads.map(|(at, _)| *at).collect();
        // The innermost package: one in the folder of another is no part of it.
        if let Some(folder) = self.package_dir(path) {
            // Other files, such as a page or a database, do not affect crates that were built without them.
            let any = is_code(path) || self.with_build_script.contains(folder);
            let crates = self.folders.get(folder).into_iter().flatten();
            affected.extend(crates.filter(|at| any || self.uncertain.contains(at)));
        }
        affected
    }

    /// Whether a file is in a package's folder.
    pub(super) fn contains_file(&self, path: &Path) -> bool {
        self.package_dir(path).is_some()
    }

    /// Records the files that crate `at` was built from. Returns those that it was not built from before.
    pub(super) fn record(&mut self, at: usize, files: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        self.uncertain.remove(&at);
        let before = self.inputs.insert(at, files.clone()).unwrap_or_default();
        &files - &before
    }

    /// The next build of crate `at` may read other files, too.
    pub(super) fn forget(&mut self, at: usize) {
        self.uncertain.insert(at);
    }

    /// The files that crate `at` was built from.
    pub(super) fn inputs_of(&self, at: usize) -> impl Iterator<Item = &PathBuf> {
        self.inputs.get(&at).into_iter().flatten()
    }

    /// The folder of the package around a file.
    pub(super) fn package_dir<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let mut folders = path.ancestors();
        folders.find(|folder| self.folders.contains_key(*folder))
    }

    /// The files outside of packages that these crates were built from; without what builds made.
    fn input_files(&self, crates: &BTreeSet<usize>) -> impl Iterator<Item = &PathBuf> {
        let files = crates.iter().flat_map(|at| self.inputs_of(*at));
        files.filter(|file| !self.contains_file(file) && !file.starts_with(&self.target))
    }
}

/// Whether rustc or cargo may read a file of this name.
pub(super) fn is_code(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end == "rs" || end == "toml")
}

/// The files in a dep-info file of cargo, which has the syntax of make.
pub(super) fn parse_dep_info(dep_info: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in dep_info.lines() {
        let Some((_, needs)) = line.split_once(": ") else {
            continue;
        };
        let mut file = String::new();
        for word in needs.split(' ') {
            match word.strip_suffix('\\') {
                Some(start) => file.extend([start, " "]),
                None => files.push(PathBuf::from(std::mem::take(&mut file) + word)),
            }
        }
    }
    files.retain(|file| !file.as_os_str().is_empty());
    files
}

#[cfg(test)]
mod tests {
    use super::super::metadata::Package;
    use super::*;
    use crate::serve::generation::PluginRef;

    fn package(name: &str, folder: &str, dependencies: &[usize]) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            folder: folder.into(),
            library: Some(name.to_owned()),
            has_build_script: false,
            is_member: true,
            dependencies: dependencies.to_vec(),
        }
    }

    fn sources() -> Sources {
        let workspace = Workspace {
            root: "/w".into(),
            target: "/w/target".into(),
            features: Default::default(),
            packages: vec![
                package("site", "/w", &[1]),
                package("part", "/w/part", &[]),
                package("hello", "/w/plugins/hello", &[1]),
                package("other", "/w/plugins/other", &[]),
                package("far", "/far", &[]),
            ],
        };
        let crates = [0, 2, 4].map(|package| Crate {
            plugin: PluginRef::default(),
            package,
        });
        Sources::new(&workspace, &crates)
    }

    fn affected(sources: &Sources, path: &str) -> Vec<usize> {
        sources.affected(Path::new(path)).into_iter().collect()
    }

    #[test]
    fn change_affects_dependents_of_the_innermost_package() {
        let sources = sources();
        assert_eq!(affected(&sources, "/w/src/lib.rs"), [0]);
        assert_eq!(affected(&sources, "/w/plugins/hello/build.rs"), [1]);
        assert_eq!(affected(&sources, "/w/part/src/new/deep.rs"), [0, 1]);
        assert_eq!(affected(&sources, "/far/page.html"), [2]);
        assert_eq!(affected(&sources, "/elsewhere/x.rs"), [0; 0]);
    }

    #[test]
    fn workspace_files_affect_all_crates() {
        let sources = sources();
        for path in [
            "/w/Cargo.lock",
            "/w/Cargo.toml",
            "/w/.cargo/config.toml",
            "/w/part/Cargo.toml",
        ] {
            assert_eq!(affected(&sources, path), [0, 1, 2], "{path}");
        }
    }

    #[test]
    fn tree_excludes_target_and_other_packages() {
        let interest = sources().interest(&[0, 1, 2].into());
        let tree = |root: &str| {
            interest
                .trees
                .iter()
                .find(|tree| tree.root == Path::new(root))
                .unwrap()
        };
        let excluded = |root: &str| {
            tree(root)
                .excluded
                .iter()
                .map(|path| path.to_str().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            excluded("/w"),
            [
                "/w/part",
                "/w/plugins/hello",
                "/w/plugins/other",
                "/w/target"
            ]
        );
        assert_eq!(excluded("/far"), ["/far/target"]);
        assert!(
            !interest
                .trees
                .iter()
                .any(|tree| tree.root == Path::new("/w/plugins/other"))
        );
        assert!(interest.files.contains(Path::new("/w/part/Cargo.toml")));
        let one = sources().interest(&[1].into());
        let roots: Vec<_> = one.trees.iter().map(|tree| tree.root.as_path()).collect();
        assert_eq!(roots, [Path::new("/w/part"), Path::new("/w/plugins/hello")]);
    }

    #[test]
    fn other_file_affects_only_its_readers_and_build_scripts() {
        let mut sources = sources();
        assert_eq!(
            affected(&sources, "/far/visits.db"),
            [2],
            "nothing is known yet"
        );
        sources.record(
            2,
            ["/far/src/lib.rs".into(), "/far/page.html".into()].into(),
        );
        assert_eq!(affected(&sources, "/far/visits.db"), [0; 0]);
        assert_eq!(affected(&sources, "/far/page.html"), [2]);
        assert_eq!(affected(&sources, "/far/src/new.rs"), [2]);
        sources.forget(2);
        assert_eq!(affected(&sources, "/far/visits.db"), [2]);
        sources.record(2, BTreeSet::new());
        sources.with_build_script.insert("/far".into());
        assert_eq!(affected(&sources, "/far/visits.db"), [2]);
    }

    #[test]
    fn input_outside_affects_its_readers() {
        let mut sources = sources();
        let files = [
            "/w/plugins/hello/src/lib.rs",
            "/pages/a.html",
            "/w/target/debug/build/x/out/y.rs",
        ];
        sources.record(1, files.map(PathBuf::from).into());
        assert_eq!(affected(&sources, "/pages/a.html"), [1]);
        assert!(
            sources
                .interest(&[1].into())
                .files
                .contains(Path::new("/pages/a.html"))
        );
        assert!(
            !sources
                .interest(&[1].into())
                .files
                .contains(Path::new(files[2]))
        );
        sources.record(1, [PathBuf::from("/pages/b.html")].into());
        assert_eq!(affected(&sources, "/pages/a.html"), [0; 0]);
    }

    #[test]
    fn dep_info_paths_may_have_spaces() {
        let text = "/t/libx.so: /w/src/lib.rs /w/my\\ pages/a.html\n\n/w/src/lib.rs:\n";
        assert_eq!(
            parse_dep_info(text),
            [Path::new("/w/src/lib.rs"), Path::new("/w/my pages/a.html")]
        );
    }
}
