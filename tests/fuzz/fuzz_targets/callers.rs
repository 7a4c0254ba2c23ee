//! Any bytes as the rows of the table of callers: a row that was not written counts as missing, and a row
//! that was written is found again.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::sync::LazyLock;
use std::time::Duration;

use k8s_token_cache::cache::lock_file::{self, BLOCK_BYTES, ROW_BYTES};
use k8s_token_cache::proxy::callers::{CallerRow, Callers, Ending, KeyRow, Subject};
use k8s_token_cache::proxy::failure::{Failure, unix_ms};
use k8s_token_cache::sys::{Process, write_all_at};
use program::NOW;
use program::fuzz_target;

/// One for all inputs, because the program never closes the table.
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
    write_all_at(&table, &table_with(content), 0).unwrap();
    let callers = Callers::new(ManuallyDrop::into_inner(file));
    let name = *b"an entry's name.";
    let caller = Subject::caller(&name, Process { id, started });
    let key = Subject::key(&name);
    assert_eq!(callers.recall(caller, NOW).row, CallerRow::default());
    assert_eq!(callers.recall(key, NOW).row, KeyRow::default());
    assert_eq!(callers.last_use_unix_ms(&name, NOW), 0);

    let failure = Failure::new(status, NOW);
    callers.update(caller, NOW, |row| {
        *row =
            CallerRow { served: started, served_unix_ms: started, replacements: status, failure: Some(failure) };
    });
    callers.update(key, NOW, |row| row.fail(failure));
    let row = callers.recall(caller, NOW).row;
    assert_eq!((row.served, row.replacements, row.failure), (started, status, Some(failure)));
    assert_eq!(callers.recall(key, NOW).row.ending, Ending::Failed { status });
    assert_eq!(callers.last_use_unix_ms(&name, NOW), unix_ms(NOW));
    // A row from the future counts as missing.
    assert_eq!(callers.recall(caller, NOW - Duration::from_secs(1)).row, CallerRow::default());
});

/// A table whose rows have the content.
fn table_with(content: &[u8]) -> Vec<u8> {
    let mut table = lock_file::empty_table();
    let rows = table.chunks_mut(BLOCK_BYTES).map(|block| &mut block[ROW_BYTES..]);
    for (rows, content) in rows.zip(content.chunks(BLOCK_BYTES - ROW_BYTES)) {
        rows[..content.len()].copy_from_slice(content);
    }
    table
}
