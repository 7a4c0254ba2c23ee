//! Shared by all fuzz targets: the macro that reads an input, and a fixed current time.

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys::fuzz_target;

/// Without libFuzzer, a target is a program that reads the input files named by its arguments.
#[cfg(not(feature = "libfuzzer"))]
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: $type:ty| $body:expr) => {
        fn main() {
            for path in std::env::args_os().skip(1) {
                let bytes = std::fs::read(&path).unwrap();
                let data = $crate::arbitrary::Unstructured::new(&bytes);
                let check = |$input: $type| $body;
                if let Ok(input) = $crate::arbitrary::Arbitrary::arbitrary_take_rest(data) {
                    check(input);
                }
            }
        }
    };
}
#[cfg(not(feature = "libfuzzer"))]
pub use arbitrary;

/// The current time of all targets, in January 2026.
pub const NOW: std::time::Duration = std::time::Duration::from_secs(1_769_846_400);
