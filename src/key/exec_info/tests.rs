//! What is read from `KUBERNETES_EXEC_INFO`, and how a refresh rewrites it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use nanoserde::SerJson;

use super::document::{ExecInfoCluster, ExecInfoDocument, ExecInfoSpec, RawJson};
use super::*;
use crate::format::json::tests::{Style, Tree, style, tree};

const V1: &str = "client.authentication.k8s.io/v1";

fn cluster_of(cluster: &str) -> Result<Option<Vec<u8>>, Refused> {
    let text = format!(r#"{{"apiVersion":"{V1}","spec":{{"cluster":{cluster}}}}}"#);
    ExecInfo::parse(text.as_bytes()).map(|info| info.cluster)
}

#[test]
fn what_client_go_writes_is_read() {
    let text = "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\
        \"spec\":{\"interactive\":false}}\n";
    let info = ExecInfo::parse(text.as_bytes()).unwrap();
    assert_eq!(info, ExecInfo { api_version: V1.to_owned(), cluster: None });
}

#[test]
fn order_white_space_escapes_and_interactive_do_not_count() {
    let plain = ExecInfo::parse(
        br#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://a/","certificate-authority-data":"Q0E="},"interactive":false}}"#,
    );
    for same in [
        r#"{"spec":{"interactive":false,"cluster":{"certificate-authority-data":"Q0E=","server":"https://a/"}},"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://a/","certificate-authority-data":"Q0E="},"interactive":true}}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://a/","certificate-authority-data":"Q0E="}}}"#,
        "\t{ \"apiVersion\" :\r\n \"client.authentication.k8s.io\\/v1\", \"spec\": {\"cl\\u0075ster\" : { \
            \"server\": \"https:\\u002f/a/\" , \"certificate\\u002dauthority-data\": \"Q0E\\u003d\" } } }\n",
    ] {
        assert_eq!(ExecInfo::parse(same.as_bytes()), plain, "{same}");
    }
    assert!(plain.unwrap().cluster.is_some());
}

#[test]
fn version_and_cluster_count() {
    let infos = [
        r#"{"apiVersion":"client.authentication.k8s.io/v1"}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1beta1"}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{}}}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://a"}}}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://b"}}}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://a","config":{"audience":"x"}}}}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://a","config":{"audience":"y"}}}}"#,
        r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"cluster":{"server":"https://a"}}}"#,
    ]
    .map(|text| ExecInfo::parse(text.as_bytes()).unwrap());
    for (number, info) in infos.iter().enumerate() {
        assert!(infos[..number].iter().all(|other| other != info), "{number}");
    }
}

#[test]
fn no_cluster_is_the_same_however_it_is_left_out() {
    for text in [
        r#"{"apiVersion":"v"}"#,
        r#"{"apiVersion":"v","spec":null}"#,
        r#"{"apiVersion":"v","spec":{}}"#,
        r#"{"apiVersion":"v","spec":{"cluster":null,"interactive":true}}"#,
    ] {
        assert_eq!(ExecInfo::parse(text.as_bytes()).unwrap().cluster, None, "{text}");
    }
}

#[test]
fn values_that_look_alike_are_told_apart() {
    let clusters = [
        r#"["a","b"]"#,
        r#"["a\",\"b"]"#,
        r#"["ab"]"#,
        r#"["ab",""]"#,
        r#"["","ab"]"#,
        r#"[["a"],"b"]"#,
        r#"[["a","b"]]"#,
        "[[],[]]",
        "[[[]]]",
        "[]",
        "{}",
        "\"{}\"",
        "\"\"",
        "[null]",
        "[\"null\"]",
        "true",
        "\"true\"",
        "1",
        "\"1\"",
        "1.0",
        "[1,2]",
        "[12]",
        r#"{"a":{"b":1}}"#,
        r#"{"a":{},"b":1}"#,
        r#"{"a":1,"b":2}"#,
        r#"{"a":2,"b":1}"#,
        r#"{"a":["b",1]}"#,
        r#"["a",{"b":1}]"#,
        r#"{"a":"}"}"#,
    ]
    .map(|cluster| cluster_of(cluster).unwrap().unwrap());
    for (number, cluster) in clusters.iter().enumerate() {
        assert!(clusters[..number].iter().all(|other| other != cluster), "{number}");
    }
}

#[test]
fn what_no_client_writes_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "not JSON",
        r#"{"apiVersion":"v"}x"#,
        r#"{"apiVersion":"v",}"#,
        r#"{"apiVersion":1}"#,
        r#"{"apiVersion":null}"#,
        r#"{"apiVersion":"v","apiVersion":"v"}"#,
        r#"{"apiVersion":"v","spec":1}"#,
        r#"{"apiVersion":"v","spec":[]}"#,
        r#"{"apiVersion":"v","spec":{},"spec":{}}"#,
        r#"{"apiVersion":"v","spec":{"cluster":{},"cluster":{}}}"#,
        r#"{"apiVersion":"v","spec":{"cluster":{"server":"a","server":"b"}}}"#,
        r#"{"apiVersion":"v","spec":{"cluster":{"config":[{"a":1,"\u0061":1}]}}}"#,
    ] {
        assert_eq!(ExecInfo::parse(text.as_bytes()), Err(Refused), "{text}");
    }
    assert_eq!(ExecInfo::parse(b"{\"apiVersion\":\"\xff\"}"), Err(Refused));
}

#[test]
fn in_the_background_interactive_is_false_and_all_else_as_it_was() {
    for (text, expected) in [
        (r#"{"spec":{"interactive":true}}"#, r#"{"spec":{"interactive":false}}"#),
        (r#"{"spec":{"interactive":false}}"#, r#"{"spec":{"interactive":false}}"#),
        (
            "{ \"spec\" : {\"a\":1, \"interact\\u0069ve\" : true , \"b\":\"\u{e9}\"} }\n",
            "{ \"spec\" : {\"a\":1, \"interact\\u0069ve\" : false , \"b\":\"\u{e9}\"} }\n",
        ),
        (
            r#"{"interactive":true,"spec":{"cluster":{"interactive":true},"interactive":true}}"#,
            r#"{"interactive":true,"spec":{"cluster":{"interactive":true},"interactive":false}}"#,
        ),
        (r#"{"spec":{"interactive":[true]}}"#, r#"{"spec":{"interactive":false}}"#),
        (r#"{"spec":{"cluster":null}}"#, r#"{"spec":{"cluster":null}}"#),
        (r#"{"spec":null}"#, r#"{"spec":null}"#),
        (r#"{"spec":"interactive"}"#, r#"{"spec":"interactive"}"#),
        ("{}", "{}"),
        ("", ""),
        ("not JSON", "not JSON"),
    ] {
        assert_eq!(not_interactive(text), expected);
    }
}

/// Objects as sets; `None` where one of them has a name twice.
fn meaning(tree: &Tree) -> Option<Meaning> {
    Some(match tree {
        Tree::Plain(text) => Meaning::Plain(text.clone()),
        Tree::Text(text) => Meaning::Text(text.clone()),
        Tree::Array(elements) => Meaning::Array(elements.iter().map(meaning).collect::<Option<_>>()?),
        Tree::Object(members) => {
            let meant: BTreeMap<_, _> = members
                .iter()
                .map(|(name, value)| Some((name.clone(), meaning(value)?)))
                .collect::<Option<_>>()?;
            (meant.len() == members.len()).then_some(Meaning::Object(meant))?
        }
    })
}

#[derive(Debug, PartialEq)]
enum Meaning {
    Plain(String),
    Text(String),
    Array(Vec<Meaning>),
    Object(BTreeMap<String, Meaning>),
}

fn reversed(tree: &Tree) -> Tree {
    match tree {
        Tree::Array(elements) => Tree::Array(elements.iter().map(reversed).collect()),
        Tree::Object(members) => {
            Tree::Object(members.iter().rev().map(|(name, value)| (name.clone(), reversed(value))).collect())
        }
        other => other.clone(),
    }
}

fn canonical(tree: &Tree, style: &mut Style) -> Option<Vec<u8>> {
    let text = style.write(tree);
    let mut out = Vec::new();
    push_canonical(&mut out, json::parse(text.as_bytes()).unwrap()).ok()?;
    Some(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn one_value_has_one_canonical_form(tree in tree(), mut one in style(), mut other in style()) {
        let form = canonical(&tree, &mut one);
        prop_assert_eq!(form.is_some(), meaning(&tree).is_some());
        prop_assert_eq!(form, canonical(&reversed(&tree), &mut other));
    }

    #[test]
    fn two_values_have_two_canonical_forms(one in tree(), other in tree(), mut style in style()) {
        if let (Some(meant_by_one), Some(meant_by_other)) = (meaning(&one), meaning(&other)) {
            let is_same_form = canonical(&one, &mut style) == canonical(&other, &mut style);
            prop_assert_eq!(is_same_form, meant_by_one == meant_by_other);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in prop_oneof![any::<String>(), "\\{(\"spec\"|\"interactive\"|[{}:,tru\u{e9}\"\\\\]){0,12}"]) {
        let _ = (ExecInfo::parse(text.as_bytes()), not_interactive(&text));
    }
}

#[test]
fn the_server_is_found_behind_any_other_member() {
    let info = |cluster: &str| {
        let text = format!(r#"{{"apiVersion":"v","spec":{{"cluster":{cluster}}}}}"#);
        ExecInfo::parse(text.as_bytes()).unwrap().cluster.unwrap()
    };
    for (cluster, expected) in [
        (r#"{"server":"https://a"}"#, Some("https://a")),
        (
            r#"{"tls-server-name":"t","server":"https:\/\/b","config":{"server":"no","l":[1,{}]}}"#,
            Some("https://b"),
        ),
        (r#"{"config":{"server":"no"}}"#, None),
        (r#"{"server":{}}"#, None),
        ("{}", None),
        ("[]", None),
    ] {
        let blob = info(cluster);
        assert_eq!(server(&blob).as_deref(), expected, "{cluster}");
        for end in 0..blob.len() {
            server(&blob[..end]);
        }
    }
}

#[test]
fn a_document_has_the_members_that_client_go_writes() {
    let document = |cluster| ExecInfoDocument {
        kind: "ExecCredential".to_owned(),
        api_version: "client.authentication.k8s.io/v1".to_owned(),
        spec: ExecInfoSpec { cluster, interactive: false },
    };
    assert_eq!(
        document(None).serialize_json(),
        r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#
    );
    let bare = ExecInfoCluster {
        server: "https://\"one\"".to_owned(),
        tls_server_name: None,
        insecure_skip_tls_verify: None,
        certificate_authority_data: None,
        proxy_url: None,
        disable_compression: None,
        config: RawJson("null".to_owned()),
    };
    let text = document(Some(bare)).serialize_json();
    assert!(
        text.contains(r#""spec":{"cluster":{"server":"https://\"one\"","config":null},"interactive":false}"#)
    );
    let full = ExecInfoCluster {
        server: "s".to_owned(),
        tls_server_name: Some("t".to_owned()),
        insecure_skip_tls_verify: Some(true),
        certificate_authority_data: Some("Yw==".to_owned()),
        proxy_url: Some("p".to_owned()),
        disable_compression: Some(true),
        config: RawJson(r#"{"a":[1,null]}"#.to_owned()),
    };
    let text = document(Some(full)).serialize_json();
    assert!(
        text.contains(
            r#""cluster":{"server":"s","tls-server-name":"t","insecure-skip-tls-verify":true,"certificate-authority-data":"Yw==","proxy-url":"p","disable-compression":true,"config":{"a":[1,null]}}"#
        ),
        "{text}"
    );
    assert!(ExecInfo::parse(text.as_bytes()).is_ok());
}
