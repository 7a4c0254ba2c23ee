//! A user with one plugin, whose credential lives for an hour.

use std::path::PathBuf;

use super::{Call, Credential, HOUR, Plugin, Sandbox};

pub struct Setting {
    pub sandbox: Sandbox,
    pub plugin: Plugin,
    /// What the plugin prints.
    pub credential: Vec<u8>,
}

impl Setting {
    pub fn new() -> Setting {
        Setting::with_token("t")
    }

    pub fn with_token(token: &str) -> Setting {
        Setting::of("plugin", token)
    }

    /// A plugin of that name.
    pub fn with_plugin(name: &str) -> Setting {
        Setting::of(name, "t")
    }

    fn of(plugin: &str, token: &str) -> Setting {
        let sandbox = Sandbox::new();
        let plugin = sandbox.plugin(plugin);
        let credential = Credential::token(token).expires_in(HOUR).bytes();
        plugin.prints(&credential);
        Setting { sandbox, plugin, credential }
    }

    /// A path in the home directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.sandbox.home().join(name)
    }

    /// The program with the plugin, as a client runs it.
    pub fn call(&self) -> Call {
        self.sandbox.cache(&self.plugin)
    }

    /// Whether `call` runs the plugin. Checks that the credential is printed, and nothing else.
    #[track_caller]
    pub fn misses(&self, call: Call) -> bool {
        let before = self.plugin.runs();
        call.run().assert_prints(&self.credential);
        self.plugin.runs() > before
    }
}

/// The call, made by a shell that first runs `preparation`.
pub fn after(preparation: &str, call: Call) -> Call {
    let script = format!("{preparation}; exec \"$@\"");
    call.behind(["/bin/sh", "-c", &script, "sh"])
}
