//! Edits of files that other programs write at the same time.

use super::{TestDirectory, inject};
#[cfg(unix)]
use crate::kubeconfig::files::EditError;
use crate::kubeconfig::files::{EditOutcome, OnBusy, edit_file};
use crate::kubeconfig::plan::UserState;

const ONE_USER: &str = "users:
- name: a
  user:
    exec:
      args:
      - get-token
      command: aws
";

/// Edits a file that another program opened before it is replaced, and writes to afterwards.
#[cfg(unix)]
fn edit_while_late(name: &str, newer: &str) -> (Result<EditOutcome, EditError>, String) {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    let directory = TestDirectory::new(name);
    let path = directory.0.join("config");
    std::fs::write(&path, ONE_USER).unwrap();
    let inode = || std::fs::metadata(&path).unwrap().ino();
    let old = inode();
    let mut late = std::fs::File::options().write(true).open(&path).unwrap();
    let edited = std::thread::scope(|scope| {
        let edit = scope.spawn(|| edit_file(&path, OnBusy::Wait, &inject));
        while inode() == old {
            std::thread::yield_now();
        }
        late.set_len(0).unwrap();
        late.write_all(newer.as_bytes()).unwrap();
        edit.join().unwrap()
    });
    (edited, std::fs::read_to_string(&path).unwrap())
}

#[cfg(unix)]
#[test]
fn what_is_written_to_the_replaced_file_is_taken_over() {
    let newer = format!("{ONE_USER}- name: newer\n  user:\n    token: not-a-secret\n");
    let (edited, text) = edit_while_late("late", &newer);
    let Ok(EditOutcome::Done(plan)) = edited else { panic!("not edited") };
    assert_eq!(plan.users[0], ("a".to_owned(), UserState::Injected));
    assert_eq!(text, inject(&newer).unwrap().apply(&newer));
}

#[cfg(unix)]
#[test]
fn what_is_written_to_the_replaced_file_is_kept_even_if_refused() {
    let (edited, text) = edit_while_late("late-refused", "users: {}\n");
    assert!(matches!(edited, Err(EditError::Refused(_))));
    assert_eq!(text, "users: {}\n");
}

#[test]
fn an_edit_that_another_program_undoes_is_repeated() {
    let directory = TestDirectory::new("undone");
    let [path, lock] = ["config", "config.lock"].map(|name| directory.0.join(name));
    std::fs::write(&path, ONE_USER).unwrap();
    std::thread::scope(|scope| {
        let edit = scope.spawn(|| edit_file(&path, OnBusy::Wait, &inject));
        // A file that is written in place is complete once the lock is gone.
        while std::fs::read_to_string(&path).unwrap() == ONE_USER || lock.exists() {
            std::thread::yield_now();
        }
        std::fs::write(&path, ONE_USER).unwrap();
        let Ok(EditOutcome::Done(plan)) = edit.join().unwrap() else { panic!("not edited") };
        assert_eq!(plan.users, [("a".to_owned(), UserState::Injected)]);
    });
    let expected = inject(ONE_USER).unwrap().apply(ONE_USER);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}
