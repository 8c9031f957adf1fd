//! Functions that are known by their types alone, since a handler's table has no room for a value.

use std::marker::PhantomData;

/// A function item: each has a type of its own, without size.
pub(crate) struct Function<F>(PhantomData<F>);

impl<F: Copy + 'static> Function<F> {
    const HAS_NO_SIZE: () = assert!(
        size_of::<F>() == 0,
        "name a function here: a pointer to one has no type of its own"
    );

    /// Takes the function whose type a handler's table is made for.
    pub(crate) const fn check(_function: F) {
        Self::HAS_NO_SIZE
    }

    /// The function. Only for a handler whose entry has passed it to [`check`](Self::check).
    pub(crate) fn get() -> F {
        let () = Self::HAS_NO_SIZE;
        // SAFETY: a value of this type was passed to `check`, so there are such values. It can be copied, and a copy of no
        // bytes can be read from anywhere.
        unsafe { std::ptr::NonNull::<F>::dangling().read() }
    }
}
