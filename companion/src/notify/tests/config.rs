use super::*;
use crate::notify::secret::Secret;
use crate::notify::target::NotifyConfig;

fn read(toml: &str) -> NotifyConfig {
    toml::from_str(toml).expect(toml)
}

#[test]
fn builds_every_kind_of_target_and_names_them() {
    let config = read(
        "[[webhook]]
        url = 'http://127.0.0.1:1/a'
        [[slack]]
        url = 'https://hooks.example/services/T/B/x'
        min_severity = 'critical'
        [[alertmanager]]
        url = 'http://127.0.0.1:9093'
        [[email]]
        host = 'mail.example'
        from = 'Ledger <ledger@example.com>'
        to = ['a@example.com', 'B <b@example.com>']
        username = 'u'
        password = 'p'",
    );
    let targets = config.targets().expect("targets");
    let names: Vec<&str> = targets.iter().map(|target| target.notifier.name()).collect();
    assert_eq!(names, ["webhook", "slack", "alertmanager", "email"]);
    assert_eq!(targets[1].grouping.min_severity, Severity::Critical);
}

#[test]
fn refuses_what_cannot_work_and_says_which_target() {
    for (toml, message) in [
        ("[[webhook]]", "notify.webhook[0].url: give url or url_file"),
        ("[[webhook]]\nurl = 'ftp://x'", "notify.webhook[0].url: must begin with http:// or https://"),
        ("[[webhook]]\nurl = 'no url'", "notify.webhook[0].url: relative URL without a base; give the whole"),
        ("[[webhook]]\nurl = 'http://a'\nurl_file = 'b'", "give either url or url_file, not both"),
        ("[[webhook]]\nurl_file = '/no/such/file'", "url_file /no/such/file: No such file"),
        (
            "[[webhook]]\nurl = 'http://a'\n[[webhook]]\nurl = 'http://b'",
            "two targets have the name \"webhook\"",
        ),
        ("group_interval = '0s'", "notify.group_interval: must be from 1s to 30d"),
        ("external_url = 'ledger.example'", "notify.external_url: must be an address that begins with http"),
        ("external_url = 'ftp://ledger.example'", "notify.external_url: must be an address"),
        ("external_url = 'http://ledger.example/a b'", "notify.external_url: must be an address"),
        ("external_url = 'http://ledger.example/%zz'", "notify.external_url: must be an address"),
        ("[[alertmanager]]\nurl = 'http://a'\nresend = '0s'", "notify.alertmanager[0].resend: must be"),
        (
            "[[email]]\nhost = 'h'\nfrom = 'x'\nto = ['a@b.c']",
            "notify.email[0].from: \"x\" is no mail address",
        ),
        ("[[email]]\nhost = 'h'\nfrom = 'a@b.c'\nto = []", "to: at least one mail address"),
        (
            "[[email]]\nhost = 'h'\nfrom = 'a@b.c'\nto = ['a@b.c']\nusername = 'u'",
            "username: needs a password",
        ),
        (
            "[[email]]\nhost = 'h'\nfrom = 'a@b.c'\nto = ['a@b.c']\nusername = 'u'\npassword = 'p'\nsecurity = 'none'",
            "would send the password to h in the open",
        ),
    ] {
        let error = read(toml).targets().expect_err(toml);
        assert!(error.contains(message), "{toml}\n{error}");
    }
    for (toml, message) in [
        ("[[webhook]]\nuri = 'http://a'", "unknown field `uri`"),
        ("[[email]]\nhost = 'h'", "missing field `from`"),
        ("[[email]]\nhost = 'h'\nfrom = 'a'\nto = []\nsecurity = 'ssl'", "unknown variant `ssl`"),
    ] {
        let error = toml::from_str::<NotifyConfig>(toml).expect_err(toml).to_string();
        assert!(error.contains(message), "{toml}\n{error}");
    }
}

#[test]
fn secrets_are_read_from_files_and_never_printed() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, "http://127.0.0.1:1/canary\n").expect("write");
    let toml = format!(
        "[[webhook]]\nurl_file = {file:?}\ntoken = 'canary'\n[[slack]]\nurl = 'https://u:canary@h/canary'\n\
         [[email]]\nhost = 'h'\nfrom = 'a@b.c'\nto = ['a@b.c']\nusername = 'u'\npassword = 'canary'"
    );
    let config = read(&toml);
    let targets = config.targets().expect("targets");
    for text in [
        format!("{config:?}"),
        toml::to_string(&config).expect("toml"),
        serde_json::to_string(&config).expect("json"),
        format!("{targets:?}"),
    ] {
        assert!(!text.contains("canary"), "{text}");
    }
    let read = Secret::resolve("url", None, Some(&file)).expect("secret").expect("some");
    assert_eq!(read.expose(), "http://127.0.0.1:1/canary");
}
