//! Property tests of the YAML reader: what it accepts means the same to `granit-parser`.

use proptest::prelude::*;

use super::inject;
use super::writer::{Dice, kubeconfig, mutate};
use crate::kubeconfig::yaml::{Id, Layout, NodeContent, Style, Tree, parse_unchecked};

proptest! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_parser_of_all_yaml_reads_the_same(
        text in "(?s)([\\[\\]{}?:,\\-&*!|>'\"#%a\n ]|- |: |\\? |, |&a |\\*a|!!str |\n  |---\n|\\.\\.\\.\n|%YAML 1.1\n|a: ){0,24}",
        scalar in "(- )?(k: |- )?([|>][+\\-]?[1-3]?[+\\-]?( #c)?\r?\n|'|\"|a)( {0,4}(a|\t|#| b|''|\\\\|\\\\x41|: |- )?\r?\n){0,6} {0,3}('|\"|a|z: ')?\n?",
        rolls in prop::collection::vec(any::<u8>(), 0..160),
        changes in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        check_grammar(&text);
        check_grammar(&scalar);
        let (mut text, _) = kubeconfig(&rolls);
        let mut dice = Dice { rolls: &changes };
        for _ in 0..changes.len() / 4 {
            mutate(&mut text, &mut dice);
        }
        check_grammar(&text);
    }
}

/// All that we read, `granit-parser` reads as the same nodes at the same places. What it reads and we
/// refuse is of the kinds that `parse` names.
fn check_grammar(text: &str) {
    let outlined = |tree: Tree<'_>| {
        let mut lines = Vec::new();
        for &document in tree.documents() {
            outline(&tree, document, &mut lines);
        }
        lines
    };
    let own = parse_unchecked(text).map(outlined);
    let reference = reference_outline(text);
    match own {
        Ok(own) => assert_eq!(Some(own), reference.map(|(lines, _)| lines), "{text:?}"),
        Err(refusal) => assert!(
            reference.as_ref().is_none_or(|(_, is_exotic)| *is_exotic),
            "{text:?} {refusal:?} {reference:?}"
        ),
    }
}

fn outline(tree: &Tree<'_>, id: Id, lines: &mut Vec<String>) {
    let tag = tree.tag(id).unwrap_or_default();
    let place = tree.body(id);
    let line = match tree.content(id) {
        NodeContent::Scalar(value, style) if value.is_empty() && *style == Style::Plain => format!("{tag} -"),
        NodeContent::Scalar(value, style @ (Style::Literal | Style::Folded)) => {
            format!("{tag} {style:?} {value:?}")
        }
        NodeContent::Scalar(value, style) => {
            format!("{place}-{} {tag} {style:?} {value:?}", tree.range(id).end)
        }
        NodeContent::Sequence(Layout::Flow) => format!("{place} {tag} ["),
        NodeContent::Mapping(Layout::Flow) => format!("{place} {tag} {{"),
        NodeContent::Sequence(_) => format!("{tag} -"),
        NodeContent::Mapping(_) => format!("{tag} :"),
        NodeContent::Alias(target) => format!("{place} *{}", tree.line(*target)),
    };
    let is_collection = matches!(tree.content(id), NodeContent::Sequence(_) | NodeContent::Mapping(_));
    lines.push(line);
    for child in tree.children(id) {
        outline(tree, child, lines);
    }
    if is_collection {
        lines.push("end".to_owned());
    }
}

/// The outline of `granit-parser`, and whether the text has something that no kubeconfig has.
fn reference_outline(text: &str) -> Option<(Vec<String>, bool)> {
    use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};
    let joined = |tag: Option<std::borrow::Cow<'_, Tag>>| {
        tag.map(|tag| [tag.handle(), tag.suffix()].concat()).unwrap_or_default()
    };
    let (mut lines, mut anchors) = (Vec::new(), vec![0; 64]);
    // For each open collection whether it is a mapping, and how many nodes it has.
    let mut open: Vec<(bool, usize)> = vec![(false, 0)];
    let lone_returns = text.matches('\r').count() > text.matches("\r\n").count();
    let begins_oddly = |line: &str| line.trim_start().starts_with([':', '!', '&']);
    // `granit-parser` alone takes a tab for the indentation of a key that begins with a dash.
    let has_tab_before_dash = text.contains("\t-");
    let mut is_exotic = lone_returns
        || has_tab_before_dash
        || text.rfind('\u{feff}').is_some_and(|at| at > 0)
        || ["%", "? ", "?\n"].iter().any(|odd| text.contains(odd))
        || text
            .lines()
            .any(|line| begins_oddly(line) || line.trim_start_matches([' ', '\u{feff}']).starts_with('\t'));
    let options = granit_parser::options! { block_scalar_eof_without_line_feed: true };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.ok()?;
        let place = span.byte_range().unwrap();
        let (start, end) = (place.start, place.end);
        let mut anchor = 0;
        let source = &text[start..end];
        let is_block_scalar =
            matches!(event, Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..));
        let is_node = matches!(
            event,
            Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..)
        );
        let depth = open.len();
        if is_node && let Some((is_mapping, count)) = open.last_mut() {
            let is_key = *is_mapping && *count % 2 == 0;
            let is_single_line =
                matches!(event, Event::Scalar(..) | Event::Alias(_)) && !source.contains('\n');
            let is_pair_in_list =
                matches!(event, Event::MappingStart(StructureStyle::Flow, ..)) && !source.starts_with('{');
            let is_complex = !is_single_line
                || source.is_empty()
                || text[..start].trim_end().ends_with('?')
                || source.starts_with(['"', '\'']) && !text[..start].trim_end().ends_with(['{', ',']);
            let is_block_document = depth == 1 && is_block_scalar;
            is_exotic |= is_key && is_complex || is_pair_in_list || is_block_document;
            *count += 1;
        }
        match event {
            Event::SequenceStart(..) => open.push((false, 0)),
            Event::MappingStart(..) => open.push((true, 0)),
            Event::SequenceEnd | Event::MappingEnd => drop(open.pop()),
            _ => {}
        }
        let line = match event {
            Event::Scalar(value, style, id, tag) => {
                anchor = id;
                let tag = joined(tag);
                match style {
                    ScalarStyle::Plain if start == end => format!("{tag} -"),
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        format!("{tag} {style:?} {value:?}")
                    }
                    _ => format!("{start}-{end} {tag} {style:?} {value:?}"),
                }
            }
            Event::SequenceStart(layout, id, tag) => {
                anchor = id;
                match layout {
                    StructureStyle::Flow => format!("{start} {} [", joined(tag)),
                    StructureStyle::Block => format!("{} -", joined(tag)),
                }
            }
            Event::MappingStart(layout, id, tag) => {
                anchor = id;
                match layout {
                    StructureStyle::Flow => format!("{start} {} {{", joined(tag)),
                    StructureStyle::Block => format!("{} :", joined(tag)),
                }
            }
            Event::SequenceEnd | Event::MappingEnd => "end".to_owned(),
            Event::Alias(id) => format!("{start} *{}", anchors[id]),
            _ => continue,
        };
        anchors[anchor] = span.start.line();
        lines.push(line);
    }
    Some((lines, is_exotic))
}

/// Texts that once were read differently.
#[test]
fn texts_that_differed_are_read_the_same() {
    for text in ["-\t-apiVersion: ", "-\t- a", "- \t-a: b"] {
        check_grammar(text);
    }
}

#[test]
fn explicit_keys_are_read_as_a_parser_of_all_yaml_reads_them() {
    for text in [
        "? a\n: b\n",
        "? a\n? b\n: - c\n  - d\n",
        "a: b\n? c\n: d\ne: f\n",
        "? a\n:\n- b\n- c\n? d\n:\n  e: f\n",
        "- ? a\n  : b\n- c\n",
        "x:\n  ? |\n    k\n  : >\n    v\n",
        "? &k 'a'\n: !!str b\n? *k\n",
        "? a: b\n: c\n",
        "?\n  - a\n: b\n",
        "? a # c\n\n# d\n: b\n",
    ] {
        assert!(parse_unchecked(text).is_ok(), "{text:?}");
        check_grammar(text);
    }
}

#[test]
fn billion_laughs_is_rejected_quickly() {
    let mut text = String::from("users:\n- name: a\n  user:\n    exec: {command: aws, args: [x]}\n");
    text.push_str("x0: &x0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n");
    for level in 1..40 {
        let below = vec![format!("*x{}", level - 1); 9].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{below}]\n"));
    }
    assert!(inject(&text).is_err());
}

#[test]
fn brackets_without_end_are_refused() {
    for (open, count) in [("[", 100_000), ("{a: ", 100_000), ("- ", 100_000), ("? ", 100_000)] {
        assert!(inject(&["users: ", &open.repeat(count)].concat()).is_err(), "{open}");
        assert!(inject(&["users:\n", &open.repeat(count)].concat()).is_err(), "{open}");
    }
}

#[test]
fn many_anchors_and_aliases_take_no_longer_than_as_many_words() {
    let anchors: String = (0..1000).map(|n| format!("- &{}{n} 1\n", "x".repeat(40))).collect();
    let aliases = format!("- *{}0\n", "x".repeat(40)).repeat(100_000);
    assert!(parse_unchecked(&["users: 1\nall:\n", &anchors, &aliases].concat()).is_ok());
    let too_many: String = (0..5000).map(|n| format!("- &{n} 1\n")).collect();
    assert!(parse_unchecked(&too_many).is_err());
}
