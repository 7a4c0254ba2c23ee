//! Who calls, and what follows from it: how much life a credential must have, and when a client that
//! asks again shows that its credential was rejected.
//!
//! | client | recognized by | asks again for the same credential | minimum life |
//! |---|---|---|---|
//! | client-go (kubectl, helm, k9s, Terraform) | `KUBERNETES_EXEC_INFO` ends in a newline | after a 401, or when it has expired | the refresh margin |
//! | kube-rs | set, compact JSON | three times at start; for each request if less than 60 s are left | the margin, at least 60 s |
//! | Python `kubernetes`, kopf | set, JSON with blanks, or a process named `python*` | for each new client; for each request if less than 5 min are left; kopf after a 401 | 5 min |
//! | lightkube, kr8s, pykube, JavaScript, fabric8, Ruby, others | not set, and not a shell | after a 401 (most), for each request (pykube), or never | 5 min |
//! | a person's shell, make, xargs, watch | not set | at any time | the margin |
//!
//! Sources: client-go's `plugin/pkg/client/auth/exec/exec.go` (`refreshCredsLocked` encodes with a
//! trailing newline); kube-rs' `kube-client/src/client/auth/mod.rs` (`serde_json::to_string`,
//! `RefreshableToken::to_header`); Python's `kubernetes/config/exec_provider.py` (`json.dumps`); the others
//! were observed: `docs/CLIENTS.md`.

use std::ffi::OsStr;
use std::time::Duration;

use super::call::Call;
use super::callers::{CallerRow, Callers, Recalled, Subject};
use super::failure::unix_ms;
use crate::cache::store::Store;
use crate::cache::{self, Cache, Found, Reason};
use crate::config;
use crate::key::EXEC_INFO;
use crate::sys::{self, Process, ProcessInfo};

const KUBE_RS_MINIMUM: Duration = Duration::from_secs(60);
const CAREFUL_MINIMUM: Duration = Duration::from_secs(5 * 60);

/// A client that asks again within this time is starting, or asks for each request: no sign of a rejection.
const FIRST_GRACE_PERIOD: Duration = Duration::from_secs(10);
const LONGEST_GRACE_PERIOD: Duration = Duration::from_secs(10 * 60);

/// A shell that started less than this ago was started to run us, so its parent is the client (`sh -c`,
/// scripts).
const YOUNG_SHELL: Duration = Duration::from_secs(2);

/// The last use of a credential is recorded at most this often for a caller that keeps asking.
const USE_RESOLUTION_MS: u64 = 60_000;

/// A kind of client; see the table at the top of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    ClientGo,
    KubeRs,
    Python,
    Other,
    Person,
}

impl ClientKind {
    /// `caller` is the process that made the call; see [`Client::process`].
    fn recognize(exec_info: Option<&OsStr>, caller: Option<&ProcessInfo>) -> ClientKind {
        let name = caller.map(|caller| caller.name.as_str()).unwrap_or_default();
        match exec_info.map(OsStr::as_encoded_bytes) {
            Some(info) if is_client_go(info) => ClientKind::ClientGo,
            Some(info) if name.starts_with("python") || info.contains(&b' ') => ClientKind::Python,
            Some(_) => ClientKind::KubeRs,
            None if is_shell(name) || is_launcher(name) => ClientKind::Person,
            None => ClientKind::Other,
        }
    }

    /// The minimum remaining life of a credential that is served to such a client.
    pub fn minimum_life(self, refresh_margin: Duration) -> Duration {
        match self {
            ClientKind::ClientGo | ClientKind::Person => refresh_margin,
            ClientKind::KubeRs => refresh_margin.max(KUBE_RS_MINIMUM),
            ClientKind::Python | ClientKind::Other => refresh_margin.max(CAREFUL_MINIMUM),
        }
    }

    /// How long such a client must have had a credential before asking again means that the server
    /// rejected it. `None` if asking again never means that.
    ///
    /// kube-rs and Python mostly ask for other reasons, so the time doubles with every replacement:
    /// otherwise, a client that asks every 15 s would never get a hit. Most of the others ask only after
    /// a 401. pykube-ng asks for each request, so without the cache it never has an old credential. If its
    /// time doubled, it would fail for minutes after a revocation.
    fn grace_period(self, replacements: u8) -> Option<Duration> {
        match self {
            ClientKind::ClientGo => Some(Duration::ZERO),
            ClientKind::Other => Some(FIRST_GRACE_PERIOD),
            ClientKind::KubeRs | ClientKind::Python => {
                Some(FIRST_GRACE_PERIOD.saturating_mul(1 << replacements.min(8)).min(LONGEST_GRACE_PERIOD))
            }
            ClientKind::Person => None,
        }
    }
}

/// The client behind this call, and what the table of callers knows about it.
pub struct Client {
    pub kind: ClientKind,
    /// The calling process: our parent, or the parent of a shell that was started to run us. `None` if the platform
    /// does not tell.
    pub process: Option<Process>,
    pub subject: Option<Subject<CallerRow>>,
    pub history: Option<History>,
}

/// The open table and the caller's row in it.
pub struct History {
    pub callers: Callers,
    caller: Recalled<CallerRow>,
}

impl History {
    fn of(callers: Callers, subject: Subject<CallerRow>, now: Duration) -> History {
        History { caller: callers.recall(subject, now), callers }
    }
}

impl Client {
    /// Recognizes the client. Does not read the table for a person, who may ask again at any time.
    pub fn of(call: &Call<'_>, cache: &Cache, now: Duration) -> Client {
        let (kind, process) = recognize(config::value(call.environment, EXEC_INFO).as_deref());
        let subject = process.map(|process| Subject::caller(&cache.name, process));
        let history = subject
            .filter(|_| kind != ClientKind::Person)
            .and_then(|subject| Some(History::of(Callers::open(&cache.store)?, subject, now)));
        Client { kind, process, subject, history }
    }

    /// Why this client must not get the entry that was found, if there is a reason.
    pub fn objection(&self, found: &Found, refresh_margin: Duration, now: Duration) -> Option<Reason> {
        let minimum = self.kind.minimum_life(refresh_margin);
        if found.entry.time_left(now) < cache::margin(&found.entry, minimum) {
            return Some(Reason::InsideMargin);
        }
        self.rejects(found, now).then_some(Reason::Rejected)
    }

    /// Whether this client got the same credential before, longer than the grace period ago. The age of the
    /// entry does not matter: the client may have got it just now.
    fn rejects(&self, found: &Found, now: Duration) -> bool {
        let Some(History { caller, .. }) = &self.history else { return false };
        let had_for = now.saturating_sub(Duration::from_millis(caller.row.served_unix_ms));
        let grace_period = self.kind.grace_period(caller.row.replacements);
        caller.row.served == found.fingerprint && grace_period.is_some_and(|period| had_for >= period)
    }

    /// Records which credential the client got, for its next call and for the last use of the entry.
    ///
    /// Creates the lock file if it is missing, so that a rejection is noticed even if nothing was stored
    /// since the file was deleted.
    pub fn remember_served(&mut self, store: &Store, fingerprint: u64, now: Duration) {
        if self.history.is_none() && self.kind != ClientKind::Person {
            let open = |subject| Some(History::of(Callers::open_or_create(store)?, subject, now));
            self.history = self.subject.and_then(open);
        }
        let Some(History { callers, caller }) = &mut self.history else { return };
        let is_new = caller.row.served != fingerprint;
        if is_new {
            caller.row.served = fingerprint;
            caller.row.served_unix_ms = unix_ms(now);
        }
        if is_new || unix_ms(now).saturating_sub(caller.written_unix_ms) > USE_RESOLUTION_MS {
            callers.remember(caller, now);
        }
    }
}

/// The process of [`Client::process`], for a call without a cache.
pub fn calling_process(call: &Call<'_>) -> Option<Process> {
    recognize(config::value(call.environment, EXEC_INFO).as_deref()).1
}

/// The kind of the client, and its process. The name of the process is only looked up if it matters.
fn recognize(exec_info: Option<&OsStr>) -> (ClientKind, Option<Process>) {
    let parent = sys::parent_id();
    if exec_info.is_some_and(|info| is_client_go(info.as_encoded_bytes()))
        && let Some(process) = sys::leading_parent(parent)
    {
        return (ClientKind::ClientGo, Some(process));
    }
    let caller = sys::process_info(parent).map(behind_shell);
    (ClientKind::recognize(exec_info, caller.as_ref()), caller.map(|caller| caller.process))
}

/// Whether client-go wrote this `KUBERNETES_EXEC_INFO`.
pub fn is_client_go(exec_info: &[u8]) -> bool {
    exec_info.ends_with(b"\n")
}

fn behind_shell(parent: ProcessInfo) -> ProcessInfo {
    let is_young = || sys::process_age(&parent.process).is_some_and(|age| age < YOUNG_SHELL);
    match is_shell(parent.name.as_str()) && is_young() {
        true => sys::process_info(parent.parent_id).unwrap_or(parent),
        false => parent,
    }
}

/// A login shell's name may begin with a dash.
fn is_shell(name: &str) -> bool {
    matches!(
        name.strip_prefix('-').unwrap_or(name),
        "sh" | "bash" | "dash" | "zsh" | "ash" | "ksh" | "mksh" | "busybox" | "fish"
    )
}

/// Whether the program runs commands for a person.
fn is_launcher(name: &str) -> bool {
    matches!(name, "make" | "gmake" | "xargs" | "watch" | "parallel" | "just")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(exec_info: Option<&str>, name: &str) -> ClientKind {
        let process = Process { id: 7, started: 7 };
        let caller = ProcessInfo { process, parent_id: 1, name: name.into() };
        ClientKind::recognize(exec_info.map(OsStr::new), Some(&caller))
    }

    #[test]
    fn clients_are_recognized_by_their_exec_info_and_their_name() {
        const COMPACT: &str = r#"{"kind":"ExecCredential"}"#;
        const BLANKS: &str = r#"{"kind": "ExecCredential"}"#;
        for (exec_info, name, expected) in [
            (Some("{\"kind\":\"ExecCredential\"}\n"), "kubectl", ClientKind::ClientGo),
            (Some("{\"kind\":\"ExecCredential\"}\n"), "python3", ClientKind::ClientGo),
            (Some(COMPACT), "controller", ClientKind::KubeRs),
            (Some(COMPACT), "python3.13", ClientKind::Python),
            (Some(BLANKS), "kopf", ClientKind::Python),
            (None, "python3", ClientKind::Other),
            (None, "java", ClientKind::Other),
            (None, "node", ClientKind::Other),
            (None, "", ClientKind::Other),
            (None, "bash", ClientKind::Person),
            (None, "-zsh", ClientKind::Person),
            (None, "make", ClientKind::Person),
            (None, "xargs", ClientKind::Person),
            (None, "watch", ClientKind::Person),
            (None, "bashful", ClientKind::Other),
        ] {
            assert_eq!(kind(exec_info, name), expected, "{exec_info:?} {name}");
        }
        assert_eq!(ClientKind::recognize(None, None), ClientKind::Other);
    }

    #[test]
    fn the_grace_period_doubles_only_for_clients_that_mostly_ask_for_other_reasons() {
        let periods = |kind: ClientKind| {
            [0, 1, 2, 5, 6, 255].map(|replacements| {
                kind.grace_period(replacements).map(|grace_period| grace_period.as_secs())
            })
        };
        assert_eq!(periods(ClientKind::KubeRs), [10, 20, 40, 320, 600, 600].map(Some));
        assert_eq!(periods(ClientKind::Python), [10, 20, 40, 320, 600, 600].map(Some));
        assert_eq!(periods(ClientKind::Other), [Some(10); 6]);
        assert_eq!(periods(ClientKind::ClientGo), [Some(0); 6]);
        assert_eq!(periods(ClientKind::Person), [None; 6]);
    }

    #[test]
    fn a_longer_refresh_margin_holds_for_every_client() {
        let minimum = |margin_s| {
            [
                ClientKind::ClientGo,
                ClientKind::KubeRs,
                ClientKind::Python,
                ClientKind::Other,
                ClientKind::Person,
            ]
            .map(|kind| kind.minimum_life(Duration::from_secs(margin_s)).as_secs())
        };
        assert_eq!(minimum(30), [30, 60, 300, 300, 30]);
        assert_eq!(minimum(400), [400; 5]);
    }
}
