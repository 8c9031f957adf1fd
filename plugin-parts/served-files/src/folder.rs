//! A directory whose files are served.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use media_type::is_media_type;
use stackup_plugin::{Error, Method, Request, Result, header};

use crate::access::{AtOnce, Waiting};
use crate::body::Source;
use crate::buffers::Buffers;
use crate::coding::{Accepted, Coding};
use crate::listing::{self, Listing, MAX_ENTRIES};
use crate::look::{Looked, Wanted, look};
use crate::open::absolute;
use crate::path::FilePath;
use crate::recent::RecentFiles;
use crate::root::{Root, Symlinks};
use crate::validators::Validators;

/// A directory whose files are served.
#[derive(Debug, Clone)]
pub struct Folder {
    pub(crate) root: Root,
    pub(crate) default_type: String,
    pub(crate) codings: Vec<Coding>,
    recent: Option<Arc<RecentFiles>>,
    pub(crate) buffers: Arc<Buffers>,
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
#[derive(Debug, Clone)]
pub struct OpenFile {
    pub(crate) facts: Arc<Facts>,
    pub(crate) content: Content,
}

/// What a response says of a file.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) length: u64,
    pub(crate) validators: Validators,
    pub(crate) path: PathBuf,
    pub(crate) media_type: String,
    pub(crate) coding: Option<Coding>,
    /// Whether the coding depends on the request.
    pub(crate) varies: bool,
}

/// Where the content of a file comes from.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// All of it has been read.
    Memory(Bytes),
    /// It is read while it is sent.
    File(Source),
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
                recent: Some(Arc::default()),
                buffers: Arc::default(),
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

    /// Sets whether files that were found within the last second are kept.
    #[must_use]
    pub fn with_open_file_cache(mut self, cache: bool) -> Self {
        self.recent = cache.then(Arc::default);
        self
    }

    /// Finds what `path` names, in the coding that the request prefers.
    pub fn find(
        &self,
        path: &FilePath,
        req: &Request,
    ) -> impl Future<Output = Result<Found>> + Send + use<> {
        let wanted = Wanted {
            accepted: match self.codings.is_empty() {
                true => Accepted::NONE,
                false => Accepted::of(req.headers()),
            },
            content: wants_all(req),
        };
        let found = match self.root.shows(path) {
            true => self.find_at_once(path, wanted),
            false => Some(Found::Nothing),
        };
        let found = found.ok_or_else(|| (self.clone(), path.clone()));
        async move {
            let (folder, path) = match found {
                Ok(found) => return Ok(found),
                Err(later) => later,
            };
            Ok(blocking::unblock(move || folder.look(&path, wanted)).await?)
        }
    }

    /// What is found without waiting for a disk.
    fn find_at_once(&self, path: &FilePath, wanted: Wanted) -> Option<Found> {
        let now = Instant::now();
        let recent = self.recent.as_ref();
        if let Some(file) = recent.and_then(|recent| recent.get(path, wanted, now)) {
            return Some(Found::File(file));
        }
        // An error is for the thread to find again: it may be one of this way alone.
        let looked = look(self, path, wanted, &AtOnce).ok()??;
        Some(self.remember(looked, path, wanted, now))
    }

    fn look(&self, path: &FilePath, wanted: Wanted) -> io::Result<Found> {
        let now = Instant::now();
        let looked = look(self, path, wanted, &Waiting)?.unwrap_or(Looked::Nothing);
        Ok(self.remember(looked, path, wanted, now))
    }

    fn remember(&self, looked: Looked, path: &FilePath, wanted: Wanted, now: Instant) -> Found {
        match looked {
            Looked::Directory => Found::Directory,
            Looked::Nothing => Found::Nothing,
            Looked::File(file, state) => {
                if let Some(recent) = &self.recent {
                    recent.add(path, wanted, &file, state, now);
                }
                Found::File(file)
            }
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

    use bytes::Bytes;
    use stackup_plugin::http;
    use stackup_plugin::testing::block_on;

    use super::*;

    /// The page waits for the test, so the first poll can only end because something else makes it.
    /// What is in memory needs no thread; what needs a link to be resolved does.
    #[test]
    fn file_in_memory_is_found_without_a_thread() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", place.path().join("link")).unwrap();
        let folder = Folder::new(place.path()).unwrap();
        let req = http::Request::get("/").body(Bytes::new()).unwrap();
        let req = Request::from_http(req);
        let wanted = Wanted {
            accepted: Accepted::NONE,
            content: true,
        };
        for (path, at_once) in [("/file", true), ("/link", false)] {
            let path = FilePath::decode(path).unwrap();
            // The kernel may have to look again while something is renamed somewhere.
            let found = (0..1000).any(|_| folder.find_at_once(&path, wanted).is_some());
            assert_eq!(found, at_once, "{path:?}");
            let found = block_on(folder.find(&path, &req)).unwrap();
            assert!(matches!(found, Found::File(_)), "{path:?}");
        }
    }

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
