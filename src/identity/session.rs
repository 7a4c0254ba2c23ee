//! The variables that sessions, terminals, desktops and editors set for their own use.
//!
//! For a command that the table does not understand, the whole environment counts except these variables: a
//! person who opens another terminal, or changes the directory, must still hit. A name that is not listed
//! counts. Prefixes are listed only if one program owns the namespace: `SSH_*` would exclude SSH_KEY, `LC_*`
//! LC_AWS_PROFILE, `*_SESSION_ID` CORP_SESSION_ID. `PATH` counts without what terminals and editors add to
//! it. Each line names the program or the document that says so; "GNOME Terminal" is the list in
//! src/terminal-client-utils.cc, which has the same purpose.

use std::ffi::{OsStr, OsString};

use super::texts::{Words, list};

const AGENT: &str = "SSH_AUTH_SOCK";

const NAMES: fn() -> Words = list![
    // bash(1), "Shell Variables"; the environment of every POSIX shell.
    "_ PWD OLDPWD SHLVL COLUMNS LINES",
    // bash(1), zshparam(1); PROMPT is also cmd.exe's.
    "PS0 PS1 PS2 PS3 PS4 PROMPT PROMPT2 RPROMPT RPS1 PROMPT_COMMAND PROMPT_DIRTRIM PROMPT_EOL_MARK",
    // bash(1), zshparam(1), less(1).
    "HISTFILE HISTSIZE HISTFILESIZE HISTCONTROL HISTIGNORE HISTTIMEFORMAT HISTCMD SAVEHIST LESSHISTFILE",
    // login(1), sshd (openssh-portable session.c), bash(1).
    "MAIL MAILCHECK MAILPATH",
    // KDE/konsole src/session/Session.cpp; macOS /etc/bashrc_Apple_Terminal, /etc/zshrc_Apple_Terminal.
    "SHELL_SESSION_ID SHELL_SESSION_DID_INIT SHELL_SESSION_DIR SHELL_SESSION_FILE SHELL_SESSION_HISTFILE",
    // bash(1), `bind -x` and `complete -C`; gpg-agent(1) (both also in kovidgoyal/kitty kitty/launch.py).
    "READLINE_ARGUMENT READLINE_LINE READLINE_MARK READLINE_POINT COMP_LINE COMP_POINT COMP_TYPE COMP_KEY GPG_TTY",
    // Prompts and histories: atuin and ble.sh (kitty/launch.py), starship, oh-my-posh, powerlevel10k.
    "ATUIN_SESSION ATUIN_HISTORY_ID BLE_SESSION_ID STARSHIP_SESSION_KEY STARSHIP_SHELL STARSHIP_START_TIME \
     POSH_PID POSH_SESSION_ID POSH_SHELL_VERSION _P9K_TTY _P9K_SSH_TTY P9K_SSH P9K_TTY",
    // GNOME Terminal; alacritty_terminal/src/tty/mod.rs, kitty/child.py, ghostty src/termio/Exec.zig, xterm(1).
    "TERM TERMCAP TERMINFO TERMINFO_DIRS COLORTERM COLORFGBG DEFAULT_COLORS WINDOWID WINDOWPATH",
    // GNOME/vte src/spawn.cc; GNOME Terminal; konsole src/session/SessionManager.cpp.
    "VTE_VERSION MLTERM WCWIDTH_CJK_LEGACY PROFILEHOME SHELL_ARGV0",
    // gnachman/iTerm2 sources/PTYSession.m; JetBrains' terminal.
    "LC_TERMINAL LC_TERMINAL_VERSION TERMINAL_EMULATOR",
    // tmux/tmux environ.c, spawn.c; its plugin manager.
    "TMUX TMUX_PANE TMUX_TMPDIR TMUX_PLUGIN_MANAGER_PATH",
    // GNU screen(1).
    "STY WINDOW SCREENDIR",
    // microsoft/terminal src/cascadia/TerminalConnection/ConptyConnection.cpp, TerminalApp/AppLogic.cpp.
    "WT_SESSION WT_PROFILE_ID WT_PROFILE WT_SETTINGS_DIR",
    // openssh/openssh-portable session.c.
    "SSH_TTY SSH_CLIENT SSH_CONNECTION SSH_ORIGINAL_COMMAND SSH_TUNNEL SSH_USER_AUTH SSH2_TTY SSH2_CLIENT",
    // ssh(1), ssh-agent(1); VS Code extensions/git/src/askpass.ts. They ask a person, and select none.
    "SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_AGENT_PID GIT_ASKPASS SUDO_ASKPASS",
    // X(7); tmux options-table.c (update-environment); sshd.
    "DISPLAY WAYLAND_DISPLAY WAYLAND_SOCKET XAUTHORITY ICEAUTHORITY SESSION_MANAGER",
    // dbus-launch(1). They lead to the key ring of the same person.
    "DBUS_SESSION_BUS_ADDRESS DBUS_SESSION_BUS_PID DBUS_SESSION_BUS_WINDOWID DBUS_STARTER_ADDRESS \
     DBUS_STARTER_BUS_TYPE",
    // pam_systemd(8), display managers; GNOME Terminal. XDG_CONFIG_HOME and the other directories count.
    "XDG_SESSION_ID XDG_SESSION_TYPE XDG_SESSION_CLASS XDG_SESSION_DESKTOP XDG_SESSION_PATH XDG_SEAT \
     XDG_SEAT_PATH XDG_VTNR XDG_GREETER_DATA_DIR XDG_CURRENT_DESKTOP XDG_MENU_PREFIX XDG_ACTIVATION_TOKEN",
    // gdm, gnome-session; GNOME Terminal.
    "DESKTOP_SESSION DESKTOP_STARTUP_ID DESKTOP_AUTOSTART_ID GDMSESSION GNOME_DESKTOP_SESSION_ID \
     GNOME_SHELL_SESSION_MODE GNOME_SETUP_DISPLAY GNOME_DESKTOP_ICON GIO_LAUNCHED_DESKTOP_FILE \
     GIO_LAUNCHED_DESKTOP_FILE_PID BAMF_DESKTOP_FILE_HINT GJS_DEBUG_OUTPUT GJS_DEBUG_TOPICS",
    // KDE's startplasma; Electron.
    "KDE_FULL_SESSION KDE_SESSION_UID KDE_SESSION_VERSION KDE_APPLICATIONS_AS_SCOPE \
     ORIGINAL_XDG_CURRENT_DESKTOP CHROME_DESKTOP",
    // im-config, desktop session scripts.
    "GTK_MODULES GTK_IM_MODULE QT_IM_MODULE QT_ACCESSIBILITY QT_AUTO_SCREEN_SCALE_FACTOR XMODIFIERS \
     IM_CONFIG_PHASE GDK_BACKEND",
    // systemd.exec(5). CREDENTIALS_DIRECTORY, RUNTIME_DIRECTORY and STATE_DIRECTORY count.
    "INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID MANAGERPID MANAGERPIDFDID MAINPID PIDFILE NOTIFY_SOCKET \
     LISTEN_FDS LISTEN_FDNAMES LISTEN_PID LISTEN_PIDFDID WATCHDOG_PID WATCHDOG_USEC MEMORY_PRESSURE_WATCH \
     MEMORY_PRESSURE_WRITE EXIT_CODE EXIT_STATUS SERVICE_RESULT REMOTE_ADDR REMOTE_PORT",
    // sudo(8): the whole command line, different at each call. SUDO_USER, SUDO_UID and SUDO_GID count.
    "SUDO_COMMAND",
    // macOS: launchd, CoreFoundation, Terminal.app.
    "SECURITYSESSIONID LaunchInstanceID Apple_PubSub_Socket_Render COMMAND_MODE XPC_FLAGS XPC_SERVICE_NAME \
     OSLogRateLimit MallocNanoZone SQLITE_EXEMPT_PATH_FROM_VNODE_GUARDS __XPC_DYLD_LIBRARY_PATH",
    // Windows' logon, PowerShell, WSL.
    "SESSIONNAME CLIENTNAME POWERSHELL_DISTRIBUTION_CHANNEL ChocolateyLastPathUpdate WSLENV WSL_INTEROP",
    // Electron, Cursor, Windsurf, Zed; VS Code src/vs/platform/terminal/node/terminalEnvironment.ts.
    "ELECTRON_RUN_AS_NODE ELECTRON_NO_ATTACH_CONSOLE CURSOR_TRACE_ID WINDSURF_TRACE_ID ZED_TERM \
     ZED_ENVIRONMENT USER_ZDOTDIR",
    // Neovim (`:h $NVIM`), Vim, Emacs (comint, vterm).
    "NVIM NVIM_LISTEN_ADDRESS NVIM_LOG_FILE VIM VIMRUNTIME MYVIMRC INSIDE_EMACS EMACS",
    // JetBrains' shell integration.
    "JEDITERM_SOURCE JEDITERM_USER_RCFILE PYCHARM_HOSTED IDEA_INITIAL_DIRECTORY PROCESS_LAUNCHED_BY_CW \
     PROCESS_LAUNCHED_BY_Q INTELLIJ_ENVIRONMENT_READER",
    // Programs that show something to a person: environ(7), git(1), man(1), less(1).
    "EDITOR VISUAL GIT_EDITOR PAGER MANPAGER GIT_PAGER LESS LESSOPEN LESSCLOSE LESSCHARSET BROWSER",
    // dircolors(1), no-color.org, grep(1), less(1), jq(1), eza(1).
    "LS_COLORS LSCOLORS CLICOLOR CLICOLOR_FORCE NO_COLOR FORCE_COLOR GREP_COLOR GREP_COLORS GCC_COLORS \
     JQ_COLORS EZA_COLORS EXA_COLORS LESS_TERMCAP_mb LESS_TERMCAP_md LESS_TERMCAP_me LESS_TERMCAP_se \
     LESS_TERMCAP_so LESS_TERMCAP_ue LESS_TERMCAP_us",
    // locale(7); ssh sends them.
    "LANG LANGUAGE LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME LC_ADDRESS \
     LC_IDENTIFICATION LC_MEASUREMENT LC_NAME LC_PAPER LC_TELEPHONE",
    // Terminals rewrite them (kitty shell_integration.py, Ghostty): read-only shared data.
    "XDG_DATA_DIRS MANPATH INFOPATH",
    // GNU make manual, "Communicating Options to a Sub-make". Variables of make's command line count.
    "MAKELEVEL MFLAGS MAKEFLAGS MAKE_TERMOUT MAKE_TERMERR MAKEFILE_LIST",
    // direnv/direnv internal/cmd/const.go: what direnv did. The variables that it exported count.
    "DIRENV_DIR DIRENV_FILE DIRENV_WATCHES DIRENV_DIFF DIRENV_IN_ENVRC DIRENV_LOG_FORMAT",
    // jdx/mise src/env.rs: the same for mise.
    "__MISE_DIFF __MISE_SESSION __MISE_ORIG_PATH __MISE_ZSH_PRECMD_RUN __MISE_SHIM MISE_SHELL",
    // actions/runner src/Runner.Worker/GitHubContext.cs: what differs from step to step of one job.
    "GITHUB_ENV GITHUB_OUTPUT GITHUB_PATH GITHUB_STATE GITHUB_STEP_SUMMARY GITHUB_ACTION GITHUB_ACTION_PATH \
     GITHUB_ACTION_REF GITHUB_ACTION_REPOSITORY RUNNER_TRACKING_ID",
    // Jenkins, Buildkite: likewise.
    "HUDSON_COOKIE JENKINS_NODE_COOKIE JENKINS_SERVER_COOKIE BUILD_TAG BUILD_DISPLAY_NAME BUILD_URL \
     EXECUTOR_NUMBER BUILDKITE_AGENT_PID",
    // Another path in each SSH session, each VS Code window and after each login (ssh-agent(1)). Counts if the
    // command line runs ssh: see `Mentions::runs_ssh`.
    "SSH_AUTH_SOCK",
    // Of terminals, though their last word is one of users' variables (see `has_session_prefix`): kovidgoyal/kitty
    // kitty/child.py; gnachman/iTerm2 sources/PTYSession.m; KDE/konsole src/session/Session.cpp; VS Code
    // src/vs/workbench/contrib/terminal/common/scripts.
    "KITTY_PUBLIC_KEY ITERM_PROFILE KONSOLE_PROFILE_NAME VSCODE_PROFILE_INITIALIZED",
    // Set last by the client (client-go plugin/pkg/client/auth/exec/exec.go); a part of the key by itself.
    "KUBERNETES_EXEC_INFO",
    // A part of the key by itself.
    "HOME",
];

const PREFIXES: fn() -> Words = list![
    // GNOME Terminal; macOS Terminal, iTerm2, tmux, Ghostty, WezTerm, VS Code (TERM_PROGRAM, TERM_SESSION_ID).
    "TERM_",
    // GNOME/gnome-terminal src/terminal-defines.hh.
    "GNOME_TERMINAL_",
    // kovidgoyal/kitty kitty/child.py, shell_integration.py.
    "KITTY_",
    // alacritty alacritty/src/logging.rs, polling/ipc.rs.
    "ALACRITTY_",
    // wezterm mux/src/domain.rs, config/src/config.rs.
    "WEZTERM_",
    // ghostty src/termio/Exec.zig, shell_integration.zig.
    "GHOSTTY_",
    // KDE/konsole src/session/Session.cpp.
    "KONSOLE_",
    // gnachman/iTerm2 sources/PTYSession.m; GNOME Terminal.
    "ITERM_ ITERM2_",
    // zellij zellij-utils/src/envs.rs.
    "ZELLIJ",
    // GNOME Terminal.
    "FOOT_ CONTOUR_ MINTTY_ MOSH_ PUTTY_ RXVT_ URXVT_ XTERM_ ZUTTY_",
    // Warp, Tabby, Hyper, Fig and Amazon Q, byobu, ConEmu, cmder.
    "WARP_ TABBY_ HYPER_ FIG_ QTERM_ Q_TERM Q_SET_ BYOBU_ ConEmu ANSICON CMDER_",
    // VS Code src/vs/platform/terminal/node/terminalEnvironment.ts, extensions/git/src; its shell integration.
    "VSCODE_ __vsc_",
    // powerlevel10k, ble.sh (kitty/launch.py).
    "__GITSTATUS _GITSTATUS_ _ble_",
    // CoreFoundation.
    "__CF",
    // cmd.exe: the directory of each drive (`=C:`).
    "=",
    // This program's own settings.
    "K8S_TOKEN_CACHE_",
];

/// Elements of PATH that editors and terminals add contain one of these.
const PATH_ADDITIONS: &[&str] = &[
    "/.vscode-server/",
    "/.vscode/",
    "/.cursor-server/",
    "/.windsurf-server/",
    "/remote-cli",
    "/Visual Studio Code",
    "\\Microsoft VS Code",
    "/globalStorage/",
    "/JetBrains/",
    "/kitty.app/",
    "/Ghostty.app/",
    "/WezTerm.app/",
];

/// Removes the variables of sessions from `variables`, and sorts the others by name.
pub fn remove_session_variables(variables: &mut Vec<(OsString, OsString)>, counts_agent: bool) {
    variables.sort_by(|(one, _), (other, _)| one.cmp(other));
    // The index of the first name with each first byte, so that a listed word is compared with few names.
    let mut starts = [0; 257];
    for (name, _) in variables.iter() {
        starts[first_byte(name.as_encoded_bytes()) + 1] += 1;
    }
    for byte in 0..256 {
        starts[byte + 1] += starts[byte];
    }
    let mut is_session = vec![false; variables.len()];
    let names = NAMES().bytes().map(|name| (name, false));
    let prefixes = PREFIXES().bytes().map(|prefix| (prefix, true));
    for (text, is_prefix) in names.chain(prefixes) {
        if counts_agent && text == AGENT.as_bytes() {
            continue;
        }
        let first = first_byte(text);
        for at in starts[first]..starts[first + 1] {
            let name = variables[at].0.as_encoded_bytes();
            is_session[at] |= if is_prefix { has_session_prefix(name, text) } else { name == text };
        }
    }
    let mut is_session = is_session.into_iter();
    variables.retain(|_| !is_session.next().unwrap_or(false));
}

fn first_byte(text: &[u8]) -> usize {
    text.first().copied().unwrap_or(0).into()
}

/// Whether `variable` is one that sessions set.
pub fn is_session_variable(variable: &str) -> bool {
    let name = variable.as_bytes();
    NAMES().has(variable) || PREFIXES().any(|prefix| has_session_prefix(name, prefix.as_bytes()))
}

/// Terminals also have variables of users, for example a key for their own service.
fn has_session_prefix(name: &[u8], prefix: &[u8]) -> bool {
    const OF_USERS: fn() -> Words = list!["TOKEN KEY USER AUTH PROFILE ACCOUNT SECRET PASSWORD PASS"];
    let is_of_users = |word: &[u8]| OF_USERS().bytes().any(|known| known == word);
    name.strip_prefix(prefix).is_some_and(|rest| !rest.split(|byte| *byte == b'_').any(is_of_users))
}

/// The value of PATH without repeated elements and without what editors and terminals add, which another
/// kind of terminal does not have. Programs are found in the same places.
pub fn stable_path(path: &OsStr) -> OsString {
    let mut elements: Vec<std::path::PathBuf> = Vec::new();
    for element in std::env::split_paths(path) {
        let text = element.to_string_lossy();
        if !PATH_ADDITIONS.iter().any(|addition| text.contains(addition)) && !elements.contains(&element) {
            elements.push(element);
        }
    }
    std::env::join_paths(elements).unwrap_or_else(|_| path.to_owned())
}

/// The lists, for `docs/PLUGINS.md`.
#[cfg(test)]
pub(super) fn listed() -> (Vec<&'static str>, Vec<&'static str>) {
    (NAMES().collect(), PREFIXES().collect())
}
