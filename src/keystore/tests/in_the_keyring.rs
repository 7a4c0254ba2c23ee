//! The Linux user keyring, with descriptions that only tests use. Tests change their rights (user,
//! session, system calls) in a thread of their own, because Linux keeps these per thread.

use std::ffi::CString;
use std::io;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libc::{c_int, c_long};

use super::*;

const THREAD_KEYRING: c_long = -1;
const USER_KEYRING: c_long = -4;
const USER_SESSION_KEYRING: c_long = -5;

const KEYCTL_GET_KEYRING_ID: c_long = 0;
const KEYCTL_JOIN_SESSION_KEYRING: c_long = 1;
const KEYCTL_REVOKE: c_long = 3;
const KEYCTL_LINK: c_long = 8;
const KEYCTL_UNLINK: c_long = 9;
const KEYCTL_SET_TIMEOUT: c_long = 15;
const KEYCTL_INVALIDATE: c_long = 21;

/// User ids that no system uses; one for each test.
const STRANGER: u32 = 61235;
const STRANGER_WITH_FULL_QUOTA: u32 = 61236;

/// A key with a description that no other test uses. It is removed at the end.
struct Scratch {
    keyring: Keyring,
}

impl Scratch {
    /// `None`, and a message, if the tests run without a keyring.
    fn new() -> Option<Scratch> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let description = CString::new(format!("k8s-token-cache-test-{}-{number}", process::id())).unwrap();
        let keyring = Keyring { description: Box::leak(description.into_boxed_c_str()) };
        match keyring.read() {
            Ok(_) => Some(Scratch { keyring }),
            Err(error) => {
                skipped(&error.to_string());
                None
            }
        }
    }

    fn places<'a>(&self, state_dir: &'a Path) -> Places<'a> {
        Places { keyring: self.keyring, state_dir: Some(state_dir) }
    }

    fn serial(&self) -> c_long {
        self.keyring.search().unwrap()
    }

    /// Adds a key as `keyctl add` does.
    fn add_without_permissions(&self) {
        add_key(self.keyring.description.to_str().unwrap(), &KEY, USER_KEYRING).unwrap();
    }

    /// An expired or revoked key cannot be found to remove it, so another key replaces it first.
    fn remove(&self) {
        self.keyring.put(&SecretKey::zeroed()).unwrap();
        keyctl(KEYCTL_UNLINK, self.serial(), USER_KEYRING).unwrap();
        assert!(self.keyring.read().unwrap().is_none());
    }
}

/// A test that fails removes its key too.
impl Drop for Scratch {
    fn drop(&mut self) {
        if !thread::panicking() {
            return self.remove();
        }
        let _ = self.keyring.put(&SecretKey::zeroed());
        if let Ok(serial) = self.keyring.search() {
            let _ = keyctl(KEYCTL_UNLINK, serial, USER_KEYRING);
        }
    }
}

fn keyctl(operation: c_long, first: c_long, second: c_long) -> io::Result<c_long> {
    // SAFETY: the operations above take numbers, or 0 for no name.
    match unsafe { libc::syscall(libc::SYS_keyctl, operation, first, second) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

fn add_key(description: &str, payload: &[u8], keyring: c_long) -> io::Result<c_long> {
    let description = CString::new(description).unwrap();
    // SAFETY: the strings end in NUL, the payload has the length that is given, all outlive the call.
    let serial = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            description.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            keyring,
        )
    };
    if serial < 0 { Err(io::Error::last_os_error()) } else { Ok(serial) }
}

/// Only a process that possesses a key can expire, revoke or change it.
fn possess_all_keys() {
    keyctl(KEYCTL_LINK, USER_KEYRING, THREAD_KEYRING).unwrap();
}

fn in_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Does `work` in a session like those of systemd's `KeyringMode=private` and of `pam_keyinit force`: its
/// keyring is anonymous and has no link to the user's.
fn in_a_new_session<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    in_a_thread(|| {
        keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0).unwrap();
        work()
    })
}

/// Does `work` as another user in the same session, like `sudo -u`.
fn as_user<T: Send>(user: u32, work: impl FnOnce() -> T + Send) -> T {
    in_a_new_session(|| {
        // SAFETY: takes numbers. libc's own function would change all threads.
        assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, user, user, user) }, 0);
        let _keyrings = KeyringsOfAStranger;
        work()
    })
}

/// Removes the keyrings that the kernel has created for this thread's user.
struct KeyringsOfAStranger;

impl Drop for KeyringsOfAStranger {
    fn drop(&mut self) {
        // Ask for both numbers first: asking for one by name creates the other one again.
        let keyrings =
            [USER_KEYRING, USER_SESSION_KEYRING].map(|name| keyctl(KEYCTL_GET_KEYRING_ID, name, 0));
        for keyring in keyrings.into_iter().flatten() {
            let _ = keyctl(KEYCTL_INVALIDATE, keyring, 0);
        }
    }
}

fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Does `work` like in a container whose seccomp filter forbids the system calls of the keyring.
pub fn without_keyring<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    with_keyring_calls_failing(libc::EPERM, work)
}

fn with_keyring_calls_failing<T: Send>(errno: c_int, work: impl FnOnce() -> T + Send) -> T {
    in_a_thread(|| {
        install_filter(errno);
        work()
    })
}

/// Applies to this thread only.
fn install_filter(errno: c_int) {
    let forbidden = [libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl];
    let statement =
        |code: u32, jt: usize, k: u32| libc::sock_filter { code: code as u16, jt: jt as u8, jf: 0, k };
    // The number of the system call is the first word of the data that a filter reads.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (index, number) in forbidden.into_iter().enumerate() {
        let to_the_last = forbidden.len() - index;
        filter.push(statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_the_last, number as u32));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    filter.push(statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | errno as u32));

    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and what it points to outlive the calls.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

#[test]
fn the_key_is_in_the_keyring_and_not_on_disk() {
    let Some(scratch) = Scratch::new() else { return };
    for mode in [Mode::Auto, Mode::Keyring] {
        scratch.remove();
        let home = Home::new();
        let state_dir = home.state_dir();
        let places = scratch.places(&state_dir);

        assert!(places.find(mode).unwrap().is_none());
        assert!(!state_dir.exists());
        let first = made(&places, mode);
        assert_eq!(first.1, KeyOrigin::Keyring);
        assert_ne!(first, Found([0; 32], KeyOrigin::Keyring));
        assert_eq!(home.names(), ["key.lock"]);

        assert_eq!(found(&places, mode).unwrap(), first);
        assert_eq!(made(&places, mode), first);
    }
}

#[test]
fn the_keyring_works_without_a_state_directory() {
    let Some(scratch) = Scratch::new() else { return };
    let places = Places { keyring: scratch.keyring, state_dir: None };
    let first = made(&places, Mode::Auto);
    assert_eq!(found(&places, Mode::Auto).unwrap(), first);
    assert_eq!(first.1, KeyOrigin::Keyring);
}

#[test]
fn the_keyring_works_without_a_lock() {
    let Some(scratch) = Scratch::new() else { return };
    let home = Home::new();
    fs::create_dir_all(home.state_dir().join("key.lock")).unwrap();
    let state_dir = home.state_dir();
    assert_eq!(made(&scratch.places(&state_dir), Mode::Auto).1, KeyOrigin::Keyring);
}

#[test]
fn processes_that_are_first_at_the_same_time_get_one_key_of_the_keyring() {
    let Some(scratch) = Scratch::new() else { return };
    // More rounds could fill the quota of a user other than root: the kernel counts dead keys until
    // it collects them.
    for _ in 0..8 {
        scratch.remove();
        let home = Home::new();
        let state_dir = home.state_dir();
        let keys = at_once(8, || made(&scratch.places(&state_dir), Mode::Auto));
        assert!(all_equal(&keys));
    }
}

#[test]
fn a_new_session_reads_the_key_and_can_replace_it() {
    let Some(scratch) = Scratch::new() else { return };
    let home = Home::new();
    let state_dir = home.state_dir();
    let places = scratch.places(&state_dir);

    let first = made(&places, Mode::Keyring);
    in_a_new_session(|| assert_eq!(found(&places, Mode::Keyring).unwrap(), first));

    scratch.remove();
    let first = in_a_new_session(|| made(&places, Mode::Keyring));
    in_a_new_session(|| assert_eq!(found(&places, Mode::Keyring).unwrap(), first));
    assert_eq!(found(&places, Mode::Keyring).unwrap(), first);
}

#[test]
fn another_user_in_the_same_session_has_another_key() {
    let Some(scratch) = Scratch::new() else { return };
    if !is_root() {
        return skipped("only root can become another user");
    }
    let places = Places { keyring: scratch.keyring, state_dir: None };
    let ours = made(&places, Mode::Auto);
    as_user(STRANGER, || {
        assert!(places.find(Mode::Auto).unwrap().is_none());
        let theirs = made(&places, Mode::Auto);
        assert_eq!(theirs.1, KeyOrigin::Keyring);
        assert_ne!(theirs, ours);
        assert_eq!(found(&places, Mode::Auto).unwrap(), theirs);
        scratch.remove();
    });
    assert_eq!(found(&places, Mode::Auto).unwrap(), ours);
}

#[test]
fn an_unusable_key_is_not_found_and_is_replaced() {
    let Some(scratch) = Scratch::new() else { return };
    let description = scratch.keyring.description.to_str().unwrap();
    let ways_to_spoil: [(&str, &(dyn Fn() -> io::Result<c_long> + Sync)); 4] = [
        ("expired", &|| {
            let done = keyctl(KEYCTL_SET_TIMEOUT, scratch.serial(), 1);
            await_errno(&scratch, libc::EKEYEXPIRED);
            done
        }),
        ("revoked", &|| keyctl(KEYCTL_REVOKE, scratch.serial(), 0)),
        ("too short", &|| add_key(description, &[7; 31], USER_KEYRING)),
        ("too long", &|| add_key(description, &[7; 33], USER_KEYRING)),
    ];
    for (name, spoil) in ways_to_spoil {
        let home = Home::new();
        let state_dir = home.state_dir();
        let places = scratch.places(&state_dir);
        let spoiled = made(&places, Mode::Auto);
        in_a_thread(|| {
            possess_all_keys();
            spoil().unwrap();
        });
        // From a session without any special rights over the old key.
        in_a_new_session(|| {
            for mode in [Mode::Auto, Mode::Keyring] {
                assert!(places.find(mode).unwrap().is_none(), "{name}");
            }
            let replaced = made(&places, Mode::Auto);
            assert_ne!(replaced, spoiled, "{name}");
            assert_eq!(found(&places, Mode::Auto).unwrap(), replaced, "{name}");
        });
        assert_eq!(home.names(), ["key.lock"], "{name}");
    }
}

/// Such a key was created by hand, without our permissions. The session gets the link that makes it
/// readable, and the sessions that could read the key before keep it.
#[test]
fn a_key_that_only_possessors_may_read_is_linked_and_kept() {
    let Some(scratch) = Scratch::new() else { return };
    scratch.add_without_permissions();
    let places = Places { keyring: scratch.keyring, state_dir: None };
    in_a_new_session(|| {
        assert!(places.find(Mode::Keyring).unwrap().is_none());
        let made = made(&places, Mode::Keyring);
        assert_eq!(made, Found(KEY, KeyOrigin::Keyring));
        assert_eq!(found(&places, Mode::Keyring).unwrap(), made);
    });
}

/// Waits until the kernel, which counts in seconds, returns `errno` for the key.
fn await_errno(scratch: &Scratch, errno: c_int) {
    loop {
        match scratch.keyring.search() {
            Ok(_) => thread::sleep(Duration::from_millis(5)),
            Err(error) => return assert_eq!(error.raw_os_error(), Some(errno)),
        }
    }
}

#[test]
fn without_a_keyring_auto_uses_the_key_file_and_keyring_is_an_error() {
    for (errno, why) in [
        (libc::EPERM, "operation not permitted"),
        (libc::ENOSYS, "function not implemented"),
        (libc::EACCES, "permission denied"),
    ] {
        let home = Home::new();
        let state_dir = home.state_dir();
        with_keyring_calls_failing(errno, || {
            assert!(find(Mode::Auto, Some(&state_dir)).unwrap().is_none());
            let first = Found::from(find_or_create(Mode::Auto, Some(&state_dir)).unwrap());
            assert_eq!(first.1, KeyOrigin::File);
            assert_eq!(Found::from(find(Mode::Auto, Some(&state_dir)).unwrap().unwrap()), first);

            for error in [
                find(Mode::Keyring, Some(&state_dir)).unwrap_err(),
                find_or_create(Mode::Keyring, Some(&state_dir)).unwrap_err(),
            ] {
                assert_eq!(error.exit_status(), 1);
                let expected = format!(
                    "K8S_TOKEN_CACHE_ENCRYPTION=keyring: cannot use the kernel's user keyring: {why}\nhint: "
                );
                assert!(error.to_string().starts_with(&expected), "{error}");
            }
        });
        assert_eq!(home.names(), ["key", "key.lock"]);
    }
}

#[test]
fn without_keyring_and_directory_there_is_an_error_and_no_key() {
    without_keyring(|| {
        assert!(find(Mode::Auto, None).unwrap().is_none());
        let error = find_or_create(Mode::Auto, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Cache);
    });
}

#[test]
fn with_a_full_quota_auto_uses_the_key_file_and_keyring_is_an_error() {
    let Some(scratch) = Scratch::new() else { return };
    let home = Home::new();
    if !is_root() {
        return skipped("only root can fill another user's quota");
    }
    std::os::unix::fs::chown(home.dir.path(), Some(STRANGER_WITH_FULL_QUOTA), None).unwrap();
    let state_dir = home.state_dir();
    let places = scratch.places(&state_dir);
    as_user(STRANGER_WITH_FULL_QUOTA, || {
        assert!(places.find(Mode::Auto).unwrap().is_none());
        fill_quota();

        assert!(places.find(Mode::Auto).unwrap().is_none());
        let first = made(&places, Mode::Auto);
        assert_eq!(first.1, KeyOrigin::File);
        assert_eq!(found(&places, Mode::Auto).unwrap(), first);
        assert_eq!(made(&places, Mode::Auto), first);

        let error = places.find_or_create(Mode::Keyring).unwrap_err();
        assert_eq!(error.kind(), Kind::Cache);
        assert!(error.to_string().contains("keyring: the user's quota of keys is full"), "{error}");
    });
}

/// Fills it in the thread's keyring, which ends with the thread.
fn fill_quota() {
    let full =
        (0..10_000).find_map(|number| add_key(&format!("filler {number}"), b"-", THREAD_KEYRING).err());
    assert_eq!(full.unwrap().raw_os_error(), Some(libc::EDQUOT));
}

#[test]
fn after_a_reboot_the_key_file_is_used_until_the_keyring_has_a_key() {
    let Some(scratch) = Scratch::new() else { return };
    let home = Home::new();
    let state_dir = home.state_dir();
    let places = scratch.places(&state_dir);

    let in_file = without_keyring(|| made(&places, Mode::Auto));
    assert_eq!(found(&places, Mode::Auto).unwrap(), in_file);

    let in_keyring = made(&places, Mode::Auto);
    assert_eq!(in_keyring.1, KeyOrigin::Keyring);
    assert!(in_keyring.0 != in_file.0);
    assert_eq!(found(&places, Mode::Auto).unwrap(), in_keyring);
    without_keyring(|| assert_eq!(found(&places, Mode::Auto).unwrap(), in_file));
}

#[test]
fn an_unusable_key_file_is_ignored_if_the_keyring_works() {
    let Some(scratch) = Scratch::new() else { return };
    let home = Home::with_key_file(b"not a key");
    let state_dir = home.state_dir();
    let places = scratch.places(&state_dir);
    assert!(places.find(Mode::Auto).unwrap().is_none());
    assert_eq!(made(&places, Mode::Auto).1, KeyOrigin::Keyring);
}
