//! Secrets in command lines.

use std::ffi::OsString;

use super::command;
use crate::identity::mask::is_secret_flag;
use crate::identity::mask_arguments;

/// Before and after; `§` is a space inside one argument.
const MASKED: &[(&str, &str)] = &[
    ("plugin --password=hunter2 x", "plugin --password=*** x"),
    ("plugin --password hunter2 x", "plugin --password *** x"),
    ("plugin -password hunter2", "plugin -password ***"),
    ("plugin --oidc-client-secret=hunter2", "plugin --oidc-client-secret=***"),
    ("plugin --oidc-client-secret hunter2", "plugin --oidc-client-secret ***"),
    ("plugin --client-secret -hunter2", "plugin --client-secret ***"),
    ("plugin --client-secret= --x", "plugin --client-secret= --x"),
    ("plugin --CLIENT_SECRET=hunter2", "plugin --CLIENT_SECRET=***"),
    ("plugin --application-credential-secret hunter2", "plugin --application-credential-secret ***"),
    ("plugin --token hunter2", "plugin --token ***"),
    ("plugin --access-token=hunter2", "plugin --access-token=***"),
    ("plugin --api-key hunter2", "plugin --api-key ***"),
    ("plugin --apikey=hunter2", "plugin --apikey=***"),
    ("plugin --secret-id hunter2", "plugin --secret-id ***"),
    ("plugin --client-certificate-password hunter2", "plugin --client-certificate-password ***"),
    ("aws-vault exec --mfa-token 123456 p -- aws", "aws-vault exec --mfa-token *** p -- aws"),
    ("doctl -t hunter2 x", "doctl -t *** x"),
    ("doctl -thunter2 x", "doctl -t*** x"),
    ("env A=1 /bin/doctl -t=hunter2 x", "env A=1 /bin/doctl -t=*** x"),
    ("kubelogin -t tenant", "kubelogin -t tenant"),
    ("env DIGITALOCEAN_ACCESS_TOKEN=hunter2 doctl", "env DIGITALOCEAN_ACCESS_TOKEN=*** doctl"),
    ("env AWS_SECRET_ACCESS_KEY=hunter2 aws", "env AWS_SECRET_ACCESS_KEY=*** aws"),
    ("env AWS_PROFILE=prod aws", "env AWS_PROFILE=prod aws"),
    ("env AWS_ACCESS_KEY_ID=AKIA aws", "env AWS_ACCESS_KEY_ID=AKIA aws"),
    ("plugin --proxy=http://u:hunter2@h:1/p", "plugin --proxy=http://u:***@h:1/p"),
    ("plugin http://u:hunter2@h", "plugin http://u:***@h"),
    ("plugin http://u:hun@ter2@h/x@y?a=1", "plugin http://u:***@h/x@y?a=1"),
    ("plugin https://u@h/p?token=hunter2&b=1", "plugin https://u@h/p?token=***&b=1"),
    ("plugin --url=https://h/p?x=1&client_secret=hunter2", "plugin --url=https://h/p?x=1&client_secret=***"),
    ("plugin --header Authorization=Bearer§hunter2", "plugin --header ***"),
    ("plugin --header Authorization:§Bearer§hunter2", "plugin --header ***"),
    ("plugin --param client_assertion=hunter2", "plugin --param client_assertion=***"),
    ("plugin --param=client_assertion=hunter2", "plugin --param=client_assertion=***"),
    ("plugin eyJhbGciOiJub25lIn0.e30.hunter2", "plugin ***"),
    ("plugin --jwt=eyJhbGciOiJub25lIn0.e30.hunter2", "plugin --jwt=***"),
    ("sh -c FOO_TOKEN=hunter2§aws§x", "sh -c ***"),
    ("sh -c aws§--password§'hun§ter2'", "sh -c ***"),
    ("sh -c curl§-H§\"X-Token:§hunter2\"", "sh -c ***"),
    ("sh -c a|doctl§-t§hunter2", "sh -c ***"),
    ("sh -c curl§https://u:hunter2@h", "sh -c ***"),
    ("sh -c aws§eks§get-token|cat", "sh -c aws§eks§get-token|cat"),
    ("aws eks get-token --cluster-name c", "aws eks get-token --cluster-name c"),
    ("az account get-access-token --resource r", "az account get-access-token --resource r"),
    ("plugin --token-cache-dir /d", "plugin --token-cache-dir /d"),
    ("plugin --federated-token-file=/f", "plugin --federated-token-file=/f"),
    ("plugin --token-only -i c", "plugin --token-only -i c"),
    ("plugin --token --verbose", "plugin --token --verbose"),
    ("plugin a=b=c --x=y", "plugin a=b=c --x=y"),
    ("plugin", "plugin"),
];

#[test]
fn secrets_in_arguments_are_hidden() {
    for (before, after) in MASKED {
        let shown = mask_arguments(&command(before));
        assert_eq!(shown.join(" "), after.replace('§', " "), "{before}");
    }
}

#[test]
fn unicode_white_space_does_not_reveal_a_secret() {
    for blank in [" ", "\t", "\u{a0}", "\u{2003}"] {
        let argument = ["login", "--token", "secret"].join(blank);
        let shown = mask_arguments(&["plugin".into(), argument.into()]);
        assert!(!shown.concat().contains("secret"), "{shown:?}");
    }
}

#[test]
fn control_characters_are_not_shown() {
    let arguments = [OsString::from("a\u{1b}[2Jb"), OsString::from("x\r\ny")];
    for shown in mask_arguments(&arguments) {
        assert!(!shown.contains(char::is_control), "{shown}");
    }
}

#[test]
fn secret_flags_are_recognized_by_name() {
    for secret in ["--token", "-token", "--oidc-client-secret", "--password=x", "--api_key"] {
        assert!(is_secret_flag(secret), "{secret}");
    }
    for harmless in ["token", "--token-file", "--client-id", "--access-key-id", "-t", "--", ""] {
        assert!(!is_secret_flag(harmless), "{harmless}");
    }
}
