//! The texts of a table as one string, and each text as its position there.
//!
//! A position-independent executable relocates every pointer of its tables at start-up, which writes to the
//! page that the pointer is on. Tables are therefore written with texts and encoded when they are compiled:
//! equal texts become one, and a list has the length of each word in front of it, so that nothing searches
//! for its end.

/// The position of a text in the string of its table. Equal texts have the same position.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Text {
    start: u16,
    end: u16,
}

impl Text {
    pub const NONE: Text = Text { start: 0, end: 0 };

    /// `all` is the string of the table.
    pub fn of(self, all: &'static str) -> &'static str {
        &all[self.start.into()..self.end.into()]
    }

    /// The words of a list. `all` is the string of the table.
    pub fn words(self, all: &'static str) -> Words {
        Words(self.of(all))
    }
}

/// The words of an encoded list. A semicolon is an empty word.
pub(super) struct Words(pub &'static str);

impl Words {
    pub fn has(self, word: &str) -> bool {
        self.bytes().any(|known| known == word.as_bytes())
    }

    /// The words as bytes, for comparisons: each `&str` of a word would be checked at both ends.
    pub fn bytes(self) -> impl Iterator<Item = &'static [u8]> {
        let mut rest = self.0.as_bytes();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first()?;
            let (word, after) = after.split_at_checked((*length).into())?;
            rest = after;
            Some(word)
        })
    }
}

impl Iterator for Words {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        let length = usize::from(*self.0.as_bytes().first()?);
        let (word, rest) = self.0[1..].split_at(length);
        self.0 = rest;
        Some(word)
    }
}

/// The string of a table while it is compiled: room for `BYTES` bytes and `COUNT` texts. With no room for
/// bytes it only counts them.
pub(super) struct Texts<const COUNT: usize, const BYTES: usize> {
    pub bytes: [u8; BYTES],
    /// How many bytes were added.
    pub used: usize,
    known: [(&'static str, bool, Text); COUNT],
    count: usize,
}

impl<const COUNT: usize, const BYTES: usize> Texts<COUNT, BYTES> {
    pub const fn new() -> Self {
        Texts { bytes: [0; BYTES], used: 0, known: [("", false, Text::NONE); COUNT], count: 0 }
    }

    /// Adds a text as it is.
    pub const fn add(&mut self, text: &'static str) -> Text {
        self.add_once(text, false)
    }

    /// Adds a list of words, separated by spaces or semicolons.
    pub const fn add_list(&mut self, list: &'static str) -> Text {
        self.add_once(list, true)
    }

    const fn add_once(&mut self, text: &'static str, is_list: bool) -> Text {
        let mut earlier = 0;
        while earlier < self.count {
            let (known, was_list, position) = self.known[earlier];
            if was_list == is_list && is_equal(known.as_bytes(), text.as_bytes()) {
                return position;
            }
            earlier += 1;
        }
        let start = self.used;
        match is_list {
            true => self.push_list(text.as_bytes()),
            false => self.push(text.as_bytes(), 0, text.len()),
        }
        assert!(self.used <= u16::MAX as usize);
        let position = Text { start: start as u16, end: self.used as u16 };
        self.known[self.count] = (text, is_list, position);
        self.count += 1;
        position
    }

    const fn push_list(&mut self, list: &[u8]) {
        let mut at = 0;
        while at < list.len() {
            match list[at] {
                b' ' => at += 1,
                b';' => {
                    self.push_byte(0);
                    at += 1;
                }
                _ => {
                    let end = end_of_word(list, at);
                    // A larger length would not be a character of UTF-8.
                    assert!(end - at < 0x80);
                    self.push_byte((end - at) as u8);
                    self.push(list, at, end);
                    at = end;
                }
            }
        }
    }

    const fn push(&mut self, bytes: &[u8], start: usize, end: usize) {
        let mut at = start;
        while at < end {
            self.push_byte(bytes[at]);
            at += 1;
        }
    }

    const fn push_byte(&mut self, byte: u8) {
        if self.used < BYTES {
            self.bytes[self.used] = byte;
        }
        self.used += 1;
    }
}

const fn end_of_word(list: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < list.len() && list[end] != b' ' && list[end] != b';' {
        end += 1;
    }
    end
}

const fn is_equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len()
}

/// The bytes of a table as its string.
pub(super) const fn as_text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("the texts are UTF-8"),
    }
}

/// A function that returns the words of a long list. Each line may have a comment.
macro_rules! list {
    ($($line:literal),* $(,)?) => {{
        use super::texts::{Texts, Words, as_text};
        const fn encode<const BYTES: usize>() -> Texts<1, BYTES> {
            let mut texts = Texts::new();
            texts.add_list(concat!($($line, " "),*));
            texts
        }
        const BYTES: usize = encode::<0>().used;
        const ENCODED: [u8; BYTES] = encode::<BYTES>().bytes;
        const TEXT: &str = as_text(&ENCODED);
        || Words(TEXT)
    }};
}
pub(super) use list;

#[cfg(test)]
mod tests {
    use super::*;

    const fn encode<const BYTES: usize>() -> (Texts<4, BYTES>, [Text; 4]) {
        let mut texts = Texts::new();
        let list = texts.add_list("one  two; ;three");
        let positions = [list, texts.add("one two"), texts.add(""), texts.add_list("one  two; ;three")];
        (texts, positions)
    }

    const ALL: &str = as_text(&encode::<{ encode::<0>().0.used }>().0.bytes);

    #[test]
    fn a_list_has_its_words_and_a_text_is_as_it_was() {
        let [list, text, empty, again] = encode::<0>().1;
        assert_eq!(list.words(ALL).collect::<Vec<_>>(), ["one", "two", "", "", "three"]);
        assert_eq!([text.of(ALL), empty.of(ALL)], ["one two", ""]);
        assert_eq!(empty.words(ALL).count(), 0);
        assert_eq!(again.of(ALL).as_ptr(), list.of(ALL).as_ptr());
    }
}
