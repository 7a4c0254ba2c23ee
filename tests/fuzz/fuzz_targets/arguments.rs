//! Any argument vector gives a command, or an error with status 2 and a message. A wrapped command is the
//! unchanged end of the vector.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use k8s_token_cache::cli::{self, CallSubject, Command};
use k8s_token_cache::error;
use k8s_token_cache::identity;
use program::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let arguments: Vec<OsString> =
        line.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
    match cli::parse(arguments.clone()) {
        Ok(
            Command::Proxy(wrapped)
            | Command::Explain(CallSubject::Command(wrapped))
            | Command::Clear(CallSubject::Command(wrapped)),
        ) => {
            assert!(!wrapped.command.is_empty());
            assert!(arguments.ends_with(&wrapped.command));
            assert!(wrapped.key_env.iter().flatten().all(|name| !name.is_empty() && !name.contains('=')));
        }
        Ok(_) => {}
        Err(error) => {
            assert_eq!(error.exit_status(), 2);
            assert!(!error.to_string().is_empty());
        }
    }
    let variable = |name: &str| name.starts_with("AWS").then(|| OsString::from("value"));
    let identity = identity::identify(&arguments, &variable);
    let _ = identity.variables().count();
    let _ = identity::install_hint(&arguments);
    assert_eq!(identity::mask_arguments(&arguments).len(), arguments.len());
    for argument in &arguments {
        let _ = error::printable(&argument.to_string_lossy());
    }
});
