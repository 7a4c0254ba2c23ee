//! The layout of the cache file: header, rows of the index, and lines.

use crate::format::hex;

/// The name of an entry: 16 bytes, written as 32 hexadecimal digits.
pub type Name = [u8; 16];

pub(super) const VERSION: u64 = 1;
pub(super) const NAME_DIGITS: usize = 32;
/// What a header looks like; the spaces and digits after the last two labels are numbers.
const HEADER_TEMPLATE: &[u8] =
    b"{\"version\":1,\"generation\":         7,\"entries_at\":         150,\"index\":[\n";
pub(super) const HEADER_LENGTH: usize = HEADER_TEMPLATE.len();
/// A row of the index with blanks for the name and the numbers.
const ROW_TEMPLATE: &[u8; ROW_LENGTH] =
    b"[\"                                \",            ,        ,            ],\n";
pub(super) const ROW_LENGTH: usize = EXPIRES_AT + 12 + 3;
const OFFSET_AT: usize = 2 + NAME_DIGITS + 2;
const LENGTH_AT: usize = OFFSET_AT + 12 + 1;
const EXPIRES_AT: usize = LENGTH_AT + 8 + 1;
/// What a cache file of any version begins with.
pub(super) const BEGINNING: &[u8] = b"{\"version\":";
pub(super) const INDEX_END: &[u8] = b"],\"entries\":{\n";
/// The length of `"NAME":`, with which a line begins.
pub(super) const PREFIX_LENGTH: usize = NAME_DIGITS + 3;
pub(super) const LINE_SEPARATOR: &[u8] = b",\n";
/// Larger files are not ours.
pub(super) const LARGEST_FILE: u64 = 256 << 20;
/// Longer lines are damaged.
pub(super) const LARGEST_LINE: usize = 8 << 20;
pub(super) const REMOVED: &[u8] = b"{\"removed\":";

pub(super) struct Header {
    pub(super) generation: u64,
    /// Offset of the first entry, from which the number of rows follows.
    pub(super) entries_at: u64,
}

impl Header {
    pub(super) fn parse(start: &[u8]) -> Option<Header> {
        let mut rest = start.get(..HEADER_LENGTH)?;
        let version = number_after(&mut rest, BEGINNING)?;
        let generation = number_after(&mut rest, b",\"generation\":")?;
        let entries_at = number_after(&mut rest, b",\"entries_at\":")?;
        let header = Header { generation, entries_at };
        (rest == b",\"index\":[\n" && version == VERSION && header.row_count().is_some()).then_some(header)
    }

    pub(super) fn row_count(&self) -> Option<u64> {
        let entries_at = Some(self.entries_at).filter(|at| *at <= LARGEST_FILE)?;
        let rows = entries_at.checked_sub((HEADER_LENGTH + INDEX_END.len()) as u64)?;
        (rows % ROW_LENGTH as u64 == 0).then_some(rows / ROW_LENGTH as u64)
    }
}

/// One row of the index: the place of an entry's line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexRow {
    pub(super) name: Name,
    pub(super) offset: u64,
    pub(super) length: usize,
    pub(super) expires_unix_s: u64,
}

impl IndexRow {
    pub(super) fn parse(text: &[u8]) -> Option<IndexRow> {
        let name = hex::parse(text.strip_prefix(b"[\"")?.get(..NAME_DIGITS)?)?;
        let mut rest = &text[2 + NAME_DIGITS..];
        let offset = number_after(&mut rest, b"\",")?;
        let length = number_after(&mut rest, b",")?;
        let expires_unix_s = number_after(&mut rest, b",")?;
        let ends = matches!(rest, b"],\n" | b"] \n");
        ends.then_some(IndexRow { name, offset, length: usize::try_from(length).ok()?, expires_unix_s })
    }

    /// The numbers have fixed widths, which no file that is small enough to be ours exceeds.
    pub(super) fn text(&self, is_last: bool) -> [u8; ROW_LENGTH] {
        let mut text = *ROW_TEMPLATE;
        text[2..][..NAME_DIGITS].copy_from_slice(&hex::digits(&self.name));
        write_number(&mut text[OFFSET_AT..][..12], self.offset);
        write_number(&mut text[LENGTH_AT..][..8], self.length as u64);
        write_number(&mut text[EXPIRES_AT..][..12], self.expires_unix_s);
        if is_last {
            text[ROW_LENGTH - 2] = b' ';
        }
        text
    }
}

/// Writes the digits of `number` to the end of `field`, which is blank.
fn write_number(field: &mut [u8], mut number: u64) {
    for place in field.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return;
        }
    }
}

/// Reads `label`, spaces and a number off the front of `rest`.
pub fn number_after(rest: &mut &[u8], label: &[u8]) -> Option<u64> {
    let after = rest.strip_prefix(label)?;
    let spaces = after.iter().take_while(|byte| **byte == b' ').count();
    let mut digits = &after[spaces..];
    let mut number: u64 = 0;
    while let Some((digit @ b'0'..=b'9', after)) = digits.split_first() {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        digits = after;
    }
    *rest = digits;
    (digits.len() < after.len() - spaces).then_some(number)
}

/// Whether `start`, as far as it goes, is the header of a file of this version.
pub(super) fn begins_header(start: &[u8]) -> bool {
    let numbers_from = BEGINNING.len() + 1;
    HEADER_TEMPLATE.iter().zip(start).enumerate().all(|(at, (expected, byte))| {
        let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b' ';
        byte == expected || at >= numbers_from && is_number(expected) && is_number(byte)
    })
}

/// What the line of this name begins with.
pub(super) fn line_prefix(name: &Name) -> [u8; PREFIX_LENGTH] {
    let mut prefix = [b'"'; PREFIX_LENGTH];
    prefix[1..][..NAME_DIGITS].copy_from_slice(&hex::digits(name));
    prefix[PREFIX_LENGTH - 1] = b':';
    prefix
}

pub(super) fn is_removal(object: &[u8]) -> bool {
    object.starts_with(REMOVED)
}
