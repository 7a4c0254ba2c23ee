//! The start of the program and its allocator. Everything else is in the library.

#![cfg_attr(unix, no_main)]

use k8s_token_cache::sys::{Arena, InitialMemory};

static INITIAL_MEMORY: InitialMemory = InitialMemory::new();

#[global_allocator]
static ALLOCATOR: Arena = Arena::new(&INITIAL_MEMORY);

#[cfg(target_env = "musl")]
k8s_token_cache::c_heap!(ALLOCATOR);

#[cfg(unix)]
k8s_token_cache::c_main!(k8s_token_cache::run);

#[cfg(not(unix))]
fn main() -> std::process::ExitCode {
    k8s_token_cache::run(std::env::args_os().collect()).into()
}
