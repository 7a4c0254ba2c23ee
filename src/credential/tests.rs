//! Verdicts on what plugins print. [`client_go_accepts`] says once more, on top of serde_json, what
//! client-go's `refreshCredsLocked` demands.

use ::base64::Engine;
use ::base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::credential::x509::tests::{certificate, chain};
use crate::format::json::tests::{Style, style, tree};

const V1: &str = "client.authentication.k8s.io/v1";
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";
/// 2026-01-31T08:00:00Z
const NOW: Duration = Duration::from_secs(1_769_846_400);
const NOW_UNIX_S: i64 = NOW.as_secs() as i64;

const CONTROL: &str = "its token contains control characters, which clients refuse";

fn with_status(status: &str) -> String {
    format!(
        r#"{{"kind":"ExecCredential","apiVersion":"{V1}","spec":{{"interactive":false}},"status":{status}}}"#
    )
}

fn judged(output: impl AsRef<[u8]>) -> Verdict {
    judged_with(output, Some(V1), Duration::ZERO)
}

fn judged_with(output: impl AsRef<[u8]>, api_version: Option<&str>, default_ttl: Duration) -> Verdict {
    let yaml_to_json = &crate::kubeconfig::yaml::document_to_json;
    judge(output.as_ref(), &Expectation { api_version, default_ttl, yaml_to_json }, NOW)
}

fn until(expires_unix_s: i64) -> Verdict {
    Verdict::Cacheable { expires_unix_s: expires_unix_s as u64 }
}

/// A token of three parts, of which the signature is no concern of ours.
fn jwt(header: &str, claims: &str) -> String {
    format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn jwt_until(exp: i64) -> String {
    jwt(r#"{"alg":"RS256","typ":"JWT"}"#, &format!(r#"{{"sub":"me","exp":{exp},"aud":["a"]}}"#))
}

fn token_status(token: &str) -> String {
    with_status(&json!({ "token": token }).to_string())
}

#[test]
fn output_that_is_no_mapping_is_not_an_exec_credential() {
    for output in ["hello", "hello\nworld", "[1]", "", "a: b: c"] {
        assert_eq!(
            judged(output),
            Verdict::Invalid("it is not an ExecCredential in JSON or YAML"),
            "{output}"
        );
    }
    assert_eq!(judged(with_status("[]")), Verdict::Invalid("a member is of the wrong type"));
    let twice = with_status(r#"{"token":"a","token":"b"}"#);
    assert_eq!(judged(twice), Verdict::Invalid("it has a member twice"));
}

#[test]
fn a_credential_is_cached_until_its_stamp() {
    for (stamp, expires_unix_s) in [
        ("2026-01-31T08:00:01Z", NOW_UNIX_S + 1),
        ("2026-01-31T08:14:00.999Z", NOW_UNIX_S + 840),
        ("2026-01-31T10:14:00+02:00", NOW_UNIX_S + 840),
        ("9999-12-31T23:59:59Z", time::LAST_STAMP_UNIX_S),
        ("9999-12-31T23:59:59-10:00", time::LAST_STAMP_UNIX_S),
    ] {
        let output = with_status(&format!(r#"{{"expirationTimestamp":"{stamp}","token":"t"}}"#));
        assert_eq!(judged(&output), until(expires_unix_s), "{stamp}");
    }
}

#[test]
fn what_client_go_takes_but_nothing_limits_is_not_cached() {
    let certificate = json!({ "clientCertificateData": "pem", "clientKeyData": "pem" }).to_string();
    for (status, why) in [
        (r#"{"token":"t"}"#, NO_EXPIRY),
        (r#"{"token":"t","expirationTimestamp":null}"#, NO_EXPIRY),
        (r#"{"token":"t","expirationTimestamp":""}"#, "its expirationTimestamp is not RFC 3339"),
        (r#"{"token":"t","expirationTimestamp":"0001-01-01T00:00:00Z"}"#, NO_EXPIRY),
        (
            r#"{"token":"t","expirationTimestamp":"2026-11-25t18:13:45z"}"#,
            "its expirationTimestamp is not RFC 3339",
        ),
        (
            r#"{"token":"t","expirationTimestamp":"2026-11-25T18:13:60Z"}"#,
            "its expirationTimestamp is not RFC 3339",
        ),
        (r#"{"token":"t\n","expirationTimestamp":"2026-01-31T09:00:00Z"}"#, CONTROL),
        (r#"{"token":"a\r\nb","expirationTimestamp":"2026-01-31T09:00:00Z"}"#, CONTROL),
        (r#"{"token":"\u007f","expirationTimestamp":"2026-01-31T09:00:00Z"}"#, CONTROL),
        (r#"{"token":"\u0000","expirationTimestamp":"2026-01-31T09:00:00Z"}"#, CONTROL),
        (r#"{"token":"t","expirationTimestamp":"tomorrow"}"#, "its expirationTimestamp is not RFC 3339"),
        (r#"{"token":"t","expirationTimestamp":"1769850000"}"#, "its expirationTimestamp is not RFC 3339"),
        (r#"{"token":"t","expirationTimestamp":"2026-01-31T08:00:00Z"}"#, "it has already expired"),
        (r#"{"token":"t","expirationTimestamp":"2026-01-31T08:00:00.9Z"}"#, "it has already expired"),
        (r#"{"token":"t","expirationTimestamp":"1969-12-31T23:59:59Z"}"#, "it has already expired"),
        (r#"{"token":"t","expirationTimestamp":"0000-01-01T00:00:00+01:00"}"#, "it has already expired"),
        (&certificate, "its certificate cannot be read"),
    ] {
        assert_eq!(judged(with_status(status)), Verdict::Uncacheable(why), "{status}");
    }
}

#[test]
fn what_client_go_refuses_is_no_credential() {
    let good = r#""expirationTimestamp":"2026-01-31T09:00:00Z""#;
    for status in [
        "null",
        "{}",
        "[]",
        "1",
        "\"t\"",
        r#"{"token":""}"#,
        r#"{"token":null}"#,
        r#"{"token":1}"#,
        r#"{"token":["t"]}"#,
        r#"{"token":{"t":1}}"#,
        r#"{"Token":"t"}"#,
        r#"{"clientCertificateData":"c"}"#,
        r#"{"clientKeyData":"k"}"#,
        r#"{"clientCertificateData":"c","clientKeyData":""}"#,
        r#"{"clientCertificateData":"","clientKeyData":"k"}"#,
        r#"{"clientCertificateData":"","clientKeyData":""}"#,
        r#"{"token":"t","clientCertificateData":"c"}"#,
        r#"{"token":"t","clientKeyData":"k"}"#,
        r#"{"token":"t","clientKeyData":7}"#,
        r#"{"token":"t","expirationTimestamp":1769850000}"#,
        r#"{"token":"t","expirationTimestamp":{}}"#,
        // Two readers may take two different ones.
        r#"{"token":"t","token":"t"}"#,
        r#"{"token":"t","\u0074oken":"u"}"#,
        r#"{"token":"t","expirationTimestamp":null,"expirationTimestamp":null}"#,
    ] {
        let with_stamp = if status.contains("expiration") {
            status.to_owned()
        } else {
            status.replacen('{', &format!("{{{good},"), 1)
        };
        for status in [status, &with_stamp.replace(",}", "}")] {
            assert!(matches!(judged(with_status(status)), Verdict::Invalid(_)), "{status}");
        }
    }
    for output in [
        "",
        "null",
        "[]",
        "\"ExecCredential\"",
        "kind: ExecCredential\nstatus: {token: t}\n",
        "Please log in first",
        r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}"#,
        r#"{"kind":"ExecCredential","status":{"token":"t"}}"#,
        r#"{"kind":"execcredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t"}}"#,
        r#"{"kind":"TokenReview","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t"}}"#,
        r#"{"kind":["ExecCredential"],"apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t"}}"#,
        r#"{"kind":"ExecCredential","apiVersion":"authentication.k8s.io/v1","status":{"token":"t"}}"#,
        r#"{"kind":"ExecCredential","apiVersion":"v1","status":{"token":"t"}}"#,
        r#"{"kind":"ExecCredential","apiVersion":7,"status":{"token":"t"}}"#,
        r#"{"kind":"ExecCredential","kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t"}}"#,
        r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{},"status":{"token":"t"}}"#,
    ] {
        assert!(matches!(judged(output), Verdict::Invalid(_)), "{output}");
    }
}

#[test]
fn the_answer_has_the_version_that_was_asked_for() {
    let answer = |version: &str| {
        format!(
            r#"{{"kind":"ExecCredential","apiVersion":"{version}","status":{{"token":"{}"}}}}"#,
            jwt_until(NOW_UNIX_S + 60)
        )
    };
    for (version, asked, is_accepted) in [
        (V1, Some(V1), true),
        (V1BETA1, Some(V1BETA1), true),
        (V1, Some(V1BETA1), false),
        (V1BETA1, Some(V1), false),
        (V1, None, true),
        (V1BETA1, None, true),
        ("v1", Some("v1"), false),
        ("client.authentication.k8s.iox/v1", None, false),
    ] {
        let expected = if is_accepted {
            until(NOW_UNIX_S + 60)
        } else {
            Verdict::Invalid("its apiVersion is not the one asked for")
        };
        assert_eq!(judged_with(answer(version), asked, Duration::ZERO), expected, "{version} {asked:?}");
    }
}

#[test]
fn unknown_members_and_white_space_do_no_harm() {
    let output = r#"
        { "status" : { "x" : { "token" : 1, "token" : [ null, -1.5e300, "\ud83d\ude00\/\b\f" ] } ,
            "token" : "\u0074\/\"\\" , "expirationTimestamp" : "2026-01-31T08:14:00Z" } ,
          "metadata" : { "status" : [ { } , [ ] , { "" : { } } ] , "big" : [ 1E+9, 123456789012345678901 ] },
          "apiVersion" : "client.authentication.k8s.io\/v1" , "kind" : "Exec\u0043redential" }
    "#;
    assert_eq!(judged(output), until(NOW_UNIX_S + 840));
}

#[test]
fn one_byte_order_mark_is_taken_and_no_more() {
    let output = token_status(&jwt_until(NOW_UNIX_S + 60));
    assert_eq!(judged(format!("\u{feff}{output}")), until(NOW_UNIX_S + 60));
    assert_eq!(judged(format!("\u{feff}\u{feff}{output}")), until(NOW_UNIX_S + 60), "as YAML");
    assert_eq!(judged(format!("{output}\u{feff}")), Verdict::Invalid("it is not JSON"));
    assert!(matches!(judged("\u{feff}"), Verdict::Invalid(_)));
}

#[test]
fn no_credential_that_is_cut_short_or_goes_on_is_accepted() {
    let output = token_status(&jwt_until(NOW_UNIX_S + 60));
    for length in 0..output.len() {
        assert!(matches!(judged(&output[..length]), Verdict::Invalid(_)), "{length}");
    }
    for rest in ["x", "{}", "// end", "/* */", ",", "\0", "\n---\n", &output] {
        assert_eq!(judged(format!("{output}{rest}")), Verdict::Invalid("it is not JSON"), "{rest}");
    }
    assert_eq!(judged(format!(" \t\r\n{output} \t\r\n")), until(NOW_UNIX_S + 60));
}

#[test]
fn a_credential_without_expiry_is_cached_for_the_default_ttl() {
    let ttl = Duration::from_secs(600);
    let jwt_status = json!({ "token": jwt_until(NOW_UNIX_S + 60) }).to_string();
    for (status, expected) in [
        (r#"{"token":"t"}"#, until(NOW_UNIX_S + 600)),
        (r#"{"token":"t","expirationTimestamp":null}"#, until(NOW_UNIX_S + 600)),
        (r#"{"token":"t","expirationTimestamp":"0001-01-01T00:00:00Z"}"#, until(NOW_UNIX_S + 600)),
        (r#"{"token":"t","expirationTimestamp":"2026-01-31T08:00:01Z"}"#, until(NOW_UNIX_S + 1)),
        (
            r#"{"token":"t","expirationTimestamp":""}"#,
            Verdict::Uncacheable("its expirationTimestamp is not RFC 3339"),
        ),
        (r#"{"token":"t\n"}"#, Verdict::Uncacheable(CONTROL)),
        (&jwt_status, until(NOW_UNIX_S + 60)),
    ] {
        assert_eq!(judged_with(with_status(status), Some(V1), ttl), expected, "{status}");
    }
}

#[test]
fn yaml_and_a_missing_kind_are_taken_as_by_client_go() {
    let stamp = "2026-01-31T08:14:00Z";
    let yaml = format!(
        "apiVersion: {V1}\nkind: ExecCredential\nstatus:\n  token: t # a comment\n  expirationTimestamp: {stamp}\n"
    );
    for output in [
        yaml.clone(),
        format!("---\n{yaml}"),
        yaml.replace("kind: ExecCredential\n", ""),
        yaml.replace("token: t", "token: \"t\""),
        format!("# ours\n{}", with_status(&format!(r#"{{"token":"t","expirationTimestamp":"{stamp}"}}"#))),
        format!(r#"{{"apiVersion":"{V1}","status":{{"token":"t","expirationTimestamp":"{stamp}"}}}}"#),
        format!(
            r#"{{"kind":"","apiVersion":"{V1}","status":{{"token":"t","expirationTimestamp":"{stamp}"}}}}"#
        ),
    ] {
        assert_eq!(judged(&output), until(NOW_UNIX_S + 840), "{output}");
    }
    for output in [
        yaml.replace("token: t", "token: 1"),
        yaml.replace("token: t", "token: true"),
        yaml.replace("token: t", "token: t\n  token: u"),
        yaml.replace("ExecCredential", "TokenReview"),
        format!("{yaml}---\n{yaml}"),
        yaml.replace("kind", " kind"),
        format!("{{{yaml}}}"),
        "\tkind: ExecCredential".to_owned(),
    ] {
        assert!(matches!(judged(&output), Verdict::Invalid(_)), "{output}");
    }
    let token_in_block = yaml.replace("token: t", "token: |\n    t");
    assert_eq!(judged(token_in_block), Verdict::Uncacheable(CONTROL), "a block ends in a line break");
}

#[test]
fn the_exp_of_a_jwt_counts() {
    let header = r#"{"alg":"none"}"#;
    for (claims, expected) in [
        (r#"{"exp":1769846401}"#, until(NOW_UNIX_S + 1)),
        (r#"{"exp":1769846401.999}"#, until(NOW_UNIX_S + 1)),
        (r#" { "iat" : 1 , "exp" : 1769846401 , "n" : { "exp" : 5 } } "#, until(NOW_UNIX_S + 1)),
        (r#"{"\u0065xp":1769846401}"#, until(NOW_UNIX_S + 1)),
        (r#"{"exp":253402300800}"#, until(time::LAST_STAMP_UNIX_S)),
        (r#"{"exp":1769846400}"#, Verdict::Uncacheable("it has already expired")),
        (r#"{"exp":0}"#, Verdict::Uncacheable("it has already expired")),
        (r#"{"exp":-5}"#, Verdict::Uncacheable("it has already expired")),
        (r#"{"exp":"1769846401"}"#, Verdict::Uncacheable("its token's exp cannot be read")),
        (r#"{"exp":1.8e9}"#, Verdict::Uncacheable("its token's exp cannot be read")),
        (r#"{"exp":99999999999999999999}"#, Verdict::Uncacheable("its token's exp cannot be read")),
        (r#"{"exp":null}"#, Verdict::Uncacheable("its token's exp cannot be read")),
        (r#"{"exp":[1769846401]}"#, Verdict::Uncacheable("its token's exp cannot be read")),
        (r#"{"exp":1769846401,"exp":1769846402}"#, Verdict::Uncacheable("its token's exp cannot be read")),
        (r#"[]"#, Verdict::Uncacheable("its token's exp cannot be read")),
        (r#"{}"#, Verdict::Uncacheable(NO_EXPIRY)),
        (r#"{"EXP":1769846401}"#, Verdict::Uncacheable(NO_EXPIRY)),
    ] {
        assert_eq!(judged(token_status(&jwt(header, claims))), expected, "{claims}");
    }
}

#[test]
fn a_token_that_is_no_jwt_has_no_expiry_of_its_own() {
    let claims = r#"{"exp":1769846401}"#;
    let part = URL_SAFE_NO_PAD.encode(claims);
    for token in [
        "t".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("k8s-aws-v1.{part}"),
        format!("{part}.{part}"),
        format!("{part}.{part}.{part}.{part}"),
        // An encrypted token (RFC 7516) has five parts.
        format!("{part}.{part}.{part}.{part}.{part}"),
        jwt("not JSON", claims),
        jwt("[]", claims),
        jwt("{\"alg\":", claims),
        jwt("{}", "{\"exp\":1769846401"),
        format!("{part}=.{part}.sig"),
        format!("{part}.{part}=.sig"),
    ] {
        assert_eq!(judged(token_status(&token)), Verdict::Uncacheable(NO_EXPIRY), "{token}");
    }
}

#[test]
fn the_not_after_of_a_certificate_counts() {
    let with =
        |pem: &str| with_status(&json!({ "clientCertificateData": pem, "clientKeyData": "key" }).to_string());
    assert_eq!(judged(with(&certificate(NOW_UNIX_S + 5))), until(NOW_UNIX_S + 5));
    assert_eq!(judged(with(&chain(NOW_UNIX_S + 7, NOW_UNIX_S + 5))), until(NOW_UNIX_S + 5));
    assert_eq!(judged(with(&certificate(NOW_UNIX_S))), Verdict::Uncacheable("it has already expired"));
}

#[test]
fn the_earliest_of_all_stamps_wins() {
    let stamps = [NOW_UNIX_S + 10, NOW_UNIX_S + 20, NOW_UNIX_S + 30];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let [stated, token, not_after] = order.map(|place| stamps[place]);
        let status = json!({
            "expirationTimestamp": time::format_rfc3339(stated as u64),
            "token": jwt_until(token),
            "clientCertificateData": certificate(not_after),
            "clientKeyData": "key",
        });
        assert_eq!(judged(with_status(&status.to_string())), until(stamps[0]), "{order:?}");
    }
}

#[test]
fn one_stamp_that_cannot_be_read_keeps_it_out_of_the_cache() {
    let status = json!({
        "expirationTimestamp": "2026-01-31T09:00:00Z",
        "token": jwt("{}", r#"{"exp":"soon"}"#),
    });
    assert_eq!(
        judged(with_status(&status.to_string())),
        Verdict::Uncacheable("its token's exp cannot be read")
    );
    let status = json!({
        "expirationTimestamp": "2026-01-31T09:00:00Z",
        "token": "t",
        "clientCertificateData": "pem",
        "clientKeyData": "key",
    });
    assert_eq!(
        judged(with_status(&status.to_string())),
        Verdict::Uncacheable("its certificate cannot be read")
    );
}

/// What client-go demands of the text of a plugin, the certificate's validity aside.
fn client_go_accepts(text: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(text) else { return false };
    let is_text = |value: &Value| value.is_null() || value.is_string();
    let filled = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let status = &document["status"];
    let [token, certificate, key] =
        ["token", "clientCertificateData", "clientKeyData"].map(|name| &status[name]);
    let kind = &document["kind"];
    (kind.is_null() || kind == "" || kind == "ExecCredential")
        && document["apiVersion"] == V1
        && status.is_object()
        && [token, certificate, key, &status["expirationTimestamp"]].into_iter().all(is_text)
        && (filled(token) || filled(certificate))
        && filled(certificate) == filled(key)
}

/// A member's value, most often a good one.
fn member(good: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    let odd = prop::sample::select(vec!["null", "\"\"", "1", "true", "[]", "{}", "\"x\""]);
    prop_oneof![
        12 => prop::sample::select(good).prop_map(|text| Some(text.to_owned())),
        2 => odd.prop_map(|text| Some(text.to_owned())),
        1 => Just(None),
    ]
}

fn object(members: Vec<(String, Option<String>)>) -> String {
    let members = members.into_iter().filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Members in any order with one more of any shape in between.
fn shuffled(members: Vec<(&'static str, BoxedStrategy<Option<String>>)>) -> impl Strategy<Value = String> {
    let (names, values): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    let more = (tree(), style()).prop_map(|(tree, mut style): (_, Style)| Some(style.write(&tree)));
    (values, more)
        .prop_map(move |(values, more)| {
            let names = names.iter().map(|name| (*name).to_owned()).chain(["more".to_owned()]);
            names.zip(values.into_iter().chain([more])).collect::<Vec<_>>()
        })
        .prop_shuffle()
        .prop_map(object)
}

fn nearly_a_credential() -> impl Strategy<Value = String> {
    let status = shuffled(vec![
        ("token", member(&["\"t\"", "\"\\u0074\\n\""]).boxed()),
        ("expirationTimestamp", member(&["\"2026-01-31T09:00:00Z\""]).boxed()),
        ("clientCertificateData", member(&["null", "\"\"", "\"c\""]).boxed()),
        ("clientKeyData", member(&["null", "\"\"", "\"k\""]).boxed()),
    ]);
    let odd = prop::sample::select(vec![
        None,
        Some("null".to_owned()),
        Some("[]".to_owned()),
        Some("\"\"".to_owned()),
    ]);
    shuffled(vec![
        ("kind", member(&["\"ExecCredential\""]).boxed()),
        ("apiVersion", member(&["\"client.authentication.k8s.io/v1\""]).boxed()),
        ("status", prop_oneof![12 => status.prop_map(Some), 1 => odd].boxed()),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn verdicts_agree_with_client_go(output in nearly_a_credential()) {
        let is_accepted = !matches!(judged(&output), Verdict::Invalid(_));
        prop_assert_eq!(is_accepted, client_go_accepts(output.as_bytes()), "{}", output);
    }

    #[test]
    fn damaged_output_is_cached_only_if_client_go_accepts_it(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..4),
    ) {
        let mut output = with_status(r#"{"expirationTimestamp":"2026-01-31T09:00:00Z","token":"t"}"#).into_bytes();
        for (at, byte, is_inserted) in changes {
            let at = at.index(output.len());
            output.splice(at..at + usize::from(!is_inserted), [byte]);
        }
        if let Verdict::Cacheable { .. } = judged(&output) {
            prop_assert!(client_go_accepts(&output), "{}", output.escape_ascii());
        }
    }

    #[test]
    fn no_claims_make_the_judge_panic(header in ".{0,20}", claims in "\\{\"exp\":[-+.0-9eE\"a-z\\[\\]{}, ]{0,24}\\}?") {
        let _ = judged(token_status(&jwt(&header, &claims)));
        let _ = judged(token_status(&jwt("{}", &claims)));
    }
}
