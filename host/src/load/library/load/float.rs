//! The floating-point control words of a thread: rounding, denormal numbers, exceptions.
//!
//! A library that is linked with `-ffast-math` changes them in the thread that loads it. Threads that it starts later
//! inherit them, so other plugins would compute something else.

/// The control words of the current thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FloatControl {
    words: [u32; 2],
}

impl FloatControl {
    /// Reads them.
    pub(crate) fn of_this_thread() -> Self {
        Self {
            words: arch::read(),
        }
    }

    /// Sets them.
    pub(crate) fn set(self) {
        arch::write(self.words);
    }

    /// How `after` differs, in words.
    pub(crate) fn change(self, after: Self) -> Option<&'static str> {
        if self == after {
            return None;
        }
        Some(
            match arch::flushes(after.words) && !arch::flushes(self.words) {
                true => "denormal numbers are zero",
                false => "other rounding or exceptions",
            },
        )
    }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use std::arch::asm;

    /// The control bits of MXCSR; the others tell what has happened.
    const CONTROL: u32 = 0xffc0;
    /// Results and operands that are denormal count as zero.
    const FLUSH: u32 = 1 << 15 | 1 << 6;

    /// MXCSR, and the control word of the x87 unit, which C's `long double` uses.
    pub(super) fn read() -> [u32; 2] {
        let (mut sse, mut x87) = (0_u32, 0_u16);
        // SAFETY: both only store a register in these variables.
        unsafe {
            asm!(
                "stmxcsr [{sse}]", "fnstcw [{x87}]",
                sse = in(reg) &raw mut sse, x87 = in(reg) &raw mut x87,
                options(nostack, preserves_flags)
            );
        }
        [sse & CONTROL, x87.into()]
    }

    pub(super) fn write([sse, x87]: [u32; 2]) {
        let x87 = x87 as u16;
        // SAFETY: loads control words that `read` has found in a thread of this process, with no exception pending:
        // the status bits are zero. Rust assumes the default ones, which these are unless a library has changed them.
        unsafe {
            asm!(
                "ldmxcsr [{sse}]", "fldcw [{x87}]",
                sse = in(reg) &raw const sse, x87 = in(reg) &raw const x87,
                options(nostack, preserves_flags)
            );
        }
    }

    pub(super) fn flushes([sse, _]: [u32; 2]) -> bool {
        sse & FLUSH != 0
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use std::arch::asm;

    /// Flush-to-zero, for double and for half precision.
    const FLUSH: u32 = 1 << 24 | 1 << 19;

    pub(super) fn read() -> [u32; 2] {
        let control: u64;
        // SAFETY: reads a register that every program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags)) };
        [control as u32, 0]
    }

    pub(super) fn write([control, _]: [u32; 2]) {
        // SAFETY: writes what `read` has found in a thread of this process.
        unsafe {
            asm!("msr fpcr, {}", in(reg) u64::from(control), options(nomem, nostack, preserves_flags));
        }
    }

    pub(super) fn flushes([control, _]: [u32; 2]) -> bool {
        control & FLUSH != 0
    }
}

/// On other machines they are left as they are.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod arch {
    pub(super) fn read() -> [u32; 2] {
        [0; 2]
    }

    pub(super) fn write(_: [u32; 2]) {}

    pub(super) fn flushes(_: [u32; 2]) -> bool {
        false
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    fn half() -> f64 {
        std::hint::black_box(2e-310) / std::hint::black_box(2.0)
    }

    #[test]
    fn control_words_are_set_back() {
        std::thread::spawn(|| {
            let before = FloatControl::of_this_thread();
            let [sse, x87] = before.words;
            let flushing = FloatControl {
                words: [sse | 1 << 15, x87],
            };
            flushing.set();
            let found = FloatControl::of_this_thread();
            let computed = half();
            before.set();
            assert_eq!(computed, 0.0);
            assert_eq!(found, flushing);
            assert_eq!(half(), 1e-310);
            assert_eq!(before.change(found), Some("denormal numbers are zero"));
            assert_eq!(before.change(before), None);
            // To the nearest becomes down.
            let rounding = FloatControl {
                words: [sse | 1 << 13, x87 | 1 << 10],
            };
            let change = before.change(rounding);
            assert_eq!(change, Some("other rounding or exceptions"));
        })
        .join()
        .unwrap();
    }
}
