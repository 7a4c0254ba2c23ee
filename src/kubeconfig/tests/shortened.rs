//! What is left of long lines in a diff.

use crate::kubeconfig::edit::{self, Edit};
use crate::kubeconfig::shortened::shortened;

/// Replaces each `<` by `>` and shows the text before and after.
fn change(text: &str) -> [String; 2] {
    let places = text.match_indices('<').map(|(at, _)| at);
    let edits: Vec<Edit> = places.map(|at| Edit { range: at..at + 1, text: ">".to_owned() }).collect();
    let (short, moved) = shortened(text, &edits);
    let after = edit::apply(&moved, &short, 0..short.len());
    [short, after]
}

#[test]
fn only_what_is_near_an_edit_is_left_of_a_changed_line() {
    let [a80, a300, e300] = [&"a".repeat(80), &"a".repeat(300), &"é".repeat(150)];
    for (before, short) in [
        (a300.clone(), a300.clone()),
        (format!("{a300}\n<\n{a300}"), format!("{a300}\n<\n{a300}")),
        (format!("{a300}<{a300}"), format!("…a{a80}<{a80}…a")),
        (
            format!("{a300}\n{a300}<{a300}<{a300}\n{a300}"),
            format!("{a300}\n…a{a80}<{a80}…a{a80}<{a80}…a\n{a300}"),
        ),
        (format!("{a80}<{a80}"), format!("{a80}<{a80}")),
        (format!("<{e300}"), format!("<{}…é", "é".repeat(40))),
        (format!("é{e300}<"), format!("…é{}<", "é".repeat(40))),
    ] {
        assert_eq!(change(&before), [short.clone(), short.replace('<', ">")], "{before}");
    }
}

/// Whole lines that are added do not change the next one.
#[test]
fn a_line_without_an_edit_stays_whole() {
    let text = "a".repeat(300);
    let edits = [Edit { range: 0..0, text: "new\n".to_owned() }];
    assert_eq!(shortened(&text, &edits).0, text);
}
