//! Rows of the table of callers: written, found again, damaged, replaced.

use std::fs;
use std::io::Write;

use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::from_millis(1_769_846_400_123);
const MS: Duration = Duration::from_millis(1);
const NAME: Name = *b"an entry's name.";
const CLIENT: Process = Process { id: 42, started: 77 };

fn empty_table() -> Callers {
    Callers::new(tempfile::tempfile().unwrap())
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

fn given(fingerprint: u64) -> CallerRow {
    CallerRow { served: fingerprint, ..CallerRow::default() }
}

fn row_without_zeros() -> CallerRow {
    let unix_ms = u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8]);
    CallerRow {
        served: u64::MAX,
        heals: 3,
        ending: Ending::Failed(Failure { status: 9, unix_ms }),
        ended_unix_ms: unix_ms,
        refresh_failures: 2,
        paused_until_unix_ms: u64::MAX,
        refreshed_by: u32::MAX,
    }
}

impl Callers {
    fn note(&self, subject: Subject, fingerprint: u64, now: Duration) {
        self.update(subject, now, |row| row.served = fingerprint);
    }

    fn given(&self, subject: Subject, now: Duration) -> u64 {
        self.recall(subject, now).row.served
    }
}

/// Subjects that share one set of the table.
fn neighbours(count: usize) -> Vec<Subject> {
    let wanted = Subject::caller(&NAME, CLIENT).offset();
    let callers = (0..).map(|id| Subject::caller(&NAME, Process { id, started: 77 }));
    callers.filter(|subject| subject.offset() == wanted).take(count).collect()
}

#[test]
fn what_was_remembered_is_recalled() {
    let table = empty_table();
    let subject = Subject::caller(&NAME, CLIENT);
    assert_eq!(table.recall(subject, NOW).row, CallerRow::default());
    let mut memory = table.recall(subject, NOW);
    memory.row = row_without_zeros();
    table.remember(&memory, NOW);
    assert_eq!(table.recall(subject, NOW).row, row_without_zeros());
    assert_eq!(table.recall(subject, NOW + Duration::from_secs(86_400)).row, row_without_zeros());
}

#[test]
fn callers_and_keys_are_told_apart() {
    let table = empty_table();
    let subjects = [
        Subject::key(&NAME),
        Subject::caller(&NAME, CLIENT),
        Subject::caller(&NAME, Process { id: 43, ..CLIENT }),
        // Another container's first process has the same id.
        Subject::caller(&NAME, Process { started: 78, ..CLIENT }),
        Subject::caller(b"another's name..", CLIENT),
        Subject::key(b"another's name.."),
    ];
    for (subject, fingerprint) in subjects.iter().zip(1..) {
        assert_eq!(table.given(*subject, NOW), 0);
        table.note(*subject, fingerprint, NOW);
    }
    for (subject, fingerprint) in subjects.iter().zip(1..) {
        assert_eq!(table.given(*subject, NOW), fingerprint);
    }
}

#[test]
fn a_full_set_forgets_what_was_written_longest_ago() {
    let table = empty_table();
    let subjects = neighbours(ROWS_PER_SET + 2);
    let at = |number: usize| NOW + Duration::from_secs(number as u64);
    for (number, subject) in subjects[..ROWS_PER_SET].iter().enumerate() {
        table.note(*subject, number as u64 + 1, at(number));
    }
    // The first is written again, so the second is the oldest now, and then the third.
    table.note(subjects[0], 100, at(20));
    table.note(subjects[ROWS_PER_SET], 200, at(21));
    table.note(subjects[ROWS_PER_SET + 1], 300, at(22));
    let recalled: Vec<u64> = subjects.iter().map(|subject| table.given(*subject, at(23))).collect();
    assert_eq!(recalled, [100, 0, 0, 4, 5, 6, 7, 8, 200, 300]);
}

#[test]
fn the_table_has_an_end() {
    let table = empty_table();
    for id in 0..1000 {
        table.note(Subject::caller(&NAME, Process { id, started: 77 }), 1, NOW);
    }
    assert_eq!(bytes_of(&table).len() as u64, SETS * SET as u64);
    let known = (0..1000)
        .filter(|id| table.given(Subject::caller(&NAME, Process { id: *id, started: 77 }), NOW) == 1);
    assert_eq!(known.count() as u64, SETS * ROWS_PER_SET as u64);
}

#[test]
fn a_torn_row_is_no_row() {
    let table = empty_table();
    let subject = Subject::caller(&NAME, CLIENT);
    table.update(subject, NOW, |row| *row = row_without_zeros());
    let bytes = bytes_of(&table);
    let start = bytes.iter().position(|byte| *byte != 0).unwrap() / ROW * ROW;
    for at in start..start + ROW {
        for change in [1, 0x10, 0x80, 0xff] {
            let mut torn = bytes.clone();
            torn[at] ^= change;
            assert_eq!(table_of(&torn).recall(subject, NOW).row, CallerRow::default(), "{at}");
        }
        assert_eq!(table_of(&bytes[..at]).recall(subject, NOW).row, CallerRow::default(), "{at}");
    }
}

#[test]
fn half_of_one_row_and_half_of_another_are_no_row() {
    let table = empty_table();
    let subject = Subject::caller(&NAME, CLIENT);
    table.note(subject, 7, NOW);
    let old = bytes_of(&table);
    table.note(subject, 8, NOW + MS);
    let new = bytes_of(&table);
    let start = old.iter().position(|byte| *byte != 0).unwrap() / ROW * ROW;
    for at in start..start + ROW {
        let torn = [&new[..at], &old[at..]].concat();
        let row = table_of(&torn).recall(subject, NOW + MS).row;
        assert!([CallerRow::default(), given(7), given(8)].contains(&row), "{at}");
        assert_eq!(row == given(7), torn == old, "{at}");
        assert_eq!(row == given(8), torn == new, "{at}");
    }
}

/// Whoever can write to the file knows the half of the name that stands in it, not the other one.
#[test]
fn a_foreign_row_is_no_row() {
    let subject = Subject::caller(&NAME, CLIENT);
    let foreign = Subject { name: *b"an entry's game.", ..subject };
    assert_eq!((foreign.key_half(), foreign.offset()), (subject.key_half(), subject.offset()));
    let table = empty_table();
    table.note(foreign, 7, NOW);
    assert_eq!(table.given(foreign, NOW), 7);
    assert_eq!(table.recall(subject, NOW).row, CallerRow::default());
}

#[test]
fn a_row_from_the_future_is_no_row_and_goes_first() {
    let table = empty_table();
    let subjects = neighbours(ROWS_PER_SET + 1);
    table.note(subjects[0], 1, NOW + MS);
    assert_eq!(table.recall(subjects[0], NOW).row, CallerRow::default());
    assert_eq!(table.given(subjects[0], NOW + MS), 1);
    for (subject, fingerprint) in subjects[1..].iter().zip(2..) {
        table.note(*subject, fingerprint, NOW - Duration::from_secs(60));
    }
    let recalled: Vec<u64> = subjects.iter().map(|subject| table.given(*subject, NOW + MS)).collect();
    assert_eq!(recalled, [0, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_table_that_cannot_be_read_is_empty_and_one_that_cannot_be_written_forgets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table");
    fs::write(&path, "").unwrap();
    let subject = Subject::key(&NAME);
    let read_only = Callers::new(File::open(&path).unwrap());
    read_only.note(subject, 7, NOW);
    assert_eq!(read_only.recall(subject, NOW).row, CallerRow::default());
    let write_only = Callers::new(File::options().write(true).open(&path).unwrap());
    write_only.note(subject, 7, NOW);
    assert_eq!(write_only.recall(subject, NOW).row, CallerRow::default());
    assert_eq!(read_only.given(subject, NOW), 7);
}

#[test]
fn the_table_is_the_beginning_of_the_lock_file() {
    let directory = tempfile::tempdir().unwrap();
    let cache_file = directory.path().join("token.json");
    assert!(Callers::open(&cache_file).is_none());
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
    assert!(Callers::open(Path::new("/")).is_none());

    fs::write(directory.path().join("token.json.lock"), "").unwrap();
    let subject = Subject::key(&NAME);
    Callers::open(&cache_file).unwrap().note(subject, 7, NOW);
    assert_eq!(Callers::open(&cache_file).unwrap().given(subject, NOW), 7);
}

#[test]
fn a_caller_that_asks_again_for_an_old_credential_rejects_it() {
    let row = given(7);
    assert!(!row.rejects(7, Duration::ZERO));
    assert!(!row.rejects(7, FIRST_PATIENCE));
    assert!(row.rejects(7, FIRST_PATIENCE + MS));
    assert!(!row.rejects(8, FIRST_PATIENCE + MS));
    assert!(!CallerRow::default().rejects(7, FIRST_PATIENCE + MS));
}

#[test]
fn patience_doubles_up_to_ten_minutes() {
    for (heals, patience_s) in
        [(0, 60), (1, 120), (2, 240), (3, 480), (4, 600), (5, 600), (9, 600), (255, 600)]
    {
        let row = CallerRow { heals, ..given(7) };
        assert!(!row.rejects(7, Duration::from_secs(patience_s)), "{heals}");
        assert!(row.rejects(7, Duration::from_secs(patience_s) + MS), "{heals}");
    }
}

#[test]
fn a_failure_is_remembered_for_ten_seconds() {
    let mut row = CallerRow::default();
    assert_eq!(row.recent_failure(NOW), None);
    let failure = Failure::new(3, NOW);
    row.fail(failure);
    assert_eq!(row.recent_failure(NOW), Some(failure));
    assert_eq!(row.recent_failure(NOW + Duration::from_millis(9_999)), Some(failure));
    assert_eq!(row.recent_failure(NOW + Duration::from_millis(10_001)), None);
    assert_eq!(failure.remembered_for(NOW + Duration::from_secs(4)), Some(Duration::from_secs(6)));
    assert_eq!(row.recent_failure(NOW - MS), None, "the clock went back");
    row.end_without_entry(NOW + MS);
    assert_eq!(row.recent_failure(NOW + MS), None);
}

#[test]
fn a_run_counts_for_those_who_began_to_wait_before_its_end() {
    let mut row = CallerRow::default();
    assert_eq!(row.ending_since(Duration::ZERO), Ending::None);
    row.end_without_entry(NOW);
    assert_eq!(row.ending_since(NOW - MS), Ending::NotStored);
    assert_eq!(row.ending_since(NOW), Ending::NotStored);
    assert_eq!(row.ending_since(NOW + MS), Ending::None);
    row.fail(Failure::new(3, NOW + MS));
    assert_eq!(row.ending_since(NOW), Ending::Failed(Failure { status: 3, unix_ms: unix_ms(NOW + MS) }));
    assert_eq!(row.ending_since(NOW + 2 * MS), Ending::None);
}

#[test]
fn milliseconds_have_an_end() {
    assert_eq!(unix_ms(NOW), 1_769_846_400_123);
    assert_eq!(unix_ms(Duration::MAX), u64::MAX);
}

fn ending() -> impl Strategy<Value = (Ending, u64)> {
    (0..3, any::<u8>(), any::<u64>()).prop_map(|(kind, status, unix_ms)| {
        let ending = match kind {
            0 => Ending::None,
            1 => Ending::NotStored,
            _ => Ending::Failed(Failure { status, unix_ms }),
        };
        (ending, unix_ms)
    })
}

proptest! {
    #[test]
    fn a_row_of_any_numbers_comes_back(
        given in any::<u64>(), counts in any::<(u8, u8, u32)>(), (ending, ended_unix_ms) in ending(),
        paused_until_unix_ms in any::<u64>(), name in any::<Name>(), id in any::<u32>(), started in any::<u64>(),
    ) {
        let (heals, refresh_failures, refreshed_by) = counts;
        let row =
            CallerRow { served: given, heals, ending, ended_unix_ms, refresh_failures, paused_until_unix_ms, refreshed_by };
        let table = empty_table();
        let subject = Subject::caller(&name, Process { id, started });
        table.update(subject, NOW, |known| *known = row);
        prop_assert_eq!(table.recall(subject, NOW).row, row);
    }

    #[test]
    fn a_table_of_any_bytes_is_an_empty_one(bytes in prop::collection::vec(any::<u8>(), 0..2 * SET)) {
        let table = table_of(&bytes.repeat(8));
        let subject = Subject::caller(&NAME, CLIENT);
        prop_assert_eq!(table.recall(subject, NOW).row, CallerRow::default());
        table.note(subject, 7, NOW);
        prop_assert_eq!(table.given(subject, NOW), 7);
    }
}
