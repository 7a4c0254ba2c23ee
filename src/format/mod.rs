//! The text formats that the program reads and writes: JSON, RFC 3339 and Go's durations, base64, hexadecimal
//! digits, words of a shell, and the FNV hash. Pure: bytes and the current time in, values out.

pub mod base64;
pub mod fnv;
pub mod hex;
pub mod json;
pub mod shell;
pub mod time;
