//! The set of what was checked already. One sorted vector for both uses makes the program 3 KB smaller
//! than two `BTreeSet`s.

use std::ffi::{OsStr, OsString};

#[derive(Default)]
pub struct Seen(Vec<OsString>);

impl Seen {
    pub fn contains(&self, text: &OsStr) -> bool {
        self.find(text).is_ok()
    }

    /// Returns whether `text` is new.
    pub fn insert(&mut self, text: &OsStr) -> bool {
        let place = self.find(text);
        if let Err(place) = place {
            self.0.insert(place, text.to_owned());
        }
        place.is_err()
    }

    /// The index of `text`; as an error, the index at which to insert it.
    fn find(&self, text: &OsStr) -> Result<usize, usize> {
        self.0.binary_search_by(|seen| seen.as_os_str().cmp(text))
    }
}
