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
use crate::listing::{self, Listing, MAX_ENTRIES};
use crate::open::{Opened, absolute, open};
use crate::path::FilePath;
use crate::root::{Root, Symlinks};
use crate::validators::Validators;

/// A directory whose files are served.
#[derive(Debug, Clone)]
pub struct Folder {
    pub(crate) root: Root,
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
                root: Root {
                    path: absolute(root),
                    symlinks: Symlinks::default(),
                    dot_files: false,
                },
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
        self.root.symlinks = symlinks;
        self
    }

    /// Sets whether names that begin with a dot are served.
    #[must_use]
    pub fn with_dot_files(mut self, dot_files: bool) -> Self {
        self.root.dot_files = dot_files;
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
            if !folder.root.shows(&path) {
                return Ok(Found::Nothing);
            }
            let found = blocking::unblock(move || folder.look(&path, accepted, start)).await?;
            Ok(found)
        }
    }

    /// Lists a directory and returns what `show` makes of the listing, on a thread that may take its time; none if
    /// the directory does not exist.
    pub fn list<T: Send + 'static>(
        &self,
        path: &FilePath,
        show: impl FnOnce(Listing) -> T + Send + 'static,
    ) -> impl Future<Output = Result<Option<T>>> + Send {
        let (root, path) = (self.root.clone(), path.clone());
        async move {
            let listed = blocking::unblock(move || {
                listing::list(&root, &path, MAX_ENTRIES).map(|list| list.map(show))
            });
            Ok(listed.await?)
        }
    }

    fn look(&self, path: &FilePath, accepted: Accepted, start: bool) -> io::Result<Found> {
        let plain = match open(&self.root, path)? {
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
            path: form.path.below(&self.root.path),
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
            if let Opened::File(file, metadata) = open(&self.root, &path)? {
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use stackup_plugin::testing::block_on;

    use super::*;

    /// The page waits for the test, so the first poll can only end because something else makes it.
    #[test]
    fn listing_is_shown_on_another_thread() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path()).unwrap();
        let (send, receive) = mpsc::channel();
        let path = FilePath::decode("/").unwrap();
        let mut list = pin!(folder.list(&path, move |_| receive.recv().is_ok()));
        let polled = list.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        send.send(()).unwrap();
        assert_eq!(block_on(list).unwrap(), Some(true));
    }
}
