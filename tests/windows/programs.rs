//! Which file a command means: PATHEXT, PATH and paths.

use crate::plugin::Plugin;
use crate::support::{HOUR, Sandbox, credential};

#[test]
fn a_name_without_extension_is_completed_by_pathext() {
    let sandbox = Sandbox::new();
    let (command, batch) = (sandbox.plugin("gcloud.cmd"), sandbox.plugin("gcloud.bat"));
    for (extensions, plugin, other) in [(".CMD;.BAT", &command, &batch), (".BAT;.CMD", &batch, &command)] {
        let runs = (plugin.runs() + 1, other.runs());
        let credential = credential("t", HOUR);
        plugin.prints(&credential);
        sandbox.set("PATHEXT", extensions);
        sandbox.run(["gcloud", extensions]).assert_prints(&credential);
        assert_eq!((plugin.runs(), other.runs()), runs, "{extensions}");
    }
}

#[test]
fn without_pathext_batch_files_are_still_found() {
    let sandbox = Sandbox::new();
    sandbox.unset("PATHEXT");
    let plugin = sandbox.plugin("gcloud.cmd");
    sandbox.run(["gcloud"]);
    sandbox.run(["GCLOUD.CMD"]);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn every_spelling_of_a_path_finds_its_file() {
    let sandbox = Sandbox::new();
    let plugin = Plugin::new(sandbox.profile().join(r"a folder\aws.cmd"));
    let absolute = plugin.file().display().to_string();
    let drive_relative = absolute.strip_prefix("C:").unwrap_or(&absolute);
    let paths = [r"a folder\aws", "a folder/aws.cmd", r".\a folder\aws", &absolute, drive_relative];
    for (runs, path) in paths.into_iter().enumerate() {
        assert_eq!(sandbox.run([path]).status(), 0, "{path}");
        assert_eq!(plugin.runs(), runs + 1, "{path}");
    }
}

/// `cmd` would search the working directory first and could run a planted program.
#[test]
fn a_name_is_not_searched_in_the_working_directory() {
    let sandbox = Sandbox::new();
    let plugin = Plugin::new(sandbox.profile().join("aws.cmd"));
    sandbox.run(["aws"]).assert_own_error(127, "aws");
    assert_eq!(plugin.runs(), 0);
}
