//! The table of callers and keys: what is recalled, evicted, torn, foreign or forgotten.

use std::fs;
use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::proxy::failure::Failure;

const NOW: Duration = Duration::from_millis(1_769_846_400_123);
const MS: Duration = Duration::from_millis(1);
const NAME: Name = *b"an entry's name.";
const OTHER: Name = *b"another's name..";
const CLIENT: Process = Process { id: 42, started: 77 };

fn empty_table() -> Callers {
    table_of(&lock_file::empty_table())
}

fn table_of(bytes: &[u8]) -> Callers {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Callers::new(file)
}

fn bytes_of(table: &Callers) -> Vec<u8> {
    let mut bytes = vec![0; table.0.metadata().unwrap().len() as usize];
    sys::read_at(&table.0, &mut bytes, 0).unwrap();
    bytes
}

fn caller(id: u32) -> Subject<CallerRow> {
    Subject::caller(&NAME, Process { id, ..CLIENT })
}

fn served(fingerprint: u64) -> CallerRow {
    CallerRow { served: fingerprint, ..CallerRow::default() }
}

impl Callers {
    fn serve(&self, subject: Subject<CallerRow>, fingerprint: u64, now: Duration) {
        self.update(subject, now, |row| row.served = fingerprint);
    }

    fn served(&self, subject: Subject<CallerRow>, now: Duration) -> u64 {
        self.recall(subject, now).row.served
    }
}

/// Callers that share one set of the table.
fn neighbors(count: usize) -> Vec<Subject<CallerRow>> {
    let wanted = caller(CLIENT.id).offset();
    (0..).map(caller).filter(|subject| subject.offset() == wanted).take(count).collect()
}

#[test]
fn callers_and_keys_are_told_apart() {
    let table = empty_table();
    let subjects = [
        caller(42),
        caller(43),
        // Another container's first process has the same id.
        Subject::caller(&NAME, Process { started: 78, ..CLIENT }),
        Subject::caller(&OTHER, CLIENT),
    ];
    for (subject, fingerprint) in subjects.iter().zip(1..) {
        assert_eq!(table.served(*subject, NOW), 0);
        table.serve(*subject, fingerprint, NOW);
    }
    for (name, failures) in [(&NAME, 1), (&OTHER, 2)] {
        table.update(Subject::key(name), NOW, |row| row.failures = failures);
    }
    for (subject, fingerprint) in subjects.iter().zip(1..) {
        assert_eq!(table.served(*subject, NOW), fingerprint);
    }
    for (name, failures) in [(&NAME, 1), (&OTHER, 2)] {
        assert_eq!(table.recall(Subject::key(name), NOW).row.failures, failures);
    }
}

#[test]
fn a_full_set_evicts_its_oldest_row() {
    let table = empty_table();
    let subjects = neighbors(lock_file::ROWS_PER_BLOCK + 2);
    let at = |number: usize| NOW + Duration::from_secs(number as u64);
    for (number, subject) in subjects[..lock_file::ROWS_PER_BLOCK].iter().enumerate() {
        table.serve(*subject, number as u64 + 1, at(number));
    }
    // The first row is written again, so the second and then the third are the oldest.
    table.serve(subjects[0], 100, at(20));
    table.serve(subjects[lock_file::ROWS_PER_BLOCK], 200, at(21));
    table.serve(subjects[lock_file::ROWS_PER_BLOCK + 1], 300, at(22));
    let recalled: Vec<u64> = subjects.iter().map(|subject| table.served(*subject, at(23))).collect();
    assert_eq!(recalled, [100, 0, 0, 4, 5, 6, 7, 8, 200, 300]);
}

#[test]
fn many_callers_evict_no_key_and_the_table_stays_small() {
    let table = empty_table();
    table.update(Subject::key(&NAME), NOW, |row| row.refresh_failures = 3);
    for id in 0..1000 {
        table.serve(caller(id), 1, NOW + MS);
    }
    assert_eq!(table.recall(Subject::key(&NAME), NOW + MS).row.refresh_failures, 3);
    assert!(bytes_of(&table).len() as u64 <= TABLE_BYTES as u64);
    let known = (0..1000).filter(|id| table.served(caller(*id), NOW + MS) == 1).count();
    assert_eq!(known as u64, Area::CALLERS.sets * lock_file::ROWS_PER_BLOCK as u64);
}

/// The offset of the only row of the table.
fn row_start(bytes: &[u8]) -> usize {
    let mut rows = bytes.chunks(ROW_BYTES).enumerate();
    let is_row = |row: &[u8]| !lock_file::is_ours(row) && row.iter().any(|byte| *byte != 0);
    rows.find(|(_, row)| is_row(row)).unwrap().0 * ROW_BYTES
}

#[test]
fn a_torn_row_counts_as_missing() {
    let table = empty_table();
    let row = CallerRow {
        served_unix_ms: 9,
        replacements: 3,
        failure: Some(Failure::new(9, NOW)),
        ..served(u64::MAX)
    };
    table.update(caller(42), NOW, |known| *known = row);
    let bytes = bytes_of(&table);
    let start = row_start(&bytes);
    for at in start..start + ROW_BYTES {
        for change in [1, 0x10, 0x80, 0xff] {
            let mut torn = bytes.clone();
            torn[at] ^= change;
            assert_eq!(table_of(&torn).recall(caller(42), NOW).row, CallerRow::default(), "{at}");
        }
        assert_eq!(table_of(&bytes[..at]).recall(caller(42), NOW).row, CallerRow::default(), "{at}");
    }
}

#[test]
fn two_halves_of_different_rows_count_as_missing() {
    let table = empty_table();
    table.serve(caller(42), 7, NOW);
    let old = bytes_of(&table);
    table.serve(caller(42), 8, NOW + MS);
    let new = bytes_of(&table);
    let start = row_start(&old);
    for at in start..start + ROW_BYTES {
        let torn = [&new[..at], &old[at..]].concat();
        let row = table_of(&torn).recall(caller(42), NOW + MS).row;
        assert!([CallerRow::default(), served(7), served(8)].contains(&row), "{at}");
        assert_eq!(row == served(7), torn == old, "{at}");
        assert_eq!(row == served(8), torn == new, "{at}");
    }
}

/// A user who can write to the file knows only the half of the name that is in it.
#[test]
fn a_forged_row_counts_as_missing() {
    let forged = Subject::caller(b"an entry's game.", CLIENT);
    assert_eq!(forged.offset(), caller(42).offset());
    let table = empty_table();
    table.serve(forged, 7, NOW);
    assert_eq!(table.served(forged, NOW), 7);
    assert_eq!(table.recall(caller(42), NOW).row, CallerRow::default());
}

#[test]
fn a_row_from_the_future_counts_as_missing_and_is_evicted_first() {
    let table = empty_table();
    let subjects = neighbors(lock_file::ROWS_PER_BLOCK + 1);
    table.serve(subjects[0], 1, NOW + MS);
    assert_eq!(table.recall(subjects[0], NOW).row, CallerRow::default());
    assert_eq!(table.served(subjects[0], NOW + MS), 1);
    for (subject, fingerprint) in subjects[1..].iter().zip(2..) {
        table.serve(*subject, fingerprint, NOW - Duration::from_secs(60));
    }
    let recalled: Vec<u64> = subjects.iter().map(|subject| table.served(*subject, NOW + MS)).collect();
    assert_eq!(recalled, [0, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn read_and_write_errors_are_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table");
    fs::write(&path, lock_file::empty_table()).unwrap();
    let read_only = Callers::new(File::open(&path).unwrap());
    read_only.serve(caller(42), 7, NOW);
    assert_eq!(read_only.served(caller(42), NOW), 0);
    let write_only = Callers::new(File::options().write(true).open(&path).unwrap());
    // What cannot be read may not be ours, so it is not written either.
    write_only.serve(caller(42), 7, NOW);
    assert_eq!(write_only.served(caller(42), NOW), 0);
    assert_eq!(read_only.served(caller(42), NOW), 0);
}

#[test]
fn the_table_is_the_beginning_of_the_lock_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::at(&directory.path().join("token.json")).unwrap();
    assert!(Callers::open(&store).is_none());
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());

    Callers::open_or_create(&store).unwrap().serve(caller(42), 7, NOW);
    assert!(directory.path().join("token.json.lock").exists());
    assert_eq!(Callers::open(&store).unwrap().served(caller(42), NOW), 7);
}

#[test]
fn forgetting_a_key_forgets_its_callers_and_nothing_else() {
    let table = empty_table();
    let other = Subject::caller(&OTHER, CLIENT);
    table.serve(caller(42), 7, NOW);
    table.serve(other, 8, NOW);
    table.update(Subject::key(&NAME), NOW, |row| row.fail(Failure::new(3, NOW)));
    table.forget(&[NAME], NOW);
    assert_eq!(table.served(caller(42), NOW), 0);
    assert_eq!(table.recall(Subject::key(&NAME), NOW).row, KeyRow::default());
    assert_eq!(table.served(other, NOW), 8);
    table.forget_all();
    assert_eq!(table.served(other, NOW), 0);
}

#[test]
fn the_last_use_of_a_key_is_that_of_its_latest_caller() {
    let table = empty_table();
    assert_eq!(table.last_use_unix_ms(&NAME, NOW), 0);
    for id in 0..20 {
        table.serve(caller(id), 1, NOW - MS * (19 - id));
    }
    table.serve(Subject::caller(&OTHER, CLIENT), 1, NOW + MS);
    assert_eq!(table.last_use_unix_ms(&NAME, NOW + MS), unix_ms(NOW));
}

#[test]
fn the_pause_after_failures_doubles_until_a_success() {
    let mut row = KeyRow::default();
    assert_eq!(row.failure(NOW), None);
    for pause_s in [10, 20, 40] {
        row.fail(Failure::new(3, NOW));
        let pause = Duration::from_secs(pause_s);
        assert_eq!(row.failure(NOW), Some((Failure::new(3, NOW), pause)));
        assert_eq!(row.failure(NOW + pause), None);
    }
    row.succeed();
    assert_eq!(row.failure(NOW), None);
    row.fail(Failure::new(3, NOW));
    assert_eq!(row.failure(NOW).map(|(_, left)| left.as_secs()), Some(10));
    row.end_without_entry(NOW);
    assert_eq!(row.failure(NOW), None);
}

#[test]
fn a_run_counts_for_calls_that_began_to_wait_before_its_end() {
    let mut row = KeyRow::default();
    assert_eq!(row.ending_since(Duration::ZERO), Ending::None);
    row.end_without_entry(NOW);
    assert_eq!(row.ending_since(NOW - MS), Ending::NotStored);
    assert_eq!(row.ending_since(NOW), Ending::NotStored);
    assert_eq!(row.ending_since(NOW + MS), Ending::None);
    row.fail(Failure::new(3, NOW + MS));
    assert_eq!(row.ending_since(NOW), Ending::Failed { status: 3 });
    assert_eq!(row.ending_since(NOW + 2 * MS), Ending::None);
}

fn failure() -> impl Strategy<Value = Option<Failure>> {
    prop::option::of(any::<(u8, u64)>().prop_map(|(status, unix_ms)| Failure { status, unix_ms }))
}

fn ending() -> impl Strategy<Value = Ending> {
    (0..3, any::<u8>()).prop_map(|(kind, status)| match kind {
        0 => Ending::None,
        1 => Ending::NotStored,
        _ => Ending::Failed { status },
    })
}

proptest! {
    #[test]
    fn rows_of_any_numbers_come_back(
        numbers in any::<(u64, u64, u64, u64, u64)>(), counts in any::<(u8, u8, u8, u32)>(),
        failure in failure(), ending in ending(), name in any::<Name>(), process in any::<(u32, u64)>(),
    ) {
        let (served, served_unix_ms, ended_unix_ms, refresh_paused_until_unix_ms, taken_over_unix_ms) = numbers;
        let (replacements, failures, refresh_failures, refreshed_by) = counts;
        let caller = CallerRow { served, served_unix_ms, replacements, failure };
        let key = KeyRow {
            ending, ended_unix_ms, failures, refresh_paused_until_unix_ms, refresh_failures, refreshed_by,
            taken_over_unix_ms,
        };
        let table = empty_table();
        let subject = Subject::caller(&name, Process { id: process.0, started: process.1 });
        table.update(subject, NOW, |row| *row = caller);
        table.update(Subject::key(&name), NOW, |row| *row = key);
        prop_assert_eq!(table.recall(subject, NOW).row, caller);
        prop_assert_eq!(table.recall(Subject::key(&name), NOW).row, key);
    }

    #[test]
    fn rows_of_any_bytes_count_as_missing(bytes in prop::collection::vec(any::<u8>(), TABLE_BYTES)) {
        let mut marked = bytes;
        for (block, empty) in marked.chunks_mut(SET_BYTES).zip(lock_file::empty_table().chunks(SET_BYTES)) {
            block[..ROW_BYTES].copy_from_slice(&empty[..ROW_BYTES]);
        }
        let table = table_of(&marked);
        prop_assert_eq!(table.served(caller(42), NOW), 0);
        prop_assert_eq!(table.recall(Subject::key(&NAME), NOW).row, KeyRow::default());
        prop_assert_eq!(table.last_use_unix_ms(&NAME, NOW), 0);
        table.serve(caller(42), 7, NOW);
        prop_assert_eq!(table.served(caller(42), NOW), 7);
    }

    #[test]
    fn a_file_that_is_not_ours_gets_no_rows(bytes in prop::collection::vec(any::<u8>(), 0..2 * SET_BYTES)) {
        for content in [bytes.repeat(12), bytes] {
            let table = table_of(&content);
            table.serve(caller(42), 7, NOW);
            table.update(Subject::key(&NAME), NOW, |row| row.failures = 9);
            table.forget(&[NAME], NOW);
            table.forget_all();
            prop_assert_eq!(table.served(caller(42), NOW), 0);
            prop_assert!(table.keepers().is_empty());
            prop_assert_eq!(bytes_of(&table), content);
        }
    }
}
