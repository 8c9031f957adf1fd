//! Loads libraries of the system for all plugins.

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::guard::guard;
use super::{LoaderError, loader_error};

/// Loads the library that the system's loader knows as `name`, for the life of the process. Libraries that are loaded
/// later find its symbols. Doing it again changes nothing.
///
/// # Errors
///
/// When the system can't load it.
pub fn preload(name: &str) -> Result<(), LoaderError> {
    // SAFETY: the library's constructors run here. Only who may write the system's libraries decides what they do, and
    // the manifest's owner has asked for this one; its name leads to no other folder.
    let opened = guard(name, None, || unsafe {
        Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL)
    });
    match opened {
        Ok(library) => {
            // As any other library, it is never unloaded.
            std::mem::forget(library);
            Ok(())
        }
        // What the message says of it is about no copy of ours.
        Err(error) => Err(loader_error(&error, "".as_ref())),
    }
}
