//! Guests: processes that the host runs for plugins, and requests to them.

use std::path::PathBuf;
use std::sync::Arc;

use super::fetch::{self, FetchRequest, Fetching};
use super::{context, services};
use crate::GuestOptions;
use crate::abi::fetch::{RawFetch, RawFetchFuture};
use crate::abi::guest::{RawGuestFailure, RawGuestReply};
use crate::abi::slice::RawSlice;
use crate::abi::tables::{ContextObject, GuestObject, RequestObject};

/// A guest that a plugin asks for.
#[derive(Debug)]
pub struct GuestRequest {
    /// The handler that asks.
    pub handler: &'static str,
    /// The directory that relative paths start from.
    pub directory: PathBuf,
    /// Whether the instance is only tried: nothing is started.
    pub is_trial: bool,
    pub options: GuestOptions,
}

/// Why there is no guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFailure {
    /// The option that is to blame; empty if none is.
    pub option: String,
    pub message: String,
}

/// A guest. With its drop it is no longer needed.
pub trait HostGuest: Send + Sync {
    /// Waits until it is ready. Blocks.
    ///
    /// # Errors
    ///
    /// Why it does not start.
    fn wait(&self) -> Result<(), String> {
        Ok(())
    }
    /// Sends a request to the process that is ready; waits for one no longer than the request's `connect_timeout`.
    fn fetch(&self, request: FetchRequest) -> Fetching;
    /// Whether its files have changed since it was started.
    fn is_outdated(&self) -> bool {
        false
    }
}

type Opened = Arc<dyn HostGuest>;

pub(super) unsafe extern "C" fn open(
    context: *const ContextObject,
    options: RawSlice<'_>,
) -> RawGuestReply {
    // SAFETY: the plugin's handle points to a context of this host, which is never freed.
    let context = unsafe { context::of(context) };
    let opened = serde_json::from_str(options.str())
        .map_err(|error| GuestFailure {
            option: String::new(),
            message: format!("the host can't read the options of the guest: {error}"),
        })
        .and_then(|options| {
            let request = GuestRequest {
                handler: &context.handler,
                directory: context.directory.clone(),
                is_trial: context.life.is_trial(),
                options,
            };
            services::guest(request)
        });
    match opened {
        Ok(guest) => {
            context.life.has_guest(&guest);
            RawGuestReply::Opened(Box::into_raw(Box::new(guest)).cast())
        }
        Err(failure) => RawGuestReply::Failed(RawGuestFailure {
            option: failure.option.into(),
            message: failure.message.into(),
        }),
    }
}

pub(super) unsafe extern "C" fn close(guest: *mut GuestObject) {
    // SAFETY: the plugin gives up the handle that it owned.
    drop(unsafe { Box::from_raw(guest.cast::<Opened>()) });
}

pub(super) unsafe extern "C" fn fetch(
    context: *const ContextObject,
    guest: *const GuestObject,
    request: *mut RequestObject,
    options: RawFetch<'_>,
) -> RawFetchFuture {
    // SAFETY: the plugin's handle is alive during the call; guests are boxed `Arc`s.
    let guest = unsafe { &*guest.cast::<Opened>() };
    // SAFETY: the plugin lends its context and gives up the request.
    unsafe { fetch::start(context, request, options, |request| guest.fetch(request)) }
}
