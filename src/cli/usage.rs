//! The output of `--help`: at most 80 columns, verbs before their options.
//!
//! Tests compare the man page, the README and the completions with it.

use crate::config::PROGRAM;

pub const USAGE: &str = concat!(
    "\
Caches the credentials of Kubernetes exec plugins.

Usage:
  k8s-token-cache [--key-env=NAME,...] COMMAND [ARG]...
  k8s-token-cache VERB [OPTION]... [ARG]...

COMMAND is an exec plugin, for example: aws eks get-token --cluster-name demo
Prints its credential from the cache, and runs it only if there is none.
  --key-env=NAME,...     environment variables to include in the cache key

Verbs for kubeconfigs, with their options:
  --inject [FILE]...     put the cache in front of the exec plugins
  --restore [FILE]...    remove it again
    --dry-run            show what would change, and change nothing
    --user NAME          only this user; may be repeated
    --quiet              print nothing, and wait for nothing
    --command NAME       with --inject: the command to write, a name or a path
    --absolute           with --inject: write the paths of cache and plugin, for
                         programs with a short PATH
  --warm [FILE]...       fetch the credential of every injected user now

Verbs that report:
  --list                 show what is cached, never a token
    --json               print one line of JSON, for programs
  --explain [COMMAND]    show what the credential depends on, and why the next
                         call would hit or miss; run nothing
    --user NAME          take COMMAND from this user of the kubeconfig; without
                         user and COMMAND, from that of the current context
  --doctor               check kubeconfigs, plugins, cache and encryption key,
                         and say how to fix what is wrong

Other verbs:
  --clear [COMMAND]      remove every credential, or that of COMMAND
    --user NAME          take COMMAND from this user of the kubeconfig
  --help                 show this text
  --version              show the version

FILE is a kubeconfig; without one, the files of $KUBECONFIG, else ~/.kube/config

Environment:
  K8S_TOKEN_CACHE_FILE            the cache file
  K8S_TOKEN_CACHE_REFRESH_MARGIN  minimum remaining lifetime of a served
                                  credential (default 30s)
  K8S_TOKEN_CACHE_REFRESH_AHEAD   remaining lifetime below which a credential is
                                  renewed in the background (default 5m)
  K8S_TOKEN_CACHE_KEEP_WARM       how long after its last use a credential is
                                  still renewed (default 30m)
  K8S_TOKEN_CACHE_DEFAULT_TTL     how long a credential that states no expiry is
                                  cached (default 0)
  K8S_TOKEN_CACHE_KEY_ENV         environment variables to include in the cache
                                  key, separated by commas
  K8S_TOKEN_CACHE_KEY_FILES       files to include in the cache key, a path list
  K8S_TOKEN_CACHE_ENCRYPTION      auto, keyring, file or off (default auto)
  K8S_TOKEN_CACHE_ENCRYPTION_KEY  the encryption key: 32 bytes in base64
  K8S_TOKEN_CACHE_DISABLE         1: run the plugin, cache nothing
  K8S_TOKEN_CACHE_LOG             a file that gets a line per call

Examples:
  k8s-token-cache --inject --dry-run
  k8s-token-cache --explain --user demo
  K8S_TOKEN_CACHE_DISABLE=1 kubectl get pods

More: ",
    env!("CARGO_PKG_REPOSITORY"),
    "\n"
);

/// Replaces the program's name by `command_name` in the command lines of `text`, for example by
/// `kubectl token-cache`. Paths and addresses that end in the program's name stay.
pub fn with_command_name(text: &str, command_name: &str) -> String {
    let mut replaced = String::with_capacity(text.len() + 100);
    for word in text.split_inclusive(' ') {
        match word.strip_suffix(' ').and_then(|word| word.strip_suffix(PROGRAM)) {
            Some(before) if !before.ends_with('/') => replaced.extend([before, command_name, " "]),
            _ => replaced.push_str(word),
        }
    }
    replaced
}
