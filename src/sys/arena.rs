//! An allocator for a program that lives for a fifth of a millisecond: it takes nothing back.
//!
//! The first 64 KB are the program's own, so that a hit needs no heap, whose set-up costs musl 8 to
//! 11 system calls; more comes from the system a megabyte at a time, or as much as is asked for.
//! Since giving back does nothing, the compiler leaves out all code that would only do that. So what
//! goes on for minutes must not allocate more than a little each time.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::ptr;

const FIRST: usize = 64 << 10;
const MORE: usize = 1 << 20;

#[repr(align(16))]
struct InitialMemory(UnsafeCell<[u8; FIRST]>);

/// In this order: what is free stands on the page that is written next in any case.
#[repr(C)]
pub struct Arena {
    free: Cell<Free>,
    first: InitialMemory,
}

/// What has not been handed out; all zeros.
#[derive(Clone, Copy)]
struct Free {
    start: *mut u8,
    bytes: usize,
}

impl Free {
    /// Takes a piece off the front.
    fn take(&mut self, layout: Layout) -> Option<*mut u8> {
        let gap = self.start.align_offset(layout.align());
        self.bytes = self.bytes.checked_sub(gap)?.checked_sub(layout.size())?;
        let piece = self.start.wrapping_add(gap);
        self.start = piece.wrapping_add(layout.size());
        Some(piece)
    }
}

// SAFETY: this program has a single thread.
unsafe impl Sync for Arena {}

impl Default for Arena {
    fn default() -> Arena {
        Arena::new()
    }
}

impl Arena {
    pub const fn new() -> Arena {
        Arena {
            free: Cell::new(Free { start: ptr::null_mut(), bytes: 0 }),
            first: InitialMemory(UnsafeCell::new([0; FIRST])),
        }
    }

    /// What to take from next; what was left of the memory before is lost.
    fn refill(&self, layout: Layout) -> Free {
        if self.free.get().start.is_null() && layout.size() <= FIRST / 2 {
            return Free { start: self.first.0.get().cast(), bytes: FIRST };
        }
        let bytes = layout.size().saturating_add(layout.align()).max(MORE);
        let start = super::more_memory(bytes);
        Free { start, bytes: if start.is_null() { 0 } else { bytes } }
    }
}

// SAFETY: a piece is handed out once, aligned and within memory that stays valid for ever.
unsafe impl GlobalAlloc for Arena {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut free = self.free.get();
        let piece = free.take(layout).or_else(|| {
            free = self.refill(layout);
            free.take(layout)
        });
        piece.map_or(ptr::null_mut(), |piece| {
            self.free.set(free);
            piece
        })
    }

    /// No piece was ever another one.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, _piece: *mut u8, _layout: Layout) {}

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(more) = new_size.checked_sub(layout.size()) else { return piece };
        let mut free = self.free.get();
        let is_last = piece.wrapping_add(layout.size()) == free.start;
        // SAFETY: the alignment is one; sizes are far below its limit, as the caller promises.
        let more = unsafe { Layout::from_size_align_unchecked(more, 1) };
        if is_last && free.take(more).is_some() {
            self.free.set(free);
            return piece;
        }
        // SAFETY: the alignment is unchanged; the new piece has room for the old one, and apart.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size());
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
        let arena = Box::new(Arena::new());
        let mut pieces = Vec::new();
        let sizes = [1, 15, 16, 4096, 30_000, 40_000, 7, 2 * MORE, 9];
        for (number, size) in sizes.into_iter().enumerate() {
            let layout = Layout::from_size_align(size, 1 << (number % 5)).unwrap();
            // SAFETY: the size is not zero; the piece is as long as `layout` says.
            unsafe {
                let piece = arena.alloc_zeroed(layout);
                assert_eq!(piece as usize % layout.align(), 0);
                assert!((0..size).all(|at| *piece.add(at) == 0));
                piece.write_bytes(number as u8 + 1, size);
                pieces.push((piece, layout, number as u8 + 1));
            }
        }
        for (piece, layout, content) in pieces {
            // SAFETY: each piece was written whole above, and is grown once.
            unsafe {
                let grown = arena.realloc(piece, layout, layout.size() * 2);
                assert!((0..layout.size()).all(|at| *grown.add(at) == content));
            }
        }
    }

    #[test]
    fn the_last_piece_grows_where_it_is() {
        let arena = Box::new(Arena::new());
        let layout = Layout::from_size_align(16, 1).unwrap();
        // SAFETY: the sizes are not zero, and each piece is used as `layout` says.
        unsafe {
            let first = arena.alloc(layout);
            assert_eq!(arena.realloc(first, layout, 100), first);
            let second = arena.alloc(layout);
            assert_ne!(arena.realloc(first, Layout::from_size_align(100, 1).unwrap(), 101), first);
            assert_ne!(arena.realloc(second, layout, 17), second);
        }
    }
}
