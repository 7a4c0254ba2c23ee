//! An allocator for a program that lives for a fifth of a millisecond.
//!
//! The first 64 KB come from a static arena and are not given back, but for the last piece; what
//! does not fit comes from the system. A hit so needs no heap, which costs musl 8 to 11 system
//! calls to set up.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

const SIZE: usize = 64 << 10;

#[repr(align(16))]
struct Memory(UnsafeCell<[u8; SIZE]>);

// SAFETY: `USED` gives every byte to one owner.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; SIZE]));
static USED: AtomicUsize = AtomicUsize::new(0);

pub struct Arena;

impl Arena {
    /// Where a piece begins in the arena, if it is there.
    fn offset(piece: *mut u8) -> Option<usize> {
        (piece as usize).checked_sub(MEMORY.0.get() as usize).filter(|offset| *offset < SIZE)
    }

    /// Moves the end of the arena's last piece; false if the piece is not the last.
    fn resize(offset: usize, old_size: usize, new_size: usize) -> bool {
        offset + new_size <= SIZE
            && USED
                .compare_exchange(offset + old_size, offset + new_size, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

// SAFETY: a piece of the arena is given out once, aligned and within its bounds, and stays valid for
// ever; every other piece is the system allocator's affair, to which it also returns.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let place = |used: usize| {
            let start = (MEMORY.0.get() as usize + used).next_multiple_of(layout.align());
            start - MEMORY.0.get() as usize
        };
        let taken = USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            place(used).checked_add(layout.size()).filter(|end| *end <= SIZE)
        });
        match taken {
            // SAFETY: `place` is within the arena, as the closure checked.
            Ok(used) => unsafe { MEMORY.0.get().cast::<u8>().add(place(used)) },
            // SAFETY: as the caller promises.
            Err(_) => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match Arena::offset(piece) {
            Some(offset) => _ = Arena::resize(offset, layout.size(), 0),
            // SAFETY: not the arena's, so the system's.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = Arena::offset(piece) else {
            // SAFETY: not the arena's, so the system's.
            return unsafe { System.realloc(piece, layout, new_size) };
        };
        if Arena::resize(offset, layout.size(), new_size) {
            return piece;
        }
        // SAFETY: the size is not zero and the alignment unchanged, as the caller promises; both
        // pieces have room for the smaller size and do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size().min(new_size));
                self.dealloc(piece, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_overlap_whatever_their_size() {
        let mut pieces = Vec::new();
        for (number, size) in [1, 15, 16, 4096, 40_000, 40_000, 7].into_iter().enumerate() {
            let layout = Layout::from_size_align(size, 1 << (number % 4)).unwrap();
            // SAFETY: the size is not zero; the piece is as long as `layout` says.
            unsafe {
                let piece = Arena.alloc(layout);
                assert_eq!(piece as usize % layout.align(), 0);
                piece.write_bytes(number as u8 + 1, size);
                pieces.push((piece, layout, number as u8 + 1));
            }
        }
        for (piece, layout, content) in pieces {
            // SAFETY: each piece was written whole above; it is grown and given back once.
            unsafe {
                let grown = Arena.realloc(piece, layout, layout.size() * 2);
                assert!((0..layout.size()).all(|at| *grown.add(at) == content));
                Arena.dealloc(grown, Layout::from_size_align(layout.size() * 2, layout.align()).unwrap());
            }
        }
    }
}
