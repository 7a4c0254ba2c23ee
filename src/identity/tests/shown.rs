//! How much of command lines and variables is shown.

use super::command;
use crate::identity::{show_address, show_arguments, show_variable};

/// Before and after; `§` is a space inside one argument, and `#` the tag.
const SHOWN: &[(&str, &str)] = &[
    // All of these are shown: nothing in them can be a secret.
    ("aws --region eu eks get-token --cluster-name demo --output json", ""),
    ("aws eks get-token --cluster-name=demo --profile admin", ""),
    ("aws-iam-authenticator token -i demo -r arn:aws:iam::1:role/a", ""),
    ("kubelogin get-token --login azurecli --server-id 6dae42f8-4368", ""),
    ("kubelogin get-token --oidc-issuer-url=https://issuer/realms/a --oidc-client-id=k8s", ""),
    ("gke-gcloud-auth-plugin --use_application_default_credentials", ""),
    ("/opt/bin/az account get-access-token --resource https://a.example", ""),
    ("env AWS_PROFILE=prod /usr/bin/aws eks get-token", ""),
    ("sh -c aws§eks§get-token§--cluster-name§demo|cat", ""),
    ("doctl kubernetes cluster kubeconfig exec-credential --version=v1beta1", ""),
    ("plugin", ""),
    // The issue's list, and its neighbors.
    ("plugin --pass hunter2", "plugin --pass ***#"),
    ("plugin --pwd=hunter2", "plugin --pwd=***#"),
    ("plugin -p hunter2", "plugin -p ***#"),
    ("plugin -phunter2", "plugin -p***#"),
    ("plugin -u joe:hunter2", "plugin -u ***#"),
    ("plugin --creds=hunter2", "plugin --creds=***#"),
    ("plugin --jwt hunter2", "plugin --jwt ***#"),
    ("plugin --otp 123456", "plugin --otp ***#"),
    ("plugin -password hunter2", "plugin -p***# ***#"),
    ("plugin --client-secret -hunter2", "plugin --client-secret ***#"),
    ("plugin hunter2", "plugin ***#"),
    ("plugin ghp_hunter2", "plugin ***#"),
    ("plugin --unknown --pass hunter2", "plugin --unknown --pass ***#"),
    ("plugin --PASS=hunter2", "plugin --PASS=***#"),
    ("plugin --hunter2", "plugin ***#"),
    ("plugin {\"password\":\"hunter2\"}", "plugin ***#"),
    ("plugin --data {\"a\":§\"hunter2\"}", "plugin --data ***#"),
    ("plugin Server=a;Password=hunter2", "plugin ***#"),
    ("plugin --dsn postgres://u:hunter2@h/d", "plugin --dsn ***#"),
    ("plugin --region ghp_hunter2", "plugin --region ***#"),
    ("plugin --region eyJhunter2", "plugin --region ***#"),
    ("plugin --url https://hunter2@host/path", "plugin --url https://***@host/path"),
    ("plugin --url https://u:hunter2@host:1/a?b=hunter2", "plugin --url https://***@host:1/a?***#"),
    ("plugin https://hooks.example/hunter2", "plugin ***#"),
    ("env DB_PWD=hunter2 aws", "env DB_PWD=***# aws"),
    ("env hunter2=1 aws", "env ***# aws"),
    ("sh -c PASS=hunter2§aws", "sh -c ***#"),
    ("sh -c echo§hunter2|plugin", "sh -c ***#"),
    ("sh -c plugin§--pass§'hunter2'", "sh -c ***#"),
    ("aws-vault exec --mfa-token 123456 prod -- aws", "aws-vault exec --mfa-token ***# ***# -- aws"),
    ("plugin --debug=true --pass=", "plugin --debug=true --pass="),
];

#[test]
fn only_what_cannot_be_a_secret_is_shown() {
    for (before, after) in SHOWN {
        let shown = show_arguments(&command(before), &|_| "#".to_owned());
        let after = if after.is_empty() { before } else { after };
        assert_eq!(shown.join(" "), after.replace('§', " "), "{before}");
    }
}

#[test]
fn a_hidden_value_is_tagged_by_its_content() {
    let tag = |value: &str| value.len().to_string();
    assert_eq!(show_arguments(&command("plugin --pass hunter2"), &tag), ["plugin", "--pass", "***7"]);
    assert_eq!(show_variable("DB_PWD", "hunter", &tag), "***6");
}

#[test]
fn only_variables_that_the_tables_know_are_shown() {
    let tag = |_: &str| "#".to_owned();
    for name in
        ["DB_PWD", "PASS", "GITHUB_PAT", "JWT", "TENANT", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    {
        assert_eq!(show_variable(name, "hunter2", &tag), "***#", "{name}");
    }
    for (name, value) in [("AWS_PROFILE", "dev"), ("HOME", "/home/u"), ("AWS_ACCESS_KEY_ID", "AKIA1")] {
        assert_eq!(show_variable(name, value, &tag), value);
    }
    for (name, value) in [
        ("AWS_PROFILE", "u:hunter2"),
        ("AWS_ENDPOINT_URL", "u:hunter2@h"),
        ("AWS_ENDPOINT_URL", "host=h;pwd=hunter2"),
        ("CLOUDSDK_CONFIG", "{\"p\":\"hunter2\"}"),
    ] {
        assert_eq!(show_variable(name, value, &tag), "***#", "{value}");
    }
    for value in ["arn:aws:iam::1:role/r", "/a:/b", "host:6443"] {
        assert_eq!(show_variable("AWS_PROFILE", value, &tag), value);
    }
    let uri = "http://me:hunter2@127.0.0.1/";
    let shown = show_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, &tag);
    assert_eq!(shown, "http://***@127.0.0.1/");
}

#[test]
fn an_address_is_shown_without_what_proves_an_identity() {
    let tag = |_: &str| "#".to_owned();
    for (before, after) in [
        ("https://host:6443/k8s/clusters/c", "https://host:6443/k8s/clusters/c"),
        ("https://a@b@host", "https://***@host"),
        ("https://host/?a@b", "https://host/?***#"),
        ("https://host#hunter2", "https://host?***#"),
        ("hunter2", "***#"),
    ] {
        assert_eq!(show_address(before, &tag), after, "{before}");
    }
}

#[test]
fn control_characters_and_direction_marks_are_not_shown() {
    let arguments = ["a\u{1b}[2J", "--region", "\u{202e}b", "--url", "https://h/\u{9b}"].map(Into::into);
    let shown = show_arguments(&arguments, &|_| String::new()).concat();
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{shown:?}");
}
