//! stand-in
use crate::config::Environment;
use std::ffi::OsString;
use std::path::PathBuf;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction { Silent, MayPrompt, Unknown }
pub struct Variable { pub name: &'static str, pub secret: bool }
pub struct Identity { pub interaction: Interaction, pub files: Vec<PathBuf> }
static V: [Variable; 2] = [Variable { name: "AWS_PROFILE", secret: false }, Variable { name: "DIGITALOCEAN_ACCESS_TOKEN", secret: true }];
impl Identity { pub fn variables(&self) -> impl Iterator<Item = &'static Variable> { V.iter() } }
pub fn identify(_c: &[OsString], _e: Environment<'_>) -> Identity { Identity { interaction: Interaction::Unknown, files: vec![] } }
pub fn install_hint(_c: &[OsString]) -> Option<&'static str> { None }
pub fn mask_arguments(a: &[OsString]) -> Vec<String> { a.iter().map(|a| a.to_string_lossy().into_owned()).collect() }
