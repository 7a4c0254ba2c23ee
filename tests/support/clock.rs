//! A movable clock for the program under test and its plugins. The program needs no support for it.
//!
//! A small C library (`clock.c`), built once and preloaded, replaces libc's clocks, sleeps and waits. A
//! [`Clock`] is the file that tells the library the offset of the time of day and the speed of waits.
//! Needs a C compiler and a dynamically linked program; statically linked clients such as kubectl see
//! the real time.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::credential::now_unix_s;
use super::{Call, skip};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/clock.c");

/// The clock of one test.
pub struct Clock {
    path: PathBuf,
    file: File,
    offset_s: i64,
    speed: i64,
}

impl Clock {
    /// Shows the real time until it is moved. `None` if the library is not available, which is reported.
    pub fn new(directory: &Path) -> Option<Clock> {
        library()?;
        let path = directory.join("test-clock");
        let file = File::options().create_new(true).write(true).open(&path).unwrap();
        let clock = Clock { path, file, offset_s: 0, speed: 1 };
        clock.write();
        Some(clock)
    }

    /// Makes waits and the monotonic clock that many times faster. Only before the first call.
    pub fn speed(mut self, times: i64) -> Clock {
        self.speed = times;
        self.write();
        self
    }

    /// Moves the time of day, also of running processes; a negative number moves it into the past.
    pub fn advance(&mut self, seconds: i64) {
        self.offset_s += seconds;
        self.write();
    }

    /// The time of day that the program sees, in seconds since the Unix epoch.
    pub fn now_unix_s(&self) -> i64 {
        now_unix_s() + self.offset_s
    }

    /// The environment that makes a program use this clock.
    pub fn environment(&self) -> [(&'static str, &Path); 2] {
        let library = library().expect("a clock exists only with its library");
        [("LD_PRELOAD", library), ("TEST_CLOCK_OUTPUT", &self.path)]
    }

    fn write(&self) {
        let mut setting = [0; 16];
        setting[..8].copy_from_slice(&(self.offset_s * 1_000_000_000).to_ne_bytes());
        setting[8..].copy_from_slice(&self.speed.to_ne_bytes());
        self.file.write_all_at(&setting, 0).unwrap();
    }
}

/// The built library, or `None` if it cannot be built or does not work.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(|| build().filter(|library| works(library))).as_deref()
}

fn build() -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        skip("the test clock works on Linux only");
        return None;
    }
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clock.so");
    if is_newer(&library, Path::new(SOURCE)) {
        return Some(library);
    }
    // Built under another name and renamed: several test programs may do this at the same time.
    let new = library.with_extension(format!("{}.so", std::process::id()));
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", SOURCE, "-ldl", "-o"])
        .arg(&new)
        .status();
    if !built.is_ok_and(|status| status.success()) {
        skip("the test clock needs 'cc', a C compiler");
        return None;
    }
    fs::rename(new, &library).unwrap();
    Some(library)
}

fn is_newer(built: &Path, source: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    time(built).is_some_and(|built| Some(built) > time(source))
}

/// Whether the library changes the time of a program: runs `date` an hour ahead.
fn works(library: &Path) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let setting = directory.path().join("clock");
    fs::write(&setting, [3_600_000_000_000_i64.to_ne_bytes(), 1_i64.to_ne_bytes()].concat()).unwrap();
    let run = Call::new("date")
        .arg("+%s")
        .env("PATH", "/usr/bin:/bin")
        .env("LD_PRELOAD", library)
        .env("TEST_CLOCK_OUTPUT", &setting)
        .run();
    let seen: i64 = run.stdout_text().trim().parse().unwrap_or_default();
    let moved = Duration::from_secs(seen.abs_diff(now_unix_s())) > Duration::from_secs(3_000);
    if !moved {
        skip("the test clock has no effect here");
    }
    moved
}
