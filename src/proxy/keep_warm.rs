//! Keeping a credential warm: a process that renews it for as long as a person uses it.
//!
//! EKS tokens live for 14 minutes, so a person who runs kubectl a few times an hour would wait for the
//! plugin at one call in fifteen (`docs/benchmark.md`). After a miss or a refresh for an interactive client,
//! the detached process does not end: it becomes the keeper of the credential. It sleeps until the
//! credential is due, renews it, and ends when no client has used it for [`window`]. There is one keeper
//! per key and at most [`MOST_KEEPERS`] per cache file.
//!
//! Each round runs in a forked copy of the keeper that ends afterwards, so that the keeper's memory does
//! not grow. A keeper never prompts. It ends if the entry was removed, the identity changed, kubectl's
//! policy forbids the plugin, the plugin failed, the program was replaced, or the clock jumped past the
//! window.

use std::path::PathBuf;
use std::time::Duration;

use super::call::Call;
use super::callers::{Callers, KeeperRow, Subject};
use super::client::is_client_go;
use super::policy::PolicySource;
use super::refresh;
use crate::cache::entry::Entry;
use crate::cache::lock::{self, Attempt, Guard, Range};
use crate::cache::store::Name;
use crate::cache::{Cache, Lookup, Reason};
use crate::config;
use crate::identity::Interaction;
use crate::key::{self, EXEC_INFO, exec_info};
use crate::sys::{self, FileStamp};

const DEFAULT_WINDOW: Duration = Duration::from_secs(30 * 60);
pub const MOST_KEEPERS: u64 = 8;

/// How long after its last use the credential of this call is kept warm; `None` if it is not.
///
/// By default, only for a client that a person uses at a terminal, and for a plugin that is known to be
/// silent. Never by default on Windows, because a running program cannot be upgraded there.
pub fn window(call: &Call<'_>) -> Option<Duration> {
    match call.config.keep_warm {
        Some(window) => Some(window).filter(|window| !window.is_zero()),
        None => is_kept_by_default(call).then_some(DEFAULT_WINDOW),
    }
}

fn is_kept_by_default(call: &Call<'_>) -> bool {
    let is_interactive = || {
        let info = config::value(call.environment, EXEC_INFO).unwrap_or_default();
        // kube-rs says `"interactive":true` without a terminal too.
        is_client_go(info.as_encoded_bytes()) && exec_info::is_interactive(info.as_encoded_bytes())
    };
    !cfg!(windows) && is_interactive() && call.identity.interaction_now() == Interaction::Silent
}

/// Makes this process the keeper of `cache`'s entry and returns when there is nothing to keep. The
/// process must be detached. `policy` is looked at before each run of the plugin.
pub fn stay(call: &Call<'_>, cache: &Cache, policy: &PolicySource) {
    let Some(window) = window(call) else { return };
    let Some(keeper) = Keeper::new(call, cache, policy, window) else { return };
    keeper.leave_directory();
    while let Some(wake_unix_s) = sys::in_copy(&mut || keeper.round()) {
        sys::sleep_until(Duration::from_secs(wake_unix_s));
    }
}

/// Until when the entry of this name is kept warm; `None` if no process does so.
pub fn kept_until(callers: &Callers, name: &Name, now: Duration) -> Option<Duration> {
    let keeper = callers.recall(Subject::keeper(name), now).row;
    let last_use = || Duration::from_millis(callers.last_use_unix_ms(name, now));
    (keeper.process.id != 0 && sys::is_running(&keeper.process)).then(|| last_use() + keeper.window)
}

/// Ids of the processes that keep an entry of this cache file warm.
pub fn process_ids(callers: &Callers) -> Vec<u32> {
    let keepers = callers.keepers().into_iter().map(|keeper| keeper.process);
    keepers.filter(sys::is_running).map(|process| process.id).collect()
}

/// Ends the processes that keep the entries of `names` warm, and returns how many there were.
pub fn end(callers: &Callers, names: &[Name]) -> usize {
    let now = sys::now();
    let keepers = names.iter().map(|name| callers.recall(Subject::keeper(name), now).row);
    keepers.filter(|keeper| sys::end_process(&keeper.process)).count()
}

/// Ends every process that keeps an entry of this cache file warm, and returns how many there were.
pub fn end_all(callers: &Callers) -> usize {
    callers.keepers().iter().filter(|keeper| sys::end_process(&keeper.process)).count()
}

struct Keeper<'a> {
    call: &'a Call<'a>,
    cache: &'a Cache,
    policy: &'a PolicySource,
    window: Duration,
    /// The working directory of the call, if it counts for the key: the plugin runs there.
    directory: Option<PathBuf>,
    program: Option<FileStamp>,
    _lock: Guard,
}

impl<'a> Keeper<'a> {
    /// `None` if the key has a keeper, or the cache file has as many as it may have.
    fn new(
        call: &'a Call<'a>,
        cache: &'a Cache,
        policy: &'a PolicySource,
        window: Duration,
    ) -> Option<Keeper<'a>> {
        let folder = cache.store.open_folder().ok()?;
        let Ok(Attempt::Held(lock)) = lock::attempt(&folder, Range::KeepWarm(cache.name)) else {
            return None;
        };
        if !(0..MOST_KEEPERS).any(|number| lock.takes_too(Range::Keeper(number))) {
            return None;
        }
        Some(Keeper {
            call,
            cache,
            policy,
            window,
            directory: key::working_directory(cache.key.parts()),
            program: sys::program_stamp(),
            _lock: lock,
        })
    }

    /// The keeper must not prevent a file system from being unmounted.
    fn leave_directory(&self) {
        let _ = std::env::set_current_dir("/");
    }

    /// Renews the credential if it is due. Returns when to look again, in Unix seconds; `None` to end.
    fn round(&self) -> Option<u64> {
        let callers = Callers::open(&self.cache.store);
        match callers.ok_or("there is no table of callers").and_then(|callers| self.keep(&callers)) {
            Ok(wake) => Some(wake.as_secs()),
            Err(why) => {
                self.call.log.write("keep warm", &format_args!("ended: {why}"), sys::now());
                None
            }
        }
    }

    fn keep(&self, callers: &Callers) -> Result<Duration, &'static str> {
        if sys::program_stamp() != self.program {
            return Err("the program was replaced or removed");
        }
        self.register(callers);
        let window_end = self.window_end(callers)?;
        if self.due()? <= sys::now() {
            self.renew()?;
        }
        // A credential that is due again at once must not keep the plugin running.
        let earliest = sys::now() + Duration::from_secs(1);
        Ok(self.due()?.min(window_end).max(earliest))
    }

    /// Names the keeper in the table, for reports and for `--clear`.
    fn register(&self, callers: &Callers) {
        if let Some(process) = sys::copied_process() {
            let row = KeeperRow { process, window: self.window };
            callers.update(Subject::keeper(&self.cache.name), sys::now(), |known| *known = row);
        }
    }

    /// When the window ends, if no client uses the credential until then.
    fn window_end(&self, callers: &Callers) -> Result<Duration, &'static str> {
        let now = sys::now();
        let last_use = Duration::from_millis(callers.last_use_unix_ms(&self.cache.name, now));
        let end = last_use + self.window;
        if end > now { Ok(end) } else { Err("no client has used the credential for a while") }
    }

    /// When to renew the entry: at once if it has expired during a long sleep.
    fn due(&self) -> Result<Duration, &'static str> {
        match self.cache.look_up(sys::now()).map_err(|_| "the cache cannot be read")?.lookup {
            Lookup::Fresh(found) | Lookup::Stale(found) => Ok(due(self.call, &found.entry)),
            Lookup::Miss(Reason::Expired) => Ok(Duration::ZERO),
            Lookup::Miss(_) => Err("the entry was removed"),
        }
    }

    fn renew(&self) -> Result<(), &'static str> {
        if let Some(directory) = &self.directory {
            std::env::set_current_dir(directory).map_err(|_| "its working directory is gone")?;
        }
        let key = self.call.cache_key().map_err(|_| "the cache key cannot be made")?;
        if key.parts() != self.cache.key.parts() {
            return Err("the identity has changed");
        }
        self.policy.require_allowed(self.call).map_err(|_| "kubectl's policy does not allow the plugin")?;
        refresh::renew(self.call, self.cache, None)
    }
}

/// When the entry is renewed.
fn due(call: &Call<'_>, entry: &Entry) -> Duration {
    let ahead = refresh::ahead(&call.config, call.identity.interaction, entry);
    let ahead = ahead.unwrap_or_else(|| refresh::default_ahead(entry));
    Duration::from_secs(entry.expires_unix_s).saturating_sub(ahead)
}
