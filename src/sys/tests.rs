//! What both platforms promise.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

const OFFSET: u64 = 1 << 41;
const LONG: Duration = Duration::from_secs(30);

fn folder() -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    (folder, directory)
}

fn name(name: &str) -> &OsStr {
    OsStr::new(name)
}

fn make(directory: &Directory, file: &str, content: &str) {
    write_all_at(&directory.create_new(name(file)).unwrap(), content.as_bytes(), 0).unwrap();
}

fn content(mut file: File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Runs `script`, in the syntax that the shells of both platforms share.
fn shell(script: &str) -> Program {
    let (shell, option) = if cfg!(windows) { ("cmd", "/c") } else { ("sh", "-c") };
    let [input, output] = [Standard::Pipe; 2];
    Program { input, output, ..Program::new([shell, option, script].map(OsString::from).to_vec()) }
}

/// Two processes. The second prints a line and waits for input that never arrives.
fn endless() -> ProcessGroup {
    let script = if cfg!(windows) { "cmd /c echo text^& set /p input=" } else { "(echo text; cat); true" };
    spawn_group(&shell(script)).unwrap()
}

/// The next line of `stdout`.
fn line(stdout: &mut Pipe) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while stdout.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap().trim_end().to_owned()
}

#[test]
fn a_program_that_does_not_exist_is_an_error_of_its_start() {
    let program = Program::new(vec![OsString::from("a-program-that-does-not-exist")]);
    assert_eq!(spawn(&program).err().map(|error| error.kind()), Some(ErrorKind::NotFound));
}

#[test]
fn a_locked_byte_belongs_to_one_open_file() {
    let (_folder, directory) = folder();
    let open = || directory.open_or_create(name("lock")).unwrap();
    let (one, other) = (open(), open());
    assert!(try_lock_byte(&one, OFFSET).unwrap());
    assert!(!try_lock_byte(&other, OFFSET).unwrap());
    assert!(try_lock_byte(&other, OFFSET + 1).unwrap());
    unlock_byte(&one, OFFSET).unwrap();
    assert!(try_lock_byte(&other, OFFSET).unwrap());
    drop(open());
    assert!(!try_lock_byte(&one, OFFSET).unwrap(), "closing another descriptor must not unlock");
    drop(other);
    assert!(try_lock_byte(&one, OFFSET).unwrap());
}

#[test]
fn a_lock_far_beyond_the_end_does_not_affect_the_content() {
    let (_folder, directory) = folder();
    make(&directory, "table", "0123456789");
    let (holder, other) =
        (directory.open_or_create(name("table")).unwrap(), directory.open_or_create(name("table")).unwrap());
    assert!(try_lock_byte(&holder, OFFSET).unwrap());
    write_all_at(&other, b"ab", 4).unwrap();
    assert_eq!(content(directory.open_private(name("table")).unwrap()), "0123ab6789");
}

#[test]
fn reading_returns_fewer_bytes_only_at_the_end() {
    let (_folder, directory) = folder();
    make(&directory, "file", "0123456789");
    let file = directory.open_private(name("file")).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(read_at(&file, &mut buffer, 3).unwrap(), 4);
    assert_eq!(&buffer, b"3456");
    assert_eq!(read_at(&file, &mut buffer, 8).unwrap(), 2);
    assert_eq!(read_at(&file, &mut buffer, 10).unwrap(), 0);
}

#[test]
fn a_file_that_was_replaced_or_removed_has_lost_its_name() {
    let (_folder, directory) = folder();
    make(&directory, "old", "");
    make(&directory, "new", "");
    make(&directory, "removed", "");
    let named = |file: &str| directory.open_private(name(file)).unwrap();
    let still = |file: &str, opened: &File| directory.still_names(name(file), opened).unwrap();

    let new = named("new");
    assert!(still("new", &new) && !still("old", &new));
    drop(new);
    directory.replace(name("new"), name("old")).unwrap();
    assert_eq!(directory.open_private(name("new")).unwrap_err().kind(), ErrorKind::NotFound);
    let renamed = named("old");
    assert!(!still("new", &renamed) && still("old", &renamed) && !still("removed", &renamed));
    directory.remove(name("removed")).unwrap();
    assert!(!still("removed", &renamed));
}

#[test]
fn a_file_that_a_reader_has_open_can_be_replaced() {
    let (_folder, directory) = folder();
    make(&directory, "file", "old");
    make(&directory, "temporary", "new");
    let reader = directory.open_private(name("file")).unwrap();
    let (starting, started) = mpsc::channel();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            starting.send(()).unwrap();
            directory.replace(name("temporary"), name("file"))
        });
        started.recv().unwrap();
        assert_eq!(content(reader), "old");
        writer.join().unwrap().unwrap();
    });
    assert_eq!(content(directory.open_private(name("file")).unwrap()), "new");
}

#[test]
fn creating_a_file_that_exists_fails() {
    let (_folder, directory) = folder();
    make(&directory, "file", "");
    assert_eq!(directory.create_new(name("file")).unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn only_a_regular_file_is_opened() {
    let (folder, directory) = folder();
    fs::create_dir(folder.path().join("directory")).unwrap();
    let kind = |path: &Path| open_private(path).unwrap_err().kind();
    assert_eq!(kind(&folder.path().join("directory")), ErrorKind::InvalidData);
    assert_eq!(kind(&folder.path().join("absent")), ErrorKind::NotFound);
    assert_eq!(directory.open_private(name("absent")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(open_for_update(&folder.path().join("absent")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_directory_is_created_with_its_parents_and_a_file_is_rejected() {
    let (folder, directory) = folder();
    let deep = folder.path().join("a").join("b");
    Directory::make(&deep).unwrap();
    Directory::make(&deep).unwrap();
    assert!(deep.is_dir());
    make(&directory, "file", "");
    assert!(Directory::make(&folder.path().join("file")).is_err());
}

#[test]
fn log_lines_are_appended() {
    use std::io::Write;
    let (folder, _directory) = folder();
    let path = folder.path().join("log");
    for line in ["one\n", "two\n"] {
        open_log(&path).unwrap().write_all(line.as_bytes()).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), "one\ntwo\n");
}

#[test]
fn a_stamp_distinguishes_files_and_contents() {
    let (folder, directory) = folder();
    let stamp = |file: &str| file_stamp(&folder.path().join(file)).unwrap();
    make(&directory, "one", "1");
    make(&directory, "two", "1");
    let (one, modified) =
        (stamp("one"), fs::metadata(folder.path().join("one")).unwrap().modified().unwrap());
    assert_eq!(one, stamp("one"));
    assert_ne!(one.inode, stamp("two").inode);
    assert_eq!(one.modified_ns, modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i128);
    fs::write(folder.path().join("one"), "12").unwrap();
    assert_eq!((stamp("one").inode, stamp("one").size), (one.inode, 2));
    assert!(file_stamp(folder.path()).is_ok());
    assert!(file_stamp(&folder.path().join("absent")).is_err());
}

#[test]
fn a_content_of_equal_size_and_time_has_another_change_time() {
    let (folder, directory) = folder();
    make(&directory, "file", "1");
    let path = folder.path().join("file");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let before = file_stamp(&path).unwrap();
    // The kernel's time stamps advance in ticks.
    while file_stamp(&path).unwrap() == before {
        fs::write(&path, "2").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }
    let after = file_stamp(&path).unwrap();
    assert!(after.changed_ns > before.changed_ns && after.has_same_content(&before));
}

#[test]
fn a_clock_goes_forward_and_the_steady_one_too() {
    let (wall, steady) = (now(), steady_clock());
    assert!(wall.as_secs() > 1_700_000_000);
    while steady_clock() == steady {}
    assert!(steady_clock() > steady);
}

#[test]
fn the_parent_stays_the_same() {
    let parent = process_info(parent_id());
    assert_eq!(parent, process_info(parent_id()));
    // A Windows program that was started from outside of wine has no parent.
    #[cfg(unix)]
    assert_eq!(parent.map(|parent| parent.process.id), Some(std::os::unix::process::parent_id()));
}

#[test]
fn a_stream_is_readable_if_it_has_data_or_has_ended() {
    let mut group = endless();
    let mut stdout = group.child.output.take().unwrap();
    assert!(wait_readable(&stdout, LONG).unwrap());
    assert_eq!(line(&mut stdout), "text");
    assert!(!wait_readable(&stdout, Duration::ZERO).unwrap());
    group.end(End::Force);
    assert!(wait_readable(&stdout, LONG).unwrap());
    group.child.wait().unwrap();
}

#[test]
fn a_group_ends_with_its_children() {
    let mut group = endless();
    let mut stdout = group.child.output.take().unwrap();
    assert_eq!(line(&mut stdout), "text");
    group.end(End::Force);
    // The output ends when the last process that holds it is gone.
    assert_eq!(stdout.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert!(!group.child.wait().unwrap().success());
}

#[test]
fn the_exit_status_of_a_program_is_passed_on() {
    for status in [0, 3, 255] {
        let mut child = spawn_forwarding_signals(&shell(&format!("exit {status}"))).unwrap();
        let ended = child.wait().unwrap();
        stop_forwarding();
        assert_eq!(exit_status(ended), status);
        assert!(!was_interrupted(ended));
    }
}

#[test]
fn a_program_is_found_by_its_path_and_on_path() {
    let shell = find_program(name(if cfg!(windows) { "cmd" } else { "sh" })).unwrap();
    assert!(shell.is_absolute());
    assert_eq!(find_program(shell.as_os_str()), Some(shell));
    assert_eq!(find_program(name("no-program-has-this-name")), None);
}

#[test]
fn a_shell_can_be_executed_and_a_text_file_cannot() {
    let (folder, directory) = folder();
    make(&directory, "text", "");
    assert!(may_execute(&find_program(name(if cfg!(windows) { "cmd" } else { "sh" })).unwrap()));
    assert!(!may_execute(&folder.path().join("text")));
    assert!(!may_execute(folder.path()));
}

#[test]
fn only_existing_files_can_be_written_to() {
    let (folder, directory) = folder();
    make(&directory, "file", "content");
    let file = folder.path().join("file");
    assert!(may_write(&file) && may_write(folder.path()));
    assert!(!may_write(&folder.path().join("absent")));
    assert_eq!(fs::read_to_string(file).unwrap(), "content");
}
