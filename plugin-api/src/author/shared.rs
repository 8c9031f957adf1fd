//! What the handlers of a plugin have in common.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;

use serde_json::Value;

use crate::{Error, Result};

type Object = dyn Any + Send + Sync;

/// The place of a value; empty until it is opened.
struct Slot<T>(Mutex<Option<Arc<T>>>);

/// Where the instances of a library find a slot.
struct Entry {
    of: TypeId,
    key: Value,
    /// Tests don't share.
    test: Option<ThreadId>,
    slot: Weak<Object>,
}

/// Each library has its own static: other code of the same plugin shares nothing with this.
static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

thread_local! {
    /// The slots that this thread is filling.
    static OPENING: RefCell<Vec<*const ()>> = const { RefCell::new(Vec::new()) };
}

/// What one instance holds, from its `init` until after its drop.
pub(crate) struct SharedValues {
    test: Option<ThreadId>,
    /// None once the instance has ended.
    held: Mutex<Option<Vec<Arc<Object>>>>,
}

impl SharedValues {
    pub(crate) fn new() -> Self {
        #[cfg(feature = "testing")]
        let test = crate::testing::mounting_thread();
        #[cfg(not(feature = "testing"))]
        let test = None;
        Self {
            test,
            held: Mutex::new(Some(Vec::new())),
        }
    }

    /// The value of this type and key. Opens it if no instance has it.
    pub(crate) fn get_or_open<T: Send + Sync + 'static>(
        &self,
        key: Value,
        open: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let slot = self.slot::<T>(key)?;
        let _opening = Opening::of(&slot)?;
        // A panic of `open` leaves it empty.
        let mut place = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = &*place {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(open()?);
        *place = Some(Arc::clone(&value));
        Ok(value)
    }

    /// Holds a value until the instance has ended.
    pub(crate) fn hold(&self, value: Arc<Object>) -> Result<()> {
        let mut held = lock(&self.held);
        let ended = || Error::msg("`cx.at_end` was called after the handler's end");
        held.as_mut().ok_or_else(ended)?.push(value);
        Ok(())
    }

    /// The instance has ended: what no other holds is dropped.
    pub(crate) fn release(&self) {
        let held = lock(&self.held).take();
        drop(held);
    }

    /// The slot for this type and key, which the instance holds from now on.
    fn slot<T: Send + Sync + 'static>(&self, key: Value) -> Result<Arc<Slot<T>>> {
        let mut held = lock(&self.held);
        let Some(held) = &mut *held else {
            return Err(Error::msg("`cx.shared` was called after the handler's end"));
        };
        let slot = find_or_add::<T>(key, self.test);
        let object: Arc<Object> = Arc::clone(&slot) as _;
        if !held.iter().any(|one| Arc::ptr_eq(one, &object)) {
            held.push(object);
        }
        Ok(slot)
    }
}

impl fmt::Debug for SharedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedValues")
    }
}

fn find_or_add<T: Send + Sync + 'static>(key: Value, test: Option<ThreadId>) -> Arc<Slot<T>> {
    let of = TypeId::of::<T>();
    let mut entries = lock(&ENTRIES);
    entries.retain(|entry| entry.slot.strong_count() > 0);
    let mut found = entries
        .iter()
        .filter(|entry| entry.of == of && entry.test == test && entry.key == key);
    // Its last holder may drop it at this moment.
    let slot = found.find_map(|entry| entry.slot.upgrade()?.downcast().ok());
    slot.unwrap_or_else(|| {
        let slot = Arc::new(Slot::<T>(Mutex::new(None)));
        let weak = Arc::downgrade(&slot);
        entries.push(Entry {
            of,
            key,
            test,
            slot: weak,
        });
        slot
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No author's code runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread fills a slot.
struct Opening;

impl Opening {
    /// Refuses to wait for this very thread.
    fn of<T>(slot: &Arc<Slot<T>>) -> Result<Self> {
        let slot: *const () = Arc::as_ptr(slot).cast();
        OPENING.with_borrow_mut(|opening| {
            if opening.contains(&slot) {
                let message =
                    "`cx.shared` was called for a type and key that this thread is opening";
                return Err(Error::msg(message));
            }
            opening.push(slot);
            Ok(Self)
        })
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        // They nest.
        OPENING.with_borrow_mut(Vec::pop);
    }
}

#[cfg(all(test, feature = "testing"))]
#[path = "shared_tests.rs"]
mod tests;
