//! `KUBERNETES_EXEC_INFO`: what the client tells the plugin (client-go,
//! `plugin/pkg/client/auth/exec/exec.go`, `refreshCredsLocked`).
//!
//! Two texts with the same meaning must give the same key, so the variable is parsed and its parts are written
//! in a canonical form. `spec.interactive`, the order of members and white space do not count.

pub mod document;

use std::borrow::Cow;

use crate::format::json::{self, Refused, Value};

const INTERACTIVE: &str = "interactive";

/// The parts of the variable that count.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ExecInfo {
    pub api_version: String,
    /// `spec.cluster` in canonical form; `None` if the client gives none.
    pub cluster: Option<Vec<u8>>,
}

impl ExecInfo {
    pub fn parse(text: &[u8]) -> Result<ExecInfo, Refused> {
        let document = json::parse(text)?;
        let api_version = document.member("apiVersion")?.and_then(Value::as_str).ok_or(Refused)?;
        let mut cluster = None;
        if let Some(spec) = document.member("spec")?.filter(|spec| !spec.is_null())
            && let Some(value) = spec.member("cluster")?.filter(|cluster| !cluster.is_null())
        {
            let mut canonical = Vec::new();
            push_canonical(&mut canonical, value)?;
            cluster = Some(canonical);
        }
        Ok(ExecInfo { api_version: api_version.into_owned(), cluster })
    }
}

/// Whether `spec.interactive` says that a person uses the client at a terminal.
pub fn is_interactive(text: &[u8]) -> bool {
    let spec = json::parse(text).ok().and_then(|document| document.member("spec").ok().flatten());
    let value = spec.and_then(|spec| spec.member(INTERACTIVE).ok().flatten());
    value.is_some_and(|value| value.text() == "true")
}

/// `text` with `spec.interactive` set to false, for a plugin that runs in the background. [`ExecInfo::parse`]
/// must have accepted `text`.
pub fn not_interactive(text: &str) -> String {
    let spec = json::parse(text.as_bytes()).ok().and_then(|document| document.member("spec").ok().flatten());
    let Some(value) = spec.and_then(|spec| spec.member(INTERACTIVE).ok().flatten()) else {
        return text.to_owned();
    };
    let start = value.text().as_ptr() as usize - text.as_ptr() as usize;
    format!("{}false{}", &text[..start], &text[start + value.text().len()..])
}

/// `server` in a canonical `spec.cluster`.
pub fn server(cluster: &[u8]) -> Option<String> {
    let mut rest = cluster.strip_prefix(b"{")?;
    loop {
        let name = take_text(&mut rest)?;
        let value = take_value(&mut rest)?;
        if name == b"server" {
            return Some(String::from_utf8_lossy(take_text(&mut &*value)?).into_owned());
        }
    }
}

/// Takes from `rest` a value that [`push_canonical`] wrote.
fn take_value<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = *rest;
    let mut depth: usize = 0;
    loop {
        match rest.first()? {
            b'{' | b'[' => {
                depth += 1;
                *rest = &rest[1..];
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                *rest = &rest[1..];
            }
            _ => _ = take_text(rest)?,
        }
        if depth == 0 {
            return Some(&start[..start.len() - rest.len()]);
        }
    }
}

/// Takes from `rest` a text that [`push_text`] wrote.
fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (b's' | b'=', after) = rest.split_first()? else { return None };
    let (length, after) = after.split_first_chunk()?;
    let (text, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *rest = after;
    Some(text)
}

/// Appends `value`: objects sorted by name, strings unescaped, everything with its length or end, so that
/// different values never give the same bytes. Numbers count as they are written.
fn push_canonical(out: &mut Vec<u8>, value: Value<'_>) -> Result<(), Refused> {
    if let Some(members) = value.members() {
        let mut sorted: Vec<(Cow<str>, Value)> = members.collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Refused);
        }
        out.push(b'{');
        for (name, value) in sorted {
            push_text(out, b's', &name);
            push_canonical(out, value)?;
        }
        out.push(b'}');
    } else if let Some(elements) = value.elements() {
        out.push(b'[');
        for element in elements {
            push_canonical(out, element)?;
        }
        out.push(b']');
    } else if let Some(text) = value.as_str() {
        push_text(out, b's', &text);
    } else {
        push_text(out, b'=', value.text());
    }
    Ok(())
}

fn push_text(out: &mut Vec<u8>, kind: u8, text: &str) {
    out.push(kind);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests;
