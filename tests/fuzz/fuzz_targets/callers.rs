//! Any bytes as the table of callers: a row that was never written is not found, and a row that was
//! written is found again.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::sync::LazyLock;
use std::time::Duration;

use k8s_token_cache::proxy::callers::{CallerRow, Callers, Ending, Failure, Subject, unix_ms};
use k8s_token_cache::sys::{Process, write_all_at};
use program::NOW;
use program::fuzz_target;

/// One descriptor for all inputs, because the program never closes the table.
static TABLE: LazyLock<RawFd> = LazyLock::new(|| {
    // SAFETY: the name is a string; the result is checked.
    let descriptor = unsafe { libc::memfd_create(c"callers".as_ptr(), 0) };
    assert!(descriptor >= 0);
    descriptor
});

fuzz_target!(|input: (&[u8], u32, u64, u8)| {
    let (content, id, started, status) = input;
    // SAFETY: the descriptor is never closed.
    let [table, file] = [(); 2].map(|()| unsafe { ManuallyDrop::new(File::from_raw_fd(*TABLE)) });
    table.set_len(0).unwrap();
    write_all_at(&table, content, 0).unwrap();
    let callers = Callers::new(ManuallyDrop::into_inner(file));
    let name = *b"an entry's name.";
    let subjects = [Subject::key(&name), Subject::caller(&name, Process { id, started })];
    for subject in subjects {
        assert_eq!(callers.recall(subject, NOW).row, CallerRow::default());
    }
    let failure = Failure::new(status, NOW);
    for subject in subjects {
        callers.update(subject, NOW, |row| {
            row.served = started;
            row.heals = status;
            row.fail(failure);
        });
        let row = callers.recall(subject, NOW).row;
        assert_eq!((row.served, row.heals, row.ending), (started, status, Ending::Failed(failure)));
        assert_eq!(row.ended_unix_ms, unix_ms(NOW));
        assert_eq!(row.recent_failure(NOW), Some(failure));
        let _ = row.rejects(started, Duration::from_secs(started));
        // A row from the future is ignored.
        assert_eq!(callers.recall(subject, NOW - Duration::from_secs(1)).row, CallerRow::default());
    }
});
