//! Whether a plugin may prompt.

/// Whether the plugin may ask the user for something. Ordered by how much is at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interaction {
    /// Known never to prompt and never to open a browser. May run in the background.
    Silent,
    /// Not known.
    Unknown,
    /// Known to ask for passwords, codes or a login in the browser.
    MayPrompt,
}
