//! Oracle: serde_json, whose `Value` refuses what the scanner refuses, but for the depth. Its
//! feature `arbitrary_precision` lets it take numbers of any size.
//!
//! [`tree`] and [`Style`] make documents for the tests of other modules too.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The meaning of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`, `true`, `false` or a number.
    Plain(String),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

pub fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false", "0", "-0", "1E+9", "2.50"])
            .prop_map(|text| Tree::Plain(text.to_owned())),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][-+]?[0-9]{1,4})?".prop_map(Tree::Plain),
        any::<String>().prop_map(Tree::Text),
        "[a-z]{0,3}".prop_map(Tree::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
            prop::collection::vec((name(), inner), 0..4).prop_map(Tree::Object),
        ]
    })
}

/// Short, so that some are duplicates.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[ab]{0,2}", 1 => any::<String>()]
}

/// One of the many spellings that RFC 8259 allows.
#[derive(Clone, Debug)]
pub struct Style {
    choices: Vec<u8>,
    at: usize,
}

pub fn style() -> impl Strategy<Value = Style> {
    prop::collection::vec(any::<u8>(), 1..40).prop_map(|choices| Style { choices, at: 0 })
}

impl Style {
    pub fn write(&mut self, tree: &Tree) -> String {
        let mut out = String::new();
        self.push(&mut out, tree);
        out
    }

    fn choose(&mut self, options: u8) -> u8 {
        self.at = (self.at + 1) % self.choices.len();
        self.choices[self.at] % options
    }

    fn push(&mut self, out: &mut String, tree: &Tree) {
        self.push_space(out);
        match tree {
            Tree::Plain(text) => out.push_str(text),
            Tree::Text(text) => self.push_text(out, text),
            Tree::Array(elements) => {
                self.push_items(out, '[', elements, ']', |style, out, element| style.push(out, element));
            }
            Tree::Object(members) => self.push_items(out, '{', members, '}', |style, out, (name, value)| {
                style.push_space(out);
                style.push_text(out, name);
                style.push_space(out);
                out.push(':');
                style.push(out, value);
            }),
        }
        self.push_space(out);
    }

    fn push_items<T>(
        &mut self,
        out: &mut String,
        open: char,
        items: &[T],
        close: char,
        push: impl Fn(&mut Style, &mut String, &T),
    ) {
        out.push(open);
        for (number, item) in items.iter().enumerate() {
            out.push_str(if number > 0 { "," } else { "" });
            push(self, out, item);
        }
        self.push_space(out);
        out.push(close);
    }

    fn push_space(&mut self, out: &mut String) {
        out.push_str(["", "", "", " ", "\n", "\t", "\r\n ", "  "][usize::from(self.choose(8))]);
    }

    fn push_text(&mut self, out: &mut String, text: &str) {
        out.push('"');
        for character in text.chars() {
            let short = "\"\\/\u{8}\u{c}\n\r\t".find(character).map(|at| &"\"\\/bfnrt"[at..=at]);
            match (short, self.choose(4)) {
                (Some(letter), 0..3) => out.push_str(&format!("\\{letter}")),
                (None, 0..3) if character >= ' ' => out.push(character),
                (_, upper) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let digits = format!("{unit:04x}");
                        out.push_str("\\u");
                        out.push_str(&if upper == 3 { digits.to_uppercase() } else { digits });
                    }
                }
            }
        }
        out.push('"');
    }
}

/// Changes that often keep a document valid.
fn damage() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let bytes = prop_oneof![
        prop::collection::vec(
            prop::sample::select(b"{}[]\",:\\u0189aeE+-.tfn \n\0\x7f\xff\xc3\xa9\xed\xa0\x80".to_vec()),
            0..3
        ),
        prop::sample::select(vec![
            "null", "\"a\"", "\\ud83d", "\\ude00", "1e5", "//", "/**/", "NaN", ",,", "\u{feff}"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    (any::<prop::sample::Index>(), 0..3usize, bytes)
}

fn damaged(text: &str, changes: &[(prop::sample::Index, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, removed, inserted) in changes {
        let start = at.index(bytes.len() + 1);
        let end = (start + removed).min(bytes.len());
        bytes.splice(start..end, inserted.iter().copied());
    }
    bytes
}

fn levels(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(elements) => 1 + elements.iter().map(levels).max().unwrap_or_default(),
        serde_json::Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or_default(),
        _ => 0,
    }
}

fn oracle(text: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(text).ok().filter(|value| levels(value) <= MAX_DEPTH)
}

/// Whether `value` equals serde_json's, which takes the last of two members with one name.
fn is_same(value: Value<'_>, theirs: &serde_json::Value) -> bool {
    match theirs {
        serde_json::Value::Null => value.is_null(),
        serde_json::Value::Bool(boolean) => value.text() == if *boolean { "true" } else { "false" },
        serde_json::Value::Number(number) => {
            serde_json::from_str(value.text()).is_ok_and(|ours: serde_json::Number| ours == *number)
        }
        serde_json::Value::String(text) => value.as_str().as_deref() == Some(text),
        serde_json::Value::Array(elements) => {
            let ours: Vec<_> = value.elements().unwrap().collect();
            ours.len() == elements.len()
                && ours.iter().zip(elements).all(|(ours, theirs)| is_same(*ours, theirs))
        }
        serde_json::Value::Object(members) => {
            let ours: BTreeMap<_, _> = value.members().unwrap().collect();
            ours.len() == members.len()
                && ours
                    .iter()
                    .all(|(name, value)| members.get(&**name).is_some_and(|theirs| is_same(*value, theirs)))
        }
    }
}

fn assert_agreement(text: &[u8]) -> Result<(), TestCaseError> {
    let shown = String::from_utf8_lossy(text);
    match (parse(text), oracle(text)) {
        (Ok(value), Some(theirs)) => prop_assert!(is_same(value, &theirs), "{}", shown),
        (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{}", shown),
    }
    Ok(())
}

/// The scanner looks at eight bytes at a time.
#[test]
fn every_byte_at_every_place_of_a_long_string_is_judged_as_by_serde_json() {
    for at in 0..24 {
        for byte in 0..=u8::MAX {
            let mut text = *b"\"0123456789abcdefghijklmn\"";
            text[1 + at] = byte;
            assert_agreement(&text).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn valid_documents_mean_what_serde_json_says(tree in tree(), mut style in style()) {
        let text = style.write(&tree);
        prop_assert!(parse(text.as_bytes()).is_ok(), "{}", text);
        assert_agreement(text.as_bytes())?;
    }

    #[test]
    fn damaged_documents_are_accepted_as_by_serde_json(
        tree in tree(), mut style in style(), changes in prop::collection::vec(damage(), 1..4),
    ) {
        assert_agreement(&damaged(&style.write(&tree), &changes))?;
    }

    #[test]
    fn any_bytes_are_accepted_as_by_serde_json(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[-+.eE0-9tfn\"\\\\u{}\\[\\]:, ]{0,12}".prop_map(String::into_bytes),
        ],
    ) {
        assert_agreement(&text)?;
    }

    #[test]
    fn a_written_string_is_read_back(text in any::<String>()) {
        let mut written = String::new();
        push_string(&mut written, &text);
        let read = parse(written.as_bytes()).unwrap().as_str().unwrap();
        prop_assert_eq!(&*read, &text);
        prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        prop_assert!(written.chars().all(|character| character >= ' '));
    }
}

const CREDENTIAL: &str = "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\n \
    \"spec\":{\"interactive\":false,\"n\":[-1.5e+3,null,true,[],{}]},\"status\":{\"expirationTimestamp\":\
    \"2026-01-31T08:00:00Z\",\"token\":\"a\\u00e9\\ud83d\\ude00\\\"\u{1f600}\"}}";

#[test]
fn no_truncated_document_is_accepted() {
    assert!(parse(CREDENTIAL.as_bytes()).is_ok());
    for length in 0..CREDENTIAL.len() {
        assert_eq!(parse(&CREDENTIAL.as_bytes()[..length]).err(), Some(Refused), "{length}");
    }
}

#[test]
fn a_changed_byte_is_accepted_as_by_serde_json() {
    for at in 0..CREDENTIAL.len() {
        for byte in *b"{}[]\",:\\u0e-. \x00\x1f\x80\xff" {
            let mut text = CREDENTIAL.as_bytes().to_vec();
            text[at] = byte;
            assert_agreement(&text).unwrap();
        }
    }
}

#[test]
fn what_rfc_8259_allows_is_accepted() {
    for text in [
        "null",
        " \t\r\nnull \t\r\n",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "-1.25",
        "0.0",
        "1e5",
        "1E+05",
        "0e-0",
        "1e99999",
        "123456789012345678901234567890",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFFF\"",
        "\"\\ud83d\\ude00\\uDBFF\\uDFFF\"",
        "\"\u{7f}\u{2028}\u{fffe}\u{10ffff}\"",
        "[]",
        "[ ]",
        "{ }",
        "[[],[]]",
        "{\"\":{\"\":[{}]}}",
        "{\"a\":1,\"a\":2}",
    ] {
        assert!(parse(text.as_bytes()).is_ok(), "{text}");
        assert_agreement(text.as_bytes()).unwrap();
    }
}

#[test]
fn what_rfc_8259_forbids_is_rejected() {
    for text in [
        &b""[..],
        b" ",
        b"nul",
        b"nulll",
        b"Null",
        b"True",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"undefined",
        b"+1",
        b"01",
        b"-01",
        b"-",
        b"--1",
        b".5",
        b"1.",
        b"1.e5",
        b"1e",
        b"1e+",
        b"1e5.5",
        b"0x10",
        b"1_000",
        b"1 2",
        b"1f",
        b"'a'",
        b"a",
        b"\"",
        b"\"a",
        b"\"\\",
        b"\"\\\"",
        b"\"\\x41\"",
        b"\"\\'\"",
        b"\"\\u\"",
        b"\"\\u12\"",
        b"\"\\u123g\"",
        b"\"\\u+123\"",
        b"\"\\U00e9\"",
        b"\"\\ud83d\"",
        b"\"\\ude00\"",
        b"\"\\ude00\\ud83d\"",
        b"\"\\ud83d\\ud83d\"",
        b"\"\\ud83d\\u0041\"",
        b"\"\\ud83dxxde00\"",
        b"\"\\ud83d\\n\"",
        b"\"a\nb\"",
        b"\"a\tb\"",
        b"\"\0\"",
        b"\"\x1f\"",
        b"[",
        b"]",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[,]",
        b"[1,,2]",
        b"[1 2]",
        b"[1:2]",
        b"[1}",
        b"{",
        b"}",
        b"{]",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{,\"a\":1}",
        b"{\"a\":1,,\"b\":2}",
        b"{\"a\":1 \"b\":2}",
        b"{\"a\",1}",
        b"{\"a\"::1}",
        b"{a:1}",
        b"{1:1}",
        b"{null:1}",
        b"{\"a\":1}}",
        b"{}{}",
        b"{} x",
        b"{}\0",
        b"{}// end",
        b"/* start */{}",
        b"# start\n{}",
        b"{}\n---\n{}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"\x0b1",
        b"\x0c1",
        b"\xc2\xa01",
        b"\"\xff\"",
        b"\"\xc3\"",
        b"\"\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
    ] {
        assert!(parse(text).is_err(), "{}", text.escape_ascii());
        assert_agreement(text).unwrap();
    }
}

#[test]
fn sixty_four_levels_are_accepted_and_no_more() {
    let nested = |open: &str, close: &str, levels: usize| open.repeat(levels) + "1" + &close.repeat(levels);
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), (" [ 0, ", " ] ")] {
        assert!(parse(nested(open, close, MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(open, close, MAX_DEPTH + 1).as_bytes()).is_err());
    }
    let mixed = |levels: usize| "[{\"a\":".repeat(levels) + "[]" + &"}]".repeat(levels);
    assert!(parse(mixed(31).as_bytes()).is_ok());
    assert!(parse(mixed(32).as_bytes()).is_err());
    assert!(parse(&vec![b'['; 1 << 20]).is_err());
    assert!(parse("{\"a\":".repeat(1 << 18).as_bytes()).is_err());
}

#[test]
fn the_deepest_value_can_be_reached() {
    let text = "[".repeat(MAX_DEPTH) + "7" + &"]".repeat(MAX_DEPTH);
    let mut value = parse(text.as_bytes()).unwrap();
    for _ in 0..MAX_DEPTH {
        value = value.elements().unwrap().next().unwrap();
    }
    assert_eq!(value.text(), "7");
}

#[test]
fn a_member_is_found_by_its_unescaped_name() {
    let text = r#" { "token" : "a", "to\u006ben2" : [1, 2], "": null, "n": {"token": "inner"} } "#;
    let document = parse(text.as_bytes()).unwrap();
    assert_eq!(document.member("token").unwrap().unwrap().as_str().unwrap(), "a");
    assert_eq!(document.member("token2").unwrap().unwrap().text(), "[1, 2]");
    assert!(document.member("").unwrap().unwrap().is_null());
    assert_eq!(document.member("n").unwrap().unwrap().text(), r#"{"token": "inner"}"#);
    assert!(document.member("Token").unwrap().is_none());
    assert!(document.member("to\\u006ben2").unwrap().is_none());
}

#[test]
fn a_duplicate_member_is_rejected() {
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#, r#"{"a":null,"a":null}"#] {
        let document = parse(text.as_bytes()).unwrap();
        assert_eq!(document.member("a").err(), Some(Refused), "{text}");
        assert!(document.member("c").unwrap().is_none());
    }
    let nested = parse(br#"{"a":{"a":1},"b":{"a":2}}"#).unwrap();
    assert_eq!(nested.member("a").unwrap().unwrap().text(), r#"{"a":1}"#);
}

#[test]
fn only_an_object_has_members_and_only_an_array_elements() {
    for text in ["null", "true", "1", "\"{}\"", "[{}]", "{}"] {
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(value.members().is_some(), text == "{}", "{text}");
        assert_eq!(value.member("a").is_ok(), text == "{}", "{text}");
        assert_eq!(value.elements().is_some(), text == "[{}]", "{text}");
        assert_eq!(value.as_str().is_some(), text == "\"{}\"", "{text}");
        assert_eq!(value.is_null(), text == "null", "{text}");
    }
}

#[test]
fn a_value_is_a_slice_of_its_document() {
    let document = parse(b" [ {\"a\" : 1 } , \"x\" ] ").unwrap();
    assert_eq!(document.text(), "[ {\"a\" : 1 } , \"x\" ]");
    let elements: Vec<&str> = document.elements().unwrap().map(Value::text).collect();
    assert_eq!(elements, ["{\"a\" : 1 }", "\"x\""]);
}

#[test]
fn a_string_without_escapes_is_not_copied() {
    assert!(matches!(parse(b"\"token\"").unwrap().as_str(), Some(Cow::Borrowed("token"))));
    assert!(matches!(parse(b"\"\\u0074oken\"").unwrap().as_str(), Some(Cow::Owned(text)) if text == "token"));
}
