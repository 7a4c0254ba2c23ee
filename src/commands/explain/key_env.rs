//! The `--key-env` that leaves out variables which made a miss.

use crate::commands::parts;
use crate::identity::Identity;
use crate::key::PartKind;
use crate::proxy::Call;

/// PATH counts by the program that it leads to, and HOME counts with every `--key-env`.
const NEVER_LISTED: [&str; 2] = ["PATH", "HOME"];

/// Returns how to leave out those of `differing` that count only because every variable does. `None` if there
/// is none. `key_parts` are those of the call.
pub fn hint(call: &Call<'_>, key_parts: &[u8], differing: &[String]) -> Option<String> {
    let left_out: Vec<&str> =
        differing.iter().map(String::as_str).filter(|name| !counts_anyway(call, name)).collect();
    if left_out.is_empty() {
        return None;
    }
    let mut kept: Vec<String> = call.config.key_env.clone();
    for part in parts::items(key_parts) {
        let name = part.name();
        let is_further = part.part == PartKind::Environment
            && !left_out.contains(&name.as_str())
            && !is_of_table(&call.identity, &name)
            && !NEVER_LISTED.contains(&name.as_str())
            && !kept.contains(&name);
        if is_further {
            kept.push(name);
        }
    }
    kept.sort_unstable();
    Some(format!(
        "every variable counts; to leave out {}: --key-env={} (fewer names if fewer matter to the plugin)",
        left_out.join(", "),
        kept.join(",")
    ))
}

/// Whether the variable counts with every `--key-env`, or because of the present one.
fn counts_anyway(call: &Call<'_>, name: &str) -> bool {
    is_of_table(&call.identity, name) || call.config.key_env.iter().any(|named| named == name)
}

fn is_of_table(identity: &Identity, name: &str) -> bool {
    let variables = identity.variables().map(|variable| variable.name);
    variables.chain(identity.proofs()).any(|known| known == name)
        || identity.named_variables.iter().any(|named| named == name)
}
