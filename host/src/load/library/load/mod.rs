//! The only part of the host with `unsafe`: loads a prepared file, checks it and attaches its handlers.
//! The memory of an unused library is reclaimed.

mod copy;
mod difference;
mod float;
mod guard;
mod mappings;
mod preload;
mod process_state;
mod reclaim;
mod segments;

use std::fs;
use std::path::Path;
use std::process::Command;

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{AbiHeaderRef, LibraryError};
use stackup_plugin::abi::host::AttachedPlugin;
use stackup_plugin::abi::root::{PluginRootRef, SYMBOL};

use self::copy::MappedCopy;
use self::guard::guard;
pub use self::guard::{keep_signals, restore_signals};
pub use self::preload::preload;
pub use self::process_state::{ProcessChange, ProcessState};
use super::loader_error::{LoaderError, installed_libraries};
use super::{Fingerprint, Metadata, Prepared};

/// A library that is loaded, checked and attached. Its code stays mapped for the life of the process.
#[derive(Debug)]
pub struct Library {
    /// The hash of its content.
    pub fingerprint: Fingerprint,
    /// Its metadata.
    pub metadata: Metadata,
    /// Its handlers.
    pub plugin: AttachedPlugin,
    /// The private copy that is mapped.
    pub(super) copy: MappedCopy,
    /// The bytes of memory that it takes with its first allocation, as the probe has seen them; 0 if it was not probed.
    pub(super) own_bytes: u64,
}

impl Library {
    /// Runs `code` of the handler `who` in this library. What that changes for the whole process is put back, where the
    /// host depends on it, and logged.
    pub fn guard<R>(&self, who: &str, code: impl FnOnce() -> R) -> R {
        guard(who, Some(&self.copy.path), code)
    }
}

/// A library that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system's loader refused it.
    #[error("the system can't load it: {0}")]
    Open(LoaderError),
    /// A library without the root symbol.
    #[error(
        "it has no symbol `{SYMBOL}`: does its lib.rs call `stackup_plugin::export!`, and is it built \
         as a cdylib?"
    )]
    NoRoot,
    /// Layouts or versions differ.
    #[error(
        "its layout differs from this host's, so calling it would be undefined behaviour; rebuild the \
         plugin with stackup-plugin {abi}:\n{0}",
        abi = stackup_plugin::abi::VERSION
    )]
    Check(String),
}

impl LoadError {
    /// Whether a process that has loaded less may succeed.
    pub fn is_exhaustion(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_exhaustion())
    }

    /// How to fix it, where that is known and not in the message.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Open(error) => error.help(),
            Self::NoRoot | Self::Check(_) => None,
        }
    }
}

/// Loads a prepared library for the life of the process. The probe has seen it take `own_bytes` of memory.
///
/// # Errors
///
/// When the system can't load it, or it is not a plugin whose types fit this host's.
pub fn load(prepared: Prepared, own_bytes: u64) -> Result<Library, LoadError> {
    let mut copy = MappedCopy::new(prepared.copy);
    let header = guard(&prepared.metadata.name, Some(&copy.path), || {
        open(&copy.path)
    })
    .inspect_err(|_| {
        // Nothing uses it, and the next attempt makes another.
        let _ = fs::remove_file(&copy.path);
    })?;
    let root = check(header).inspect_err(|_| {
        copy.reclaim();
    })?;
    Ok(Library {
        fingerprint: prepared.fingerprint,
        metadata: prepared.metadata,
        plugin: AttachedPlugin::new(root),
        copy,
        own_bytes,
    })
}

/// Loads the library at `path` for the life of the process and returns only its handlers; for probes.
///
/// # Errors
///
/// As [`load`].
pub fn attach(path: &Path) -> Result<AttachedPlugin, LoadError> {
    let root = check(open(path)?)?;
    Ok(AttachedPlugin::new(root))
}

/// Maps the file at `path` for the life of the process, if it has a plugin's root symbol.
fn open(path: &Path) -> Result<AbiHeaderRef, LoadError> {
    // SAFETY: the library's constructors run here. They are code of those who may write the file, which
    // `trust` has checked; nothing more can be known about them.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| LoadError::Open(loader_error(&error, path)))?;
    let header = {
        // SAFETY: the symbol of this name is a `LibHeader`, of which every version of abi_stable
        // begins with the `AbiHeader` that `upgrade` compares before anything else is read.
        let symbol = unsafe { library.get::<AbiHeaderRef>(SYMBOL.as_bytes()) };
        *symbol.map_err(|_| LoadError::NoRoot)?
    };
    // A library is never unloaded (ARCHITECTURE, invariant 6): std, thread locals and wakers point into it.
    std::mem::forget(library);
    Ok(header)
}

/// The root table, if every type reachable from it has the layout that this host expects.
///
/// Tables grow at their end. Either side may be the older one, so one of the two must have every field
/// of the other: the library, as abi_stable requires, or this host.
fn check(header: AbiHeaderRef) -> Result<PluginRootRef, LoadError> {
    let check_error = |error: LibraryError| LoadError::Check(error.to_string());
    let header = header.upgrade().map_err(check_error)?;
    let Some(theirs) = header.layout() else {
        return Err(LoadError::Check(
            "  it does not describe its layout".to_owned(),
        ));
    };
    let ours = PluginRootRef::LAYOUT;
    // Each library is compared with this host alone: abi_stable's own globals remember the tables of all libraries, and
    // refuse a new one after an old one.
    let check = |interface, implementation| {
        check_layout_compatibility_with_globals(interface, implementation, &CheckingGlobals::new())
    };
    if let Err(difference) = check(ours, theirs)
        && check(theirs, ours).is_err()
    {
        tracing::debug!("{difference}");
        return Err(LoadError::Check(difference::describe(&difference)));
    }
    // SAFETY: the layouts differ only in fields at the end of tables. A plugin does not use fields that
    // it lacks, and this host requires none newer than the first version (`last_prefix_field`).
    let root = unsafe { header.init_root_module_with_unchecked_layout::<PluginRootRef>() };
    root.map_err(check_error)
}

/// The system's own message, which libloading keeps as the error's source.
fn loader_error(error: &libloading::Error, path: &Path) -> LoaderError {
    let source = std::error::Error::source(error).map(ToString::to_string);
    let message = source.unwrap_or_else(|| error.to_string());
    LoaderError::new(&message, &path.to_string_lossy(), || {
        // Where it is not installed, nothing is known.
        let listed = Command::new("/sbin/ldconfig")
            .arg("-p")
            .env("LC_ALL", "C")
            .output();
        let printed = listed.map(|output| output.stdout).unwrap_or_default();
        installed_libraries(&String::from_utf8_lossy(&printed))
    })
}
