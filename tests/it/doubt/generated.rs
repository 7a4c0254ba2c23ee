//! Generated calls: the cache never prints what the plugin printed for a call that it answers differently.

use std::fs;
use std::path::PathBuf;

use super::Setting;
use crate::support::Call;

const STEPS: usize = 150;

/// A xorshift generator: each run generates the same calls.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn choose<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// Two directories in which a relative path leads to different files, and a file that both may use.
struct World {
    setting: Setting,
    directories: [PathBuf; 2],
    shared: PathBuf,
}

impl World {
    fn new() -> World {
        let setting = Setting::new();
        let directories = ["one", "other"].map(|name| setting.home(name));
        for directory in &directories {
            fs::create_dir(directory).unwrap();
            setting.add_plugin(&directory.join("tool"), directory.to_str().unwrap());
        }
        let shared = setting.home("shared.conf");
        World { setting, directories, shared }
    }

    /// Changes a file that the plugin may look at, or none.
    fn change_a_file(&self, random: &mut Random) {
        let content = random.below(3).to_string();
        match random.below(20) {
            0 => self.setting.write(&self.shared, &content),
            1 => self.setting.write(&self.directories[random.below(2)].join("c"), &content),
            2 => self.setting.write(&self.setting.home(".aws/config"), &content),
            3 => self.setting.add_plugin(&self.setting.programs.join("corp-login"), &content),
            _ => {}
        }
    }

    /// The plugin with a few arguments, directly or behind something.
    fn command(&self, random: &mut Random) -> Vec<String> {
        let shared = self.shared.display().to_string();
        let flag = format!("--config={shared}");
        let choices = ["a", "b", "c", "./c", "-cc", "--config", "--config=./c", &flag, &shared];
        let program = random.choose(&["corp-login", "corp-login", "corp-login", "./tool"]);
        let mut words = vec![program.to_owned()];
        words.extend((0..random.below(3)).map(|_| random.choose(&choices).to_owned()));
        let line = words.join(" ");
        let shell = |program: &str, script: String| vec![program.to_owned(), "-c".to_owned(), script];
        let front: &[&str] = match random.below(9) {
            0 => return shell("sh", line + " | cat"),
            1 => return shell("bash", "set -e; ".to_owned() + &line),
            2 => return vec!["env".to_owned(), "-S".to_owned(), line],
            3 => &["env", "STAGE=dev"],
            4 => &["nice"],
            5 => &["timeout", "50"],
            _ => &[],
        };
        front.iter().map(|word| (*word).to_owned()).chain(words).collect()
    }
}

const NAMES: [&str; 7] = ["STAGE", "VAULT_ADDR", "TERM", "TMUX", "KUBECONFIG", "LANG", "AWS_PROFILE"];
const VALUES: [Option<&str>; 3] = [None, Some("dev"), Some("/prd")];

/// What the plugin can see, besides files.
#[derive(Clone, Debug)]
struct Generated {
    command: Vec<String>,
    directory: usize,
    values: [Option<&'static str>; NAMES.len()],
}

impl Generated {
    fn new(world: &World, random: &mut Random) -> Generated {
        let values = NAMES.map(|_| VALUES[random.below(3)]);
        Generated { command: world.command(random), directory: random.below(2), values }
    }

    /// The same call, or one that differs in one thing.
    fn neighbor(mut self, random: &mut Random) -> Generated {
        match random.below(4) {
            0 => self.directory = 1 - self.directory,
            1 => self.values[random.below(NAMES.len())] = VALUES[random.below(3)],
            _ => {}
        }
        self
    }

    fn apply(&self, world: &World, call: Call) -> Call {
        let call = call.current_dir(&world.directories[self.directory]);
        let set = NAMES.iter().zip(self.values).filter_map(|(name, value)| Some((name, value?)));
        set.fold(call, |call, (name, value)| call.env(name, value))
    }
}

#[test]
fn no_generated_call_gets_the_answer_for_another_one() {
    let world = World::new();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut generated: Vec<Generated> = Vec::new();
    let mut hits = 0;
    for step in 0..STEPS {
        world.change_a_file(&mut random);
        let next = match random.below(4) {
            1.. if step > 0 => generated[random.below(step)].clone().neighbor(&mut random),
            _ => Generated::new(&world, &mut random),
        };
        let words: Vec<&str> = next.command.iter().map(String::as_str).collect();
        let right = next.apply(&world, world.setting.alone(&words)).run().stdout_text();
        let before = world.setting.runs();
        let run = next.apply(&world, world.setting.cached(&words)).by_another_caller().run();
        assert_eq!(run.stdout_text(), right, "step {step}: {next:?}");
        hits += usize::from(world.setting.runs() == before);
        generated.push(next);
    }
    // A test in which nothing hits proves nothing.
    assert!(hits >= STEPS / 10, "{hits} hits");
}
