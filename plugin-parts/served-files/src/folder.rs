//! A directory whose files are served.

use std::fs::{File, Metadata};
use std::future::Future;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use media_type::is_media_type;
use stackup_plugin::{Error, Method, Request, Result, header};

use crate::body::{CHUNK, read};
use crate::coding::{Accepted, Coding};
use crate::listing::{self, Entry};
use crate::open::{Opened, absolute, open};
use crate::path::FilePath;
use crate::validators::Validators;

/// Which symbolic links below the root are followed; the root itself may be one.
#[stackup_plugin::config]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum Symlinks {
    /// Those that lead to something below the root.
    #[default]
    Inside,
    /// All, wherever they lead.
    Follow,
    /// None.
    Refuse,
}

/// A directory whose files are served.
#[derive(Debug, Clone)]
pub struct Folder {
    pub(crate) root: PathBuf,
    pub(crate) symlinks: Symlinks,
    pub(crate) dot_files: bool,
    default_type: String,
    codings: Vec<Coding>,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// A file.
    File(OpenFile),
    /// A directory.
    Directory,
    /// Nothing that is served.
    Nothing,
}

/// An open file and its metadata.
#[derive(Debug)]
pub struct OpenFile {
    pub(crate) file: Arc<File>,
    /// Its first bytes, if already read.
    pub(crate) start: Bytes,
    pub(crate) length: u64,
    pub(crate) validators: Validators,
    pub(crate) path: PathBuf,
    pub(crate) media_type: String,
    pub(crate) coding: Option<Coding>,
    /// Whether the coding depends on the request.
    pub(crate) varies: bool,
}

impl Folder {
    /// The directory `root`, an absolute path.
    ///
    /// # Errors
    ///
    /// It is not a directory; the error points at the config's key `root`.
    pub fn new(root: &Path) -> Result<Self> {
        let refuse = |error: &dyn std::fmt::Display| {
            Error::config("root", format!("{}: {error}", root.display()))
        };
        match std::fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => Ok(Self {
                root: absolute(root),
                symlinks: Symlinks::default(),
                dot_files: false,
                default_type: "text/plain".to_owned(),
                codings: Vec::new(),
            }),
            Ok(_) => Err(refuse(&"not a directory")),
            Err(error) => Err(refuse(&error)),
        }
    }

    /// Sets which symbolic links are followed.
    #[must_use]
    pub fn with_symlinks(mut self, symlinks: Symlinks) -> Self {
        self.symlinks = symlinks;
        self
    }

    /// Sets whether names that begin with a dot are served.
    #[must_use]
    pub fn with_dot_files(mut self, dot_files: bool) -> Self {
        self.dot_files = dot_files;
        self
    }

    /// Sets the media type of files with an unknown extension.
    ///
    /// # Errors
    ///
    /// It is not a media type; the error points at the config's key `default_type`.
    pub fn with_default_type(mut self, default_type: String) -> Result<Self> {
        if !is_media_type(&default_type) {
            let message = format!("{default_type:?} is not a media type such as \"text/plain\"");
            return Err(Error::config("default_type", message));
        }
        self.default_type = default_type;
        Ok(self)
    }

    /// Sets the codings of which a file such as `a.js.gz` is served in place of `a.js`.
    #[must_use]
    pub fn with_codings(mut self, codings: Vec<Coding>) -> Self {
        self.codings = codings;
        self
    }

    /// Finds what `path` names, in the coding that the request prefers.
    pub fn find(
        &self,
        path: &FilePath,
        req: &Request,
    ) -> impl Future<Output = Result<Found>> + Send + use<> {
        let (folder, path) = (self.clone(), path.clone());
        let accepted = Accepted::of(req.headers());
        let start = wants_all(req);
        async move {
            if path.is_hidden() && !folder.dot_files {
                return Ok(Found::Nothing);
            }
            let found = blocking::unblock(move || folder.look(&path, accepted, start)).await?;
            Ok(found)
        }
    }

    /// Lists a directory, unsorted; none if it does not exist.
    pub fn list(
        &self,
        path: &FilePath,
    ) -> impl Future<Output = Result<Option<Vec<Entry>>>> + Send + use<> {
        let (folder, path) = (self.clone(), path.clone());
        async move { Ok(blocking::unblock(move || listing::list(&folder, &path)).await?) }
    }

    fn look(&self, path: &FilePath, accepted: Accepted, start: bool) -> io::Result<Found> {
        let plain = match open(&self.root, path, self.symlinks)? {
            Opened::Directory(_) => return Ok(Found::Directory),
            // A file has no slash after its name: relative links in it would resolve differently.
            Opened::File(..) if path.is_directory() => return Ok(Found::Nothing),
            Opened::Nothing => return Ok(Found::Nothing),
            Opened::File(file, metadata) => Form {
                coding: None,
                path: path.clone(),
                file,
                metadata,
            },
        };
        let name = path.names().last().map_or("", String::as_str);
        let media_type = mime_guess::from_path(name).first_raw();
        let media_type = media_type.unwrap_or(&self.default_type).to_owned();
        let mut encoded = self.encoded(path)?;
        let varies = !encoded.is_empty();
        let there: Vec<_> = encoded.iter().filter_map(|form| form.coding).collect();
        let chosen = accepted.choose(&there);
        encoded.retain(|form| form.coding == chosen);
        let form = encoded.pop().unwrap_or(plain);
        let (length, validators) = form.state();
        let first = if start { length.min(CHUNK as u64) } else { 0 };
        Ok(Found::File(OpenFile {
            start: read(&form.file, 0..first)?,
            file: Arc::new(form.file),
            length,
            validators,
            path: form.path.below(&self.root),
            media_type,
            coding: form.coding,
            varies,
        }))
    }

    /// The encoded forms beside a file.
    fn encoded(&self, path: &FilePath) -> io::Result<Vec<Form>> {
        let mut forms = Vec::new();
        for coding in &self.codings {
            let Some(path) = path.clone().with_extension(coding.extension()) else {
                continue;
            };
            if let Opened::File(file, metadata) = open(&self.root, &path, self.symlinks)? {
                forms.push(Form {
                    coding: Some(*coding),
                    path,
                    file,
                    metadata,
                });
            }
        }
        Ok(forms)
    }
}

/// A file in one of its codings.
struct Form {
    coding: Option<Coding>,
    path: FilePath,
    file: File,
    metadata: Metadata,
}

impl Form {
    /// Its length and its validators.
    fn state(&self) -> (u64, Validators) {
        let length = self.metadata.len();
        let (seconds, nanos) = (self.metadata.mtime(), self.metadata.mtime_nsec());
        let coding = self.coding.map_or("", Coding::name);
        let validators = Validators::new(length, seconds, nanos, coding, SystemTime::now());
        (length, validators)
    }
}

/// Whether the whole file is likely to be sent, so that its start can be read in the same job.
fn wants_all(req: &Request) -> bool {
    let some = [
        header::RANGE,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
    ];
    req.method() == Method::GET && !some.iter().any(|name| req.headers().contains(name))
}
