//! Damaged, foreign or missing cache and lock files: each is a miss, does no harm, and is replaced by a
//! working cache if that is possible.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::support::{Credential, HOUR, Plugin, Sandbox, make_fifo};

/// A cache with one entry, and a plugin that would print another credential now.
struct Primed {
    sandbox: Sandbox,
    plugin: Plugin,
    stored: Vec<u8>,
    newer: Vec<u8>,
}

impl Primed {
    fn new(encryption: &str) -> Primed {
        let sandbox = Sandbox::new();
        sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", encryption);
        let plugin = sandbox.plugin("plugin");
        let [stored, newer] =
            ["stored", "newer"].map(|token| Credential::token(token).expires_in(HOUR).bytes());
        plugin.prints(&stored);
        let primed = Primed { sandbox, plugin, stored, newer };
        primed.call();
        primed.plugin.prints(&primed.newer);
        assert!(primed.call() == primed.stored, "the cache is primed");
        primed
    }

    fn cache_file(&self) -> PathBuf {
        self.sandbox.cache_file()
    }

    fn read(&self) -> Vec<u8> {
        fs::read(self.cache_file()).unwrap()
    }

    fn remove(&self) {
        fs::remove_file(self.cache_file()).unwrap();
    }

    /// What a call prints. Checks that it succeeds and writes nothing to stderr.
    fn call(&self) -> Vec<u8> {
        let run = self.sandbox.shell(&self.plugin).run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()));
        run.stdout
    }

    fn assert_misses(&self, what: &str) {
        assert_eq!(self.call(), self.newer, "{what}");
    }

    /// Checks that the next call is a hit and that the file is valid.
    fn assert_healed(&self, what: &str) {
        let runs = self.plugin.runs();
        assert_eq!(self.call(), self.newer, "{what}");
        assert_eq!(self.plugin.runs(), runs, "{what}: no hit");
        assert_eq!(self.sandbox.entries(), 1, "{what}");
    }

    fn assert_misses_and_heals(&self, what: &str) {
        self.assert_misses(what);
        self.assert_healed(what);
    }
}

/// A hit does not read the closing brackets at the end of the file. If only these are missing, the entry
/// may still be served.
fn assert_survives_truncation(encryption: &str) {
    let primed = Primed::new(encryption);
    let whole = primed.read();
    let mut served = 0;
    for length in 0..whole.len() {
        let what = format!("{length} of {} bytes", whole.len());
        fs::write(primed.cache_file(), &whole[..length]).unwrap();
        let answer = primed.call();
        if answer == primed.stored {
            served += 1;
            assert!(whole.len() - length <= 8, "{what}: served from a torn file");
        } else {
            assert_eq!(answer, primed.newer, "{what}");
            primed.assert_healed(&what);
        }
    }
    assert!(served <= 8);
}

#[test]
fn an_encrypted_file_truncated_at_any_byte_is_a_miss_and_heals() {
    assert_survives_truncation("file");
}

#[test]
fn a_plain_file_truncated_at_any_byte_is_a_miss_and_heals() {
    assert_survives_truncation("off");
}

#[test]
fn a_damaged_file_is_a_miss_and_heals() {
    let primed = Primed::new("file");
    let whole = primed.read();
    let damaged: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("zeros", vec![0; whole.len()]),
        ("a megabyte of zeros", vec![0; 1 << 20]),
        ("zeros after the first line", zeroed_after_first_line(&whole)),
        ("ones after the first line", [first_line(&whole), &[0xff; 1000]].concat()),
    ];
    for (what, bytes) in damaged {
        fs::write(primed.cache_file(), bytes).unwrap();
        primed.assert_misses_and_heals(what);
        primed.remove();
        primed.assert_misses_and_heals(what);
    }
}

/// It may be another program's, so it stays; see `tests/it/paths.rs`.
#[test]
fn a_file_that_begins_otherwise_is_a_miss_and_stays() {
    let primed = Primed::new("file");
    let whole = primed.read();
    let others: Vec<(&str, Vec<u8>)> = vec![
        ("ones", vec![0xff; whole.len()]),
        ("newlines", vec![b'\n'; 5000]),
        ("an empty object", b"{}".to_vec()),
        ("brackets", vec![b'['; 100_000]),
        ("a byte order mark", [b"\xef\xbb\xbf".as_slice(), &whole].concat()),
        ("the file without its first line", after_first_line(&whole).to_vec()),
        ("reversed", whole.iter().rev().copied().collect()),
    ];
    for (what, bytes) in others {
        fs::write(primed.cache_file(), &bytes).unwrap();
        primed.assert_misses(what);
        primed.assert_misses(what);
        assert!(primed.read() == bytes, "{what}");
    }
}

fn after_first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    &bytes[end + 1..]
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap()
}

fn zeroed_after_first_line(bytes: &[u8]) -> Vec<u8> {
    let rest = after_first_line(bytes).len();
    let mut zeroed = bytes.to_vec();
    zeroed[bytes.len() - rest..].fill(0);
    zeroed
}

/// The numbers point outside the file, overlap, overflow, or are not numbers.
#[test]
fn wrong_numbers_in_the_index_serve_no_wrong_bytes() {
    let primed = Primed::new("off");
    let whole = String::from_utf8(primed.read()).unwrap();
    let entries = whole.find("\"entries\"").unwrap();
    let digit_runs: Vec<(usize, usize)> = digit_runs(&whole[..entries]);
    assert!(digit_runs.len() > 4, "the index has numbers: {}", &whole[..entries]);
    for (start, length) in digit_runs {
        for digit in ['9', '0', ' ', '-', 'x'] {
            let mut lying = whole.clone();
            lying.replace_range(start..start + length, &digit.to_string().repeat(length));
            fs::write(primed.cache_file(), &lying).unwrap();
            let answer = primed.call();
            assert!(answer == primed.stored || answer == primed.newer);
            // Restore the file for the next case.
            fs::write(primed.cache_file(), &whole).unwrap();
            assert_eq!(primed.call(), primed.stored);
        }
    }
}

/// Start and length, in bytes, of every run of digits.
fn digit_runs(text: &str) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.match_indices(|letter: char| letter.is_ascii_digit()) {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}

#[test]
fn a_newer_format_version_is_a_miss_and_is_not_overwritten() {
    let primed = Primed::new("file");
    let whole = String::from_utf8(primed.read()).unwrap();
    assert!(whole.starts_with("{\"version\":1,"), "{:.40}", whole);
    let newer = whole.replacen("\"version\":1,", "\"version\":2,", 1);
    fs::write(primed.cache_file(), &newer).unwrap();
    primed.assert_misses("version 2");
    primed.assert_misses("version 2");
    assert_eq!(String::from_utf8(primed.read()).unwrap(), newer);
}

#[test]
fn a_directory_instead_of_the_cache_file_is_a_miss_and_is_kept() {
    let primed = Primed::new("file");
    primed.remove();
    fs::create_dir(primed.cache_file()).unwrap();
    fs::write(primed.cache_file().join("precious"), "data").unwrap();
    primed.assert_misses("a directory");
    primed.assert_misses("a directory");
    assert_eq!(fs::read(primed.cache_file().join("precious")).unwrap(), b"data");
    assert_only_cache_files(&primed.sandbox.cache_directory());
}

#[test]
fn a_fifo_instead_of_the_cache_file_is_a_miss_and_does_not_hang() {
    let primed = Primed::new("file");
    primed.remove();
    make_fifo(&primed.cache_file());
    primed.assert_misses("a FIFO");
    primed.assert_misses("a FIFO");
}

#[test]
fn a_symlink_instead_of_the_cache_file_leaves_its_target_alone() {
    let primed = Primed::new("file");
    let precious = primed.sandbox.home().join("precious");
    let missing = primed.sandbox.home().join("missing");
    fs::write(&precious, "data").unwrap();
    for target in [&precious, &missing, &primed.cache_file()] {
        let _ = fs::remove_file(primed.cache_file());
        symlink(target, primed.cache_file()).unwrap();
        primed.assert_misses(&format!("a link to {target:?}"));
        primed.assert_misses(&format!("a link to {target:?}"));
        assert!(primed.cache_file().is_symlink());
    }
    assert_eq!(fs::read(&precious).unwrap(), b"data");
    assert!(!missing.exists());
}

/// The lock file also holds the table of callers; neither is required to print a credential.
#[test]
fn a_damaged_lock_file_does_not_cost_the_credential() {
    let primed = Primed::new("file");
    let lock = primed.sandbox.lock_file();
    let precious = primed.sandbox.home().join("precious");
    fs::write(&precious, "data").unwrap();
    let contents: [&[u8]; 3] = [b"", &[0; 4096], b"k8s-token-cache lock 1\n"];
    for content in contents {
        fs::write(&lock, content).unwrap();
        assert_eq!(primed.call(), primed.stored, "a hit");
        primed.remove();
        primed.assert_misses_and_heals("lock file with other content");
        primed.plugin.prints(&primed.stored);
        primed.remove();
        primed.call();
        primed.plugin.prints(&primed.newer);
    }
    let makers: [&dyn Fn(); 3] =
        [&|| fs::create_dir(&lock).unwrap(), &|| make_fifo(&lock), &|| symlink(&precious, &lock).unwrap()];
    for make in makers {
        fs::remove_file(&lock).or_else(|_| fs::remove_dir(&lock)).unwrap();
        make();
        assert_eq!(primed.call(), primed.stored, "a hit");
        let run = primed.sandbox.shell(&primed.plugin).arg("another key").run();
        run.assert_prints(&primed.newer);
    }
    assert_eq!(fs::read(&precious).unwrap(), b"data");
}

/// Checks that no temporary file of a writer is left.
pub fn assert_only_cache_files(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "token.json" || name == "token.json.lock", "left behind: {name}");
    }
}
