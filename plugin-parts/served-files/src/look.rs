//! Finds the file that a path names, in the coding that a client prefers.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::access::Access;
use crate::body::{CHUNK, Source};
use crate::coding::{Accepted, Coding};
use crate::folder::{Content, Facts, Folder, OpenFile};
use crate::open::Opened;
use crate::path::FilePath;
use crate::state::FileState;
use crate::validators::Validators;

/// What a request wants of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) accepted: Accepted,
    /// Whether the whole file is likely to be sent, so that a short one can be read in the same job.
    pub(crate) content: bool,
}

/// What a path led to.
pub(crate) enum Looked {
    File(OpenFile, FileState),
    Directory,
    Nothing,
}

/// Looks for a file; none if `access` may not wait, and would have to.
pub(crate) fn look(
    folder: &Folder,
    path: &FilePath,
    wanted: Wanted,
    access: &impl Access,
) -> io::Result<Option<Looked>> {
    let Some(opened) = access.open(&folder.root, path)? else {
        return Ok(None);
    };
    let plain = match opened {
        Opened::Directory(_) => return Ok(Some(Looked::Directory)),
        // A file has no slash after its name: relative links in it would resolve differently.
        Opened::File(..) if path.is_directory() => return Ok(Some(Looked::Nothing)),
        Opened::Nothing => return Ok(Some(Looked::Nothing)),
        Opened::File(file, metadata) => Form {
            coding: None,
            path: path.clone(),
            file,
            metadata,
        },
    };
    let name = path.names().last().map_or("", String::as_str);
    let media_type = mime_guess::from_path(name).first_raw();
    let media_type = media_type.unwrap_or(&folder.default_type).to_owned();
    let Some(mut encoded) = encoded(folder, path, access)? else {
        return Ok(None);
    };
    let varies = !encoded.is_empty();
    let there: Vec<_> = encoded.iter().filter_map(|form| form.coding).collect();
    let chosen = wanted.accepted.choose(&there);
    encoded.retain(|form| form.coding == chosen);
    let form = encoded.pop().unwrap_or(plain);
    let (length, validators) = form.validators();
    let state = FileState::of(&form.metadata);
    let content = match wanted.content && length <= CHUNK as u64 {
        false => Content::File(Source {
            file: Arc::new(form.file),
            buffers: Arc::clone(&folder.buffers),
        }),
        true => match access.read(&form.file, length)? {
            Some(content) => Content::Memory(content),
            None => return Ok(None),
        },
    };
    let facts = Arc::new(Facts {
        length,
        validators,
        path: form.path.below(&folder.root.path),
        media_type,
        coding: form.coding,
        varies,
    });
    Ok(Some(Looked::File(OpenFile { facts, content }, state)))
}

/// The encoded forms beside a file.
fn encoded(
    folder: &Folder,
    path: &FilePath,
    access: &impl Access,
) -> io::Result<Option<Vec<Form>>> {
    let mut forms = Vec::new();
    for coding in &folder.codings {
        let Some(path) = path.clone().with_extension(coding.extension()) else {
            continue;
        };
        match access.open(&folder.root, &path)? {
            None => return Ok(None),
            Some(Opened::File(file, metadata)) => forms.push(Form {
                coding: Some(*coding),
                path,
                file,
                metadata,
            }),
            Some(_) => {}
        }
    }
    Ok(Some(forms))
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
    fn validators(&self) -> (u64, Validators) {
        let length = self.metadata.len();
        let (seconds, nanos) = (self.metadata.mtime(), self.metadata.mtime_nsec());
        let coding = self.coding.map_or("", Coding::name);
        let validators = Validators::new(length, seconds, nanos, coding, SystemTime::now());
        (length, validators)
    }
}
