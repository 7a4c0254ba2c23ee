//! An allocator that never frees, for a program that usually runs for less than a millisecond.
//!
//! The first 64 KB are part of the program, so that a hit needs no heap: setting up musl's takes 8 to
//! 11 system calls. More memory comes from the system, a megabyte at a time, or as much as one request
//! needs. Because freeing does nothing, the compiler removes the code that would only free.
//!
//! The rule that follows: a loop that may run for minutes must not allocate in each iteration
//! (docs/DESIGN.md, "Byte-golf").
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::ptr;

use super::memory::map_zeroed;

const INITIAL_BYTES: usize = 64 << 10;
const CHUNK_BYTES: usize = 1 << 20;

/// What an arena gives away first. Apart from it, so that the linker places it behind the other variables.
#[repr(align(16))]
pub struct InitialMemory(UnsafeCell<[u8; INITIAL_BYTES]>);

pub struct Arena {
    free: Cell<Free>,
}

/// The memory that is not allocated yet. It is zeroed.
#[derive(Clone, Copy)]
struct Free {
    start: *mut u8,
    bytes: usize,
}

impl Free {
    /// Allocates from the front. `None` if the rest is too small.
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

// SAFETY: only the arena that it is given to uses it.
unsafe impl Sync for InitialMemory {}

impl Default for InitialMemory {
    fn default() -> InitialMemory {
        InitialMemory::new()
    }
}

impl InitialMemory {
    pub const fn new() -> InitialMemory {
        InitialMemory(UnsafeCell::new([0; INITIAL_BYTES]))
    }
}

impl Arena {
    /// No other arena may have the same memory.
    pub const fn new(initial: &'static InitialMemory) -> Arena {
        Arena { free: Cell::new(Free { start: initial.0.get().cast(), bytes: INITIAL_BYTES }) }
    }

    /// What malloc(3) does. Null if the system has no more memory.
    pub fn allocate(&self, bytes: usize) -> *mut u8 {
        // SAFETY: pieces of no bytes may share an address, because nothing is ever given back.
        Layout::from_size_align(bytes, 16).map_or(ptr::null_mut(), |layout| unsafe { self.alloc(layout) })
    }

    /// Returns new memory from the system. The rest of the old memory is not used any more.
    fn refill(&self, layout: Layout) -> Free {
        let bytes = layout.size().saturating_add(layout.align()).max(CHUNK_BYTES);
        let start = map_zeroed(bytes);
        Free { start, bytes: if start.is_null() { 0 } else { bytes } }
    }
}

// SAFETY: each piece is allocated once, aligned, and within memory that is never given back.
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

    /// New memory is zeroed, and no piece is used twice.
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
        // SAFETY: an alignment of 1 is valid, and the size is below the limit, as the caller promises.
        let more = unsafe { Layout::from_size_align_unchecked(more, 1) };
        if is_last && free.take(more).is_some() {
            self.free.set(free);
            return piece;
        }
        // SAFETY: the alignment is unchanged; the new piece is larger than the old one and apart from it.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size());
            }
            moved
        }
    }
}

/// Defines C's functions for the heap, with memory of the arena `$arena`, because opendir(3) and getcwd(3)
/// allocate. musl's heap would add 7 KB to the program; musl lets a program replace it as a whole.
#[macro_export]
macro_rules! c_heap {
    ($arena:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn malloc(bytes: usize) -> *mut u8 {
            $arena.allocate(bytes)
        }

        #[unsafe(no_mangle)]
        extern "C" fn calloc(count: usize, bytes: usize) -> *mut u8 {
            $arena.allocate(count.saturating_mul(bytes))
        }

        /// Always fails: no function that this program uses calls it.
        #[unsafe(no_mangle)]
        extern "C" fn realloc(_piece: *mut u8, _bytes: usize) -> *mut u8 {
            std::ptr::null_mut()
        }

        #[unsafe(no_mangle)]
        extern "C" fn free(_piece: *mut u8) {}
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_do_not_overlap() {
        let arena = Arena::new(Box::leak(Box::default()));
        let mut pieces = Vec::new();
        let sizes = [1, 15, 16, 4096, 30_000, 40_000, 7, 2 * CHUNK_BYTES, 9];
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
            // SAFETY: each piece was written as a whole above, and grows once.
            unsafe {
                let grown = arena.realloc(piece, layout, layout.size() * 2);
                assert!((0..layout.size()).all(|at| *grown.add(at) == content));
            }
        }
    }

    #[test]
    fn the_last_piece_grows_in_place() {
        let arena = Arena::new(Box::leak(Box::default()));
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
