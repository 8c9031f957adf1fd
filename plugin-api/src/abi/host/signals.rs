//! The signal handlers that the host depends on, kept although libraries set their own.
//!
//! A library that sets a handler is still served: ours is put back, and calls theirs. So it matters neither who came
//! last nor whether they call the handler before them.
//!
//! * A **fault** is theirs first, since some turn faults of their own into errors and go on. If theirs gives up, it
//!   calls ours, ends the process, or sets the default action: in each case the last words are written
//!   ([`crash_report`]).
//! * Any **other** signal is ours first.
//!
//! What runs in a signal handler allocates nothing and takes no lock.

use std::cell::Cell;
use std::ffi::c_int;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use super::crash_report;

/// Signals that the host depends on, faults aside.
const OTHERS: [c_int; 6] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGUSR2,
    libc::SIGCHLD,
    libc::SIGPIPE,
];

const COUNT: usize = crash_report::SIGNALS.len() + OTHERS.len();

/// All of them; an index into this is a slot.
fn signals() -> impl Iterator<Item = c_int> {
    crash_report::SIGNALS.into_iter().chain(OTHERS)
}

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The default action.
    Default,
    /// Nothing.
    Ignored,
    /// It calls the function at this address.
    Handler(usize),
}

/// A disposition that a library has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalChange {
    /// The signal.
    pub signal: c_int,
    /// What the library has set.
    pub to: Disposition,
    /// Whether ours was put back.
    pub kept: bool,
}

/// The dispositions at one moment.
#[derive(Clone, Copy)]
pub struct Dispositions([libc::sigaction; COUNT]);

impl Dispositions {
    /// Reads them.
    pub fn read() -> Self {
        let mut all = [empty(); COUNT];
        for (action, signal) in all.iter_mut().zip(signals()) {
            *action = current(signal);
        }
        Self(all)
    }

    /// Those that differ in `after`.
    pub fn changes(&self, after: &Self) -> Vec<SignalChange> {
        let pairs = signals().zip(self.0.iter().zip(&after.0));
        let changed = pairs.filter(|(_, (before, after))| !same(before, after));
        changed
            .map(|(signal, (_, after))| SignalChange {
                signal,
                to: disposition(after),
                kept: false,
            })
            .collect()
    }
}

impl std::fmt::Debug for Dispositions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(disposition))
            .finish()
    }
}

/// What each signal is meant to do: none before [`keep`].
static KEPT: Mutex<Option<Dispositions>> = Mutex::new(None);

/// The host's own actions, and the handlers of libraries, by slot.
static SLOTS: [Slot; COUNT] = [const { Slot::new() }; COUNT];

struct Slot {
    /// The host's own action. Faults have none: `crash_report` ends their chain.
    own: AtomicPtr<libc::sigaction>,
    newest: AtomicPtr<Link>,
}

/// A library's handler. Never freed.
struct Link {
    action: libc::sigaction,
    /// It has handled a fault and gone on.
    recovers: AtomicBool,
    older: *const Link,
}

impl Slot {
    const fn new() -> Self {
        Self {
            own: AtomicPtr::new(ptr::null_mut()),
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The `number`th handler, the newest first.
    fn link(&self, number: usize) -> Option<&'static Link> {
        let mut link: *const Link = self.newest.load(Ordering::Acquire);
        for _ in 0..number {
            // SAFETY: null or a leaked link.
            link = unsafe { link.as_ref() }?.older;
        }
        // SAFETY: as above.
        unsafe { link.as_ref() }
    }

    fn own(&self) -> Option<&'static libc::sigaction> {
        // SAFETY: null or a leaked action.
        unsafe { self.own.load(Ordering::Acquire).as_ref() }
    }
}

fn slot(signal: c_int) -> Option<&'static Slot> {
    Some(&SLOTS[signals().position(|known| known == signal)?])
}

/// Keeps the dispositions as they are now: those of this process's own code. Call it before a library is loaded.
pub fn keep() {
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Dispositions::read());
}

/// Puts back each disposition that a library has changed, so that its handler is called as well. Returns what was
/// changed since the last call. `is_ours` says whether the function at an address is this program's. Does nothing
/// before [`keep`].
pub fn restore(is_ours: impl Fn(usize) -> bool) -> Vec<SignalChange> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(Dispositions(kept)) = kept.as_mut() else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    for ((signal, slot), kept) in signals().zip(&SLOTS).zip(kept) {
        let theirs = current(signal);
        if same(kept, &theirs) {
            continue;
        }
        let to = disposition(&theirs);
        let fault = crash_report::SIGNALS.contains(&signal);
        let put_back = match (to, disposition(kept)) {
            // The program waits for another signal than before.
            (Disposition::Handler(address), _) if is_ours(address) => {
                *kept = theirs;
                continue;
            }
            // It would do no more than call theirs.
            (Disposition::Handler(_), Disposition::Default | Disposition::Ignored) => {
                *kept = theirs;
                false
            }
            (Disposition::Handler(_), Disposition::Handler(_)) => {
                let action = match fault {
                    true => with_flags_of(*kept, &theirs),
                    false => shared(slot, kept),
                };
                let link = Link {
                    action: theirs,
                    recovers: AtomicBool::new(false),
                    older: slot.newest.load(Ordering::Relaxed),
                };
                slot.newest
                    .store(Box::leak(Box::new(link)), Ordering::Release);
                *kept = action;
                set(signal, &action).is_ok()
            }
            (Disposition::Default | Disposition::Ignored, _) => set(signal, kept).is_ok(),
        };
        changes.push(SignalChange {
            signal,
            to,
            kept: put_back,
        });
    }
    changes
}

/// The action that calls `own` and then the handlers of `slot`.
fn shared(slot: &Slot, own: &libc::sigaction) -> libc::sigaction {
    if slot.own().is_some() {
        return *own;
    }
    slot.own.store(Box::leak(Box::new(*own)), Ordering::Release);
    let handler: Handler = on_shared;
    libc::sigaction {
        sa_sigaction: handler as libc::sighandler_t,
        sa_flags: own.sa_flags | libc::SA_SIGINFO | libc::SA_ONSTACK,
        ..*own
    }
}

/// A handler that leaves by a jump needs its signal unblocked.
fn with_flags_of(ours: libc::sigaction, theirs: &libc::sigaction) -> libc::sigaction {
    libc::sigaction {
        sa_flags: ours.sa_flags | (theirs.sa_flags & libc::SA_NODEFER),
        ..ours
    }
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// One delivery of a signal, while the handlers of libraries run.
#[derive(Clone, Copy)]
struct Delivery {
    /// Identifies it, together with the frame: who chains passes it on.
    context: usize,
    /// The address of a frame of ours. A later one of the same delivery lies deeper.
    frame: usize,
    /// How many handlers have been asked.
    asked: usize,
}

thread_local! {
    /// Has no destructor, so that a signal handler may use it.
    static DELIVERY: Cell<Option<Delivery>> = const { Cell::new(None) };
}

impl Delivery {
    /// The delivery that `frame` belongs to: a new one, or the one in which a library's handler has called ours.
    fn of(context: *mut libc::c_void, frame: usize) -> Self {
        let context = context.addr();
        // A handler that left by a jump has left its delivery behind; the next one starts at least as high.
        let continued = DELIVERY
            .get()
            .filter(|last| last.context == context && frame < last.frame);
        Self {
            context,
            frame,
            asked: continued.map_or(0, |last| last.asked + 1),
        }
    }

    /// Calls a library's handler.
    fn ask(
        self,
        link: &Link,
        signal: c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        let before = DELIVERY.replace(Some(self));
        call(&link.action, signal, info, context);
        DELIVERY.set(before);
    }
}

/// Offers a fault to the next handler of a library. Whether it is still to be reported, and the process to be ended.
pub(super) fn offer_fault(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) -> bool {
    let frame = 0_u8;
    let delivery = Delivery::of(context, (&raw const frame).addr());
    let Some(link) = slot(signal).and_then(|slot| slot.link(delivery.asked)) else {
        return true;
    };
    // It may end the process without a word. One that is known to go on would fill the pipe.
    let reported = !link.recovers.load(Ordering::Relaxed) && crash_report::report(Some(signal));
    let ours = current(signal);
    delivery.ask(link, signal, info, context);
    let now = current(signal);
    match disposition(&now) {
        // The fault comes again as soon as we return, and ends the process.
        Disposition::Default => {
            crash_report::report(Some(signal));
        }
        Disposition::Handler(_) | Disposition::Ignored => {
            if !same(&ours, &now) {
                // Some set themselves again. Nothing can be done about a failure.
                let _ = set(signal, &ours);
            }
            link.recovers.store(true, Ordering::Relaxed);
            if reported {
                crash_report::retract();
            }
        }
    }
    false
}

extern "C" fn on_shared(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let frame = 0_u8;
    let delivery = Delivery::of(context, (&raw const frame).addr());
    let Some(slot) = slot(signal) else { return };
    if delivery.asked == 0
        && let Some(own) = slot.own()
    {
        call(own, signal, info, context);
    }
    if let Some(link) = slot.link(delivery.asked) {
        delivery.ask(link, signal, info, context);
    }
}

/// Calls the handler of `action`, if it has one.
pub(super) fn call(
    action: &libc::sigaction,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let Disposition::Handler(address) = disposition(action) else {
        return;
    };
    let address = ptr::with_exposed_provenance::<()>(address);
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: a handler that was set with this flag has this type.
        let handler: Handler = unsafe { std::mem::transmute(address) };
        handler(signal, info, context);
    } else {
        // SAFETY: a handler without the flag has this type.
        let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(address) };
        handler(signal);
    }
}

fn same(one: &libc::sigaction, other: &libc::sigaction) -> bool {
    one.sa_sigaction == other.sa_sigaction
}

fn disposition(action: &libc::sigaction) -> Disposition {
    match action.sa_sigaction {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignored,
        address => Disposition::Handler(address),
    }
}

pub(super) fn empty() -> libc::sigaction {
    // SAFETY: zeroes are a valid `sigaction`: the default action, no flags, an empty mask.
    unsafe { std::mem::zeroed() }
}

/// What the signal does now; the default action if the system does not say.
pub(super) fn current(signal: c_int) -> libc::sigaction {
    let mut action = empty();
    // SAFETY: reads into `action`.
    unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
    action
}

pub(super) fn set(signal: c_int, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: the handlers of this program do only what is allowed in one; those of others were set by them.
    match unsafe { libc::sigaction(signal, ptr::from_ref(action), ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
