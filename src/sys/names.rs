//! A set of names for the questions that a start asks most, and whose answer is nearly always no: is there a
//! variable, is there a file of this name?

use std::sync::atomic::{AtomicU64, Ordering};

/// A Bloom filter with one hash: it may take a name for another one, and never misses one. Ignores case, as some
/// file systems do. A word has 64 bits; with ten bits for each name, it takes one of ten other names for one of
/// them. Names may be added by two threads at once, as in tests.
pub struct NameFilter<const WORDS: usize>([AtomicU64; WORDS]);

impl<const WORDS: usize> Default for NameFilter<WORDS> {
    fn default() -> Self {
        NameFilter::new()
    }
}

impl<const WORDS: usize> NameFilter<WORDS> {
    pub const fn new() -> Self {
        NameFilter([const { AtomicU64::new(0) }; WORDS])
    }

    pub fn add(&self, name: &[u8]) {
        let (word, bit) = Self::place_of(name);
        self.0[word].fetch_or(bit, Ordering::Relaxed);
    }

    /// Whether `name` may be one of those that were added.
    pub fn may_have(&self, name: &[u8]) -> bool {
        let (word, bit) = Self::place_of(name);
        self.0[word].load(Ordering::Relaxed) & bit != 0
    }

    /// The place of a name: a word and a bit. Names differ most in their length and last bytes.
    fn place_of(name: &[u8]) -> (usize, u64) {
        let tail = &name[name.len().saturating_sub(4)..];
        let hash =
            tail.iter().fold(name.len() as u32, |hash, byte| (hash ^ u32::from(byte | 0x20)).rotate_left(8));
        let mixed = hash.wrapping_mul(0x9e37_79b1);
        ((mixed >> 6) as usize % WORDS, 1 << (mixed >> 26))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_each_name_that_was_added_in_any_case_and_few_others() {
        let filter = NameFilter::<16>::new();
        for name in (0..100).map(|number| format!("AWS_VARIABLE_{number}")).chain(["".into(), ".aws".into()])
        {
            filter.add(name.as_bytes());
            assert!(filter.may_have(name.to_lowercase().as_bytes()), "{name}");
        }
        let others = (0..1000).filter(|number| filter.may_have(format!("VARIABLE_{number}_FILE").as_bytes()));
        assert!(others.count() < 100);
    }
}
