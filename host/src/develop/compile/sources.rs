//! Which files the crates of a workspace are made of, and which crates a change touches. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::find::Crate;
use super::metadata::Workspace;
use crate::load::watch::{Interest, Tree};

/// What says how all of a workspace is built, beside its root.
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
    /// What says how all are built.
    workspace_files: BTreeSet<PathBuf>,
    /// The folder of each package, with the crates that need it.
    folders: BTreeMap<PathBuf, BTreeSet<usize>>,
    /// What is no part of any package.
    excluded: BTreeSet<PathBuf>,
    /// Those of them whose build may read anything.
    with_build_script: BTreeSet<PathBuf>,
    /// The files that the crates were built of, as rustc says; for those that were built.
    inputs: BTreeMap<usize, BTreeSet<PathBuf>>,
}

impl Sources {
    /// Those of `crates`, each a place in that list.
    pub(super) fn new(workspace: &Workspace, crates: &[Crate]) -> Self {
        let folder = |at: usize| workspace.packages[at].folder.clone();
        let mut sources = Self {
            workspace_files: WORKSPACE_FILES
                .iter()
                .map(|name| workspace.root.join(name))
                .collect(),
            ..Self::default()
        };
        // Others are no part of a package that lies around them.
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

    /// What is to be watched for these crates.
    pub(super) fn interest(&self, crates: &BTreeSet<usize>) -> Interest {
        let tree = |root: &PathBuf| {
            let inside = |path: &&PathBuf| *path != root && path.starts_with(root);
            let mut excluded: BTreeSet<_> = self.excluded.iter().filter(inside).cloned().collect();
            // That of a crate which is at times built alone.
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
                .chain(self.external_files())
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
        let below =
            files.filter(|file| self.package_dir(file) == Some(root) && !self.is_generated(file));
        below.cloned().collect()
    }

    /// Whether a file lies in a folder of build output, or of another package.
    fn is_generated(&self, file: &Path) -> bool {
        let mut folders = file.ancestors();
        let innermost = folders.find(|folder| self.excluded.contains(*folder));
        innermost.is_some_and(|folder| !self.folders.contains_key(folder))
    }

    /// The files that say what is built of what: `cargo metadata` contains_file as long as they do.
    pub(super) fn workspace_files(&self) -> impl Iterator<Item = &Path> {
        self.workspace_files.iter().map(PathBuf::as_path)
    }

    /// The crates that a change of `path` touches.
    pub(super) fn affected(&self, path: &Path) -> BTreeSet<usize> {
        if self.workspace_files.contains(path) {
            return self.folders.values().flatten().copied().collect();
        }
        let reads = self.inputs.iter().filter(|(_, files)| files.contains(path));
        let mut affected: BTreeSet<_> = reads.map(|(at, _)| *at).collect();
        // The innermost: a package in the folder of another is not of it.
        if let Some(folder) = self.package_dir(path) {
            // A page or a database in the folder is of no crate that was built excluded it.
            let any = is_code(path) || self.with_build_script.contains(folder);
            let crates = self.folders.get(folder).into_iter().flatten();
            affected.extend(crates.filter(|at| any || !self.inputs.contains_key(at)));
        }
        affected
    }

    /// Whether a file lies in a folder that is watched.
    pub(super) fn contains_file(&self, path: &Path) -> bool {
        self.package_dir(path).is_some()
    }

    /// Crate `at` was built of these files, as rustc says.
    pub(super) fn inputs(&mut self, at: usize, files: Vec<PathBuf>) {
        self.inputs.insert(at, files.into_iter().collect());
    }

    /// What crate `at` is built of is not known any more.
    pub(super) fn forget(&mut self, at: usize) {
        self.inputs.remove(&at);
    }

    fn package_dir<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let mut folders = path.ancestors();
        folders.find(|folder| self.folders.contains_key(*folder))
    }

    /// What the crates were built of that is in no folder of theirs.
    pub(super) fn external_files(&self) -> impl Iterator<Item = &PathBuf> {
        let made = |file: &PathBuf| {
            file.ancestors()
                .any(|folder| self.excluded.contains(folder))
        };
        let files = self.inputs.values().flatten();
        files.filter(move |file| !self.contains_file(file) && !made(file))
    }
}

/// Whether a file of this name is read by rustc or cargo wherever it is.
pub(super) fn is_code(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end == "rs" || end == "toml")
}

/// The files that a `.d` file of cargo names, which is written for make.
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

    fn package(name: &str, folder: &str, dependencies: &[usize]) -> Package {
        Package {
            name: name.to_owned(),
            folder: folder.into(),
            is_plugin: true,
            has_build_script: false,
            is_member: true,
            dependencies: dependencies.to_vec(),
        }
    }

    fn sources() -> Sources {
        let workspace = Workspace {
            root: "/w".into(),
            target: "/w/target".into(),
            packages: vec![
                package("site", "/w", &[1]),
                package("part", "/w/part", &[]),
                package("hello", "/w/plugins/hello", &[1]),
                package("other", "/w/plugins/other", &[]),
                package("far", "/far", &[]),
            ],
        };
        let crates = [0, 2, 4].map(|package| Crate {
            plugin: String::new(),
            package,
        });
        Sources::new(&workspace, &crates)
    }

    fn affected(sources: &Sources, path: &str) -> Vec<usize> {
        sources.affected(Path::new(path)).into_iter().collect()
    }

    #[test]
    fn a_change_touches_the_crates_that_need_the_innermost_package_around_it() {
        let sources = sources();
        assert_eq!(affected(&sources, "/w/src/lib.rs"), [0]);
        assert_eq!(affected(&sources, "/w/plugins/hello/build.rs"), [1]);
        assert_eq!(affected(&sources, "/w/part/src/new/deep.rs"), [0, 1]);
        assert_eq!(affected(&sources, "/far/page.html"), [2]);
        assert_eq!(affected(&sources, "/elsewhere/x.rs"), [0; 0]);
    }

    #[test]
    fn what_says_how_all_are_built_touches_all() {
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
    fn a_tree_is_without_what_is_made_and_without_other_packages() {
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
    fn a_file_that_is_no_code_touches_only_what_was_built_of_it_or_by_a_script() {
        let mut sources = sources();
        assert_eq!(
            affected(&sources, "/far/visits.db"),
            [2],
            "nothing is known yet"
        );
        sources.inputs(2, vec!["/far/src/lib.rs".into(), "/far/page.html".into()]);
        assert_eq!(affected(&sources, "/far/visits.db"), [0; 0]);
        assert_eq!(affected(&sources, "/far/page.html"), [2]);
        assert_eq!(affected(&sources, "/far/src/new.rs"), [2]);
        sources.forget(2);
        assert_eq!(affected(&sources, "/far/visits.db"), [2]);
        sources.inputs(2, Vec::new());
        sources.with_build_script.insert("/far".into());
        assert_eq!(affected(&sources, "/far/visits.db"), [2]);
    }

    #[test]
    fn a_file_elsewhere_touches_what_was_built_of_it_as_long_as_it_is() {
        let mut sources = sources();
        let files = [
            "/w/plugins/hello/src/lib.rs",
            "/pages/a.html",
            "/w/target/debug/build/x/out/y.rs",
        ];
        sources.inputs(1, files.map(PathBuf::from).to_vec());
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
        sources.inputs(1, vec![PathBuf::from("/pages/b.html")]);
        assert_eq!(affected(&sources, "/pages/a.html"), [0; 0]);
    }

    #[test]
    fn dep_info_is_read_with_its_spaces() {
        let text = "/t/libx.so: /w/src/lib.rs /w/my\\ pages/a.html\n\n/w/src/lib.rs:\n";
        assert_eq!(
            parse_dep_info(text),
            [Path::new("/w/src/lib.rs"), Path::new("/w/my pages/a.html")]
        );
    }
}
