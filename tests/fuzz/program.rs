//! The program's modules as a library, for the fuzz targets.
//!
//! The program itself is a binary crate without library. Its modules are mounted here under their own
//! names, so that they find each other; `cfg(fuzzing)` leaves out its start and its allocator.

#![allow(dead_code, unused_imports, unreachable_pub)]

#[path = "../../src/base64.rs"]
pub mod base64;
#[path = "../../src/cache.rs"]
pub mod cache;
#[path = "../../src/callers.rs"]
pub mod callers;
#[path = "../../src/cli.rs"]
pub mod cli;
#[path = "../../src/config.rs"]
pub mod config;
#[path = "../../src/credential.rs"]
pub mod credential;
#[path = "../../src/entry.rs"]
pub mod entry;
#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/exec_info.rs"]
pub mod exec_info;
#[path = "../../src/fnv.rs"]
pub mod fnv;
#[path = "../../src/identity/mod.rs"]
pub mod identity;
#[path = "../../src/json.rs"]
pub mod json;
#[path = "../../src/key.rs"]
pub mod key;
#[path = "../../src/keystore/mod.rs"]
pub mod keystore;
#[path = "../../src/kubeconfig/mod.rs"]
pub mod kubeconfig;
#[path = "../../src/lock.rs"]
pub mod lock;
#[path = "../../src/log.rs"]
pub mod log;
#[path = "../../src/seal.rs"]
pub mod seal;
#[path = "../../src/secret.rs"]
pub mod secret;
#[path = "../../src/store.rs"]
pub mod store;
#[path = "../../src/sys/mod.rs"]
pub mod sys;
#[path = "../../src/text.rs"]
pub mod text;
#[path = "../../src/time.rs"]
pub mod time;
#[path = "../../src/x509.rs"]
pub mod x509;

#[path = "kubeconfig_text.rs"]
pub mod kubeconfig_text;

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys::fuzz_target;

/// Without libFuzzer: a program that takes the files that its arguments name as inputs.
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

/// A moment in January 2026.
pub const NOW: std::time::Duration = std::time::Duration::from_secs(1_769_846_400);
