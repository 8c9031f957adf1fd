//! A waker that crosses the boundary: a pointer to an object that begins with its table.
//!
//! `std::task::Waker` has no stable layout, so each poll lends the other side a [`RawWaker`] on the
//! stack. Only cloning allocates. A waker that came across is passed on as it is, through any number of
//! layers.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{RawWaker as StdRawWaker, RawWakerVTable, Waker};

use abi_stable::StableAbi;

/// The head of every waker object. The maker's own data follows it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawWaker {
    table: &'static WakerTable,
}

#[repr(C)]
#[derive(StableAbi)]
struct WakerTable {
    /// Makes an owned waker object.
    clone: unsafe extern "C" fn(this: *const RawWaker) -> *const RawWaker,
    wake_by_ref: unsafe extern "C" fn(this: *const RawWaker),
    /// Frees an owned waker object.
    drop: unsafe extern "C" fn(this: *const RawWaker),
}

#[repr(C)]
struct Lent<'a> {
    head: RawWaker,
    waker: &'a Waker,
}

#[repr(C)]
struct Owned {
    head: RawWaker,
    waker: Waker,
}

static LENT: WakerTable = WakerTable {
    clone: clone_lent,
    wake_by_ref: wake_lent,
    drop: forget_lent,
};
static OWNED: WakerTable = WakerTable {
    clone: clone_owned,
    wake_by_ref: wake_owned,
    drop: drop_owned,
};

unsafe extern "C" fn clone_lent(this: *const RawWaker) -> *const RawWaker {
    // SAFETY: this table is only in `Lent` objects, lent for the length of the poll.
    let waker = unsafe { &*this.cast::<Lent<'_>>() }.waker.clone();
    Arc::into_raw(Arc::new(Owned {
        head: RawWaker { table: &OWNED },
        waker,
    }))
    .cast()
}

unsafe extern "C" fn wake_lent(this: *const RawWaker) {
    // SAFETY: as in `clone_lent`.
    unsafe { &*this.cast::<Lent<'_>>() }.waker.wake_by_ref();
}

unsafe extern "C" fn forget_lent(_this: *const RawWaker) {}

unsafe extern "C" fn clone_owned(this: *const RawWaker) -> *const RawWaker {
    // SAFETY: this table is only in `Owned` objects that came from `Arc::into_raw`.
    unsafe { Arc::increment_strong_count(this.cast::<Owned>()) };
    this
}

unsafe extern "C" fn wake_owned(this: *const RawWaker) {
    // SAFETY: as in `clone_owned`.
    unsafe { &*this.cast::<Owned>() }.waker.wake_by_ref();
}

unsafe extern "C" fn drop_owned(this: *const RawWaker) {
    // SAFETY: as in `clone_owned`; the caller gives up its count.
    drop(unsafe { Arc::from_raw(this.cast::<Owned>()) });
}

/// Makes a std waker from one of the other side. Its data is the `*const RawWaker`.
static FOREIGN: RawWakerVTable = RawWakerVTable::new(
    foreign_clone,
    foreign_wake,
    foreign_wake_by_ref,
    foreign_drop,
);

unsafe fn foreign_clone(data: *const ()) -> StdRawWaker {
    let raw = data.cast::<RawWaker>();
    // SAFETY: `data` is a live waker object for as long as the std waker lives.
    let owned = unsafe { ((*raw).table.clone)(raw) };
    StdRawWaker::new(owned.cast(), &FOREIGN)
}

unsafe fn foreign_wake(data: *const ()) {
    // SAFETY: as in `foreign_clone`; `wake` consumes, so the object is freed after.
    unsafe {
        foreign_wake_by_ref(data);
        foreign_drop(data);
    }
}

unsafe fn foreign_wake_by_ref(data: *const ()) {
    let raw = data.cast::<RawWaker>();
    // SAFETY: as in `foreign_clone`.
    unsafe { ((*raw).table.wake_by_ref)(raw) }
}

unsafe fn foreign_drop(data: *const ()) {
    let raw = data.cast::<RawWaker>();
    // SAFETY: as in `foreign_clone`; only owned objects reach this, lent ones are `ManuallyDrop`.
    unsafe { ((*raw).table.drop)(raw) }
}

/// Lends `waker` to the other side while `f` runs.
#[inline]
pub fn lend<R>(waker: &Waker, f: impl FnOnce(*const RawWaker) -> R) -> R {
    if std::ptr::eq(waker.vtable(), &FOREIGN) {
        return f(waker.data().cast());
    }
    let lent = Lent {
        head: RawWaker { table: &LENT },
        waker,
    };
    f((&raw const lent).cast())
}

/// Uses a waker that the other side lends for this poll.
///
/// # Safety
///
/// `raw` was made by [`lend`] and its call has not returned yet.
#[inline]
pub unsafe fn borrow<R>(raw: *const RawWaker, f: impl FnOnce(&Waker) -> R) -> R {
    // SAFETY: FOREIGN keeps std's contract, and a lent object is never dropped through this waker.
    let waker = ManuallyDrop::new(unsafe { Waker::new(raw.cast(), &FOREIGN) });
    f(&waker)
}
