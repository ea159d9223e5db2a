//! How much of a stack was ever used: what lies below is painted, and later looked at.

use core::ptr;

const PAINT: u32 = 0x5A5A_5A5A;
/// Left alone at the lower end, where the overflow guard lies.
const GUARD_BYTES: usize = 512;
/// Left alone below the painter's own frame.
const FRAME_BYTES: usize = 512;

unsafe extern "C" {
    static _stack_end_cpu0: u8;
}

/// A stack whose unused part was painted.
#[derive(Clone, Copy)]
pub struct Painted {
    lowest: usize,
    top: usize,
}

impl Painted {
    /// The stack of the main thread, painted from its end to where it is now.
    pub fn main() -> Painted {
        let lowest = &raw const _stack_end_cpu0 as usize + GUARD_BYTES;
        Painted::paint(lowest)
    }

    /// The stack of `size` bytes that the calling thread has just begun to use.
    pub fn thread(size: usize) -> Painted {
        Painted::paint(here().saturating_sub(size - 2 * GUARD_BYTES))
    }

    fn paint(lowest: usize) -> Painted {
        let lowest = lowest.next_multiple_of(4);
        let top = here();
        let mut at = lowest;
        while at + 4 <= top - FRAME_BYTES {
            // SAFETY: between the guard at the end of this thread's own stack and a frame's room
            // below the caller lies memory that nobody uses while this runs.
            unsafe { ptr::write_volatile(at as *mut u32, PAINT) };
            at += 4;
        }
        Painted { lowest, top }
    }

    /// The most bytes that were ever used since, and how many there are.
    pub fn most_used(self) -> (usize, usize) {
        let mut at = self.lowest;
        // SAFETY: the same memory; reading it does no harm whoever uses it.
        while at < self.top && unsafe { ptr::read_volatile(at as *const u32) } == PAINT {
            at += 4;
        }
        (self.top - at, self.top - self.lowest)
    }
}

/// About where the stack pointer is.
#[inline(never)]
fn here() -> usize {
    let marker = 0_u32;
    &raw const marker as usize
}
