mod reference;

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::example::{EXAMPLE, complete, keys, leaves};
use super::*;
use crate::notify::target::KEYS;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spanledger.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn the_example_states_the_defaults() {
    assert_eq!(toml::from_str::<Config>(EXAMPLE).unwrap(), Config::default());
}

#[test]
fn the_example_with_all_optional_keys_is_valid() {
    let config: Config = toml::from_str(&complete()).unwrap();
    assert_eq!(config.rules.rule(crate::rule::RuleName::CostOverrun).services.len(), 1);
    assert!(config.receiver.tls.is_some() && config.admin.tls.is_some() && config.prices.file.is_some());
}

#[test]
fn configuration_in_the_documentation_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut blocks = 0;
    for page in ["docs/rules.md", "SECURITY.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let read = toml::from_str::<Config>(block);
            assert!(read.is_ok(), "{page}: {block}\n{}", read.unwrap_err());
            blocks += 1;
        }
    }
    assert!(blocks >= 4, "{blocks}");
}

#[test]
fn every_kind_of_notifier_has_a_section_in_the_example() {
    let all: toml::Table = complete().parse().unwrap();
    for kind in KEYS {
        let section = all["notify"].get(kind).and_then(|targets| targets.as_array());
        assert_eq!(section.map(Vec::len), Some(1), "[[notify.{kind}]]");
        let name = &section.unwrap()[0]["name"];
        assert_eq!(name.as_str(), Some(*kind), "the default name of [[notify.{kind}]]");
    }
}

#[test]
fn a_password_file_of_clickhouse_that_is_missing_is_named_with_its_line() {
    let (_folder, path) = file("[ledger.clickhouse]\npassword_file = \"/no/such/file\"\n");
    let error = load(Some(&path), [], &[]).unwrap_err().to_string();
    assert!(error.contains(":2: ledger.clickhouse.password_file: /no/such/file: "), "{error}");
}

/// A value may hold anything, and its error goes to a terminal or a log.
#[test]
fn an_error_is_one_line_without_control_characters() {
    let complete = complete();
    let lines: Vec<&str> = complete.lines().collect();
    let mut refused = 0;
    for (number, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = \"") else { continue };
        let odd = format!(r#"{key} = "./a\nb\u001b[31m\u0000\u202e""#);
        let text: Vec<&str> =
            lines.iter().enumerate().map(|(n, line)| if n == number { &odd } else { *line }).collect();
        let (_folder, path) = file(&text.join("\n"));
        let loaded = load(Some(&path), [], &[]).and_then(|loaded| {
            let targets = loaded.config.notify.targets();
            targets.map(|_| ()).map_err(|message| loaded.error_of(&message))
        });
        if let Err(error) = loaded {
            let error = error.to_string();
            assert!(!error.contains(|c: char| c.is_control() || c == '\u{202e}'), "{error:?}");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
}

/// A value that a file can hold instead is a secret, and a secret is masked by its type.
#[test]
fn every_key_with_a_file_in_its_place_is_masked() {
    let config: Config = toml::from_str(&complete()).unwrap();
    let Ok(toml::Value::Table(shown)) = toml::Value::try_from(&config) else { panic!("no table") };
    let mut tables = vec![(String::new(), shown)];
    let mut masked = 0;
    while let Some((path, table)) = tables.pop() {
        for (key, value) in &table {
            match value {
                toml::Value::Table(below) => tables.push((format!("{path}{key}."), below.clone())),
                toml::Value::Array(items) => {
                    let items = items.iter().filter_map(toml::Value::as_table);
                    tables.extend(items.map(|item| (format!("{path}{key}."), item.clone())));
                }
                value if table.contains_key(&format!("{key}_file")) => {
                    assert_eq!(value.as_str(), Some("***"), "{path}{key}");
                    masked += 1;
                }
                _ => {}
            }
        }
    }
    assert!(masked >= 8, "{masked}");
}

/// The keys that the reader of each section knows, as its errors list them.
fn known(section: &str) -> BTreeSet<String> {
    let table = match section {
        "" => String::new(),
        target if target.starts_with("notify.") => format!("[[{target}]]\n"),
        section => format!("[{section}]\n"),
    };
    let error = toml::from_str::<Config>(&format!("{table}no_such_key = 1\n")).unwrap_err();
    let message = error.message().to_owned();
    let expected = message.split_once("expected").unwrap_or_else(|| panic!("{message}")).1;
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_example_lists_every_key() {
    let all: toml::Table = complete().parse().unwrap();
    let listed = |section: &str| {
        let table =
            section.split('.').filter(|part| !part.is_empty()).fold(&all, |table, part| match &table[part] {
                toml::Value::Array(targets) => targets[0].as_table().unwrap(),
                value => value.as_table().unwrap(),
            });
        table.keys().cloned().collect::<BTreeSet<_>>()
    };
    for section in [
        "",
        "ledger",
        "ledger.retention",
        "receiver",
        "receiver.limits",
        "receiver.tls",
        "admin",
        "prices",
        "log",
        "shutdown",
        "notify",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(KEYS.iter().map(|kind| format!("notify.{kind}")))
    {
        assert_eq!(listed(&section), known(&section), "[{section}]");
    }
    // A rule lists the keys that it reads; their meaning is given once, with all that any rule reads.
    let defaults = toml::Table::try_from(crate::rule::config::RulesConfig::default()).unwrap();
    let mut anywhere = BTreeSet::new();
    for rule in crate::rule::ALL {
        let name = rule.name.as_str();
        let read: BTreeSet<String> = defaults[name].as_table().unwrap().keys().cloned().collect();
        let mut of_rule = listed(&format!("rules.{name}"));
        anywhere.extend(of_rule.iter().cloned());
        of_rule.retain(|key| key != "services" && key != "models");
        assert_eq!(of_rule, read, "{name}");
    }
    assert_eq!(anywhere, known("rules.CostOverrun"));
    for key in anywhere {
        let explained = EXAMPLE.contains(&format!("\n#   {key} "));
        assert!(explained || EXAMPLE.contains(&format!("rules.CostOverrun.{key}.")), "{key}");
    }
}

#[test]
fn every_key_of_the_example_has_a_comment() {
    let mut above = String::new();
    for line in EXAMPLE.lines() {
        let key = line.split_once(" = ").map(|(key, _)| key.trim_start_matches('#'));
        let explained = above.starts_with("# ") || above.contains('=') || above.starts_with(['[', '#']);
        assert!(key.is_none() || explained, "{line:?} stands alone below {above:?}");
        line.clone_into(&mut above);
    }
}

#[test]
fn file_environment_and_flags_overrule_each_other_in_this_order() {
    let (_folder, path) = file(
        "[receiver]\ngrpc = \"127.0.0.1:1\"\nhttp = \"127.0.0.1:2\"\n\n[admin]\nlisten = \"127.0.0.1:3\"\n",
    );
    let pairs = environment(&[
        ("SPANLEDGER_RECEIVER_HTTP", "127.0.0.1:20"),
        ("SPANLEDGER_ADMIN_LISTEN", "127.0.0.1:30"),
        ("SPANLEDGER_RULES_COSTOVERRUN_THRESHOLD", "12.5"),
        ("SPANLEDGER_RULES_HIGHFAILURERATE_MIN_CALLS", "5"),
        ("SPANLEDGER_NOTIFY_GROUP_BY", "alertname, model"),
        ("SPANLEDGER_LEDGER", "read by the command line"),
        ("UNRELATED", "x"),
    ]);
    let value = Some(toml::Value::String("127.0.0.1:300".to_owned()));
    let flags = [Flag { name: "--admin", key: "admin.listen", value }];
    let loaded = load(Some(&path), pairs, &flags).unwrap();
    let config = &loaded.config;
    let ports =
        [config.receiver.grpc, config.receiver.http, config.admin.listen].map(|listen| listen.0.port());
    assert_eq!(ports, [1, 20, 300]);
    assert_eq!(config.notify.group_by, ["alertname", "model"]);
    assert_eq!(config.rules.rule(crate::rule::RuleName::CostOverrun).settings.threshold, 12.5);
    assert_eq!(config.rules.rule(crate::rule::RuleName::HighFailureRate).settings.min_calls, 5);
    assert_eq!(loaded.source("receiver.grpc"), &Source::File(path, 2));
    assert_eq!(loaded.source("receiver.http"), &Source::Environment("SPANLEDGER_RECEIVER_HTTP".to_owned()));
    assert_eq!(loaded.source("admin.listen"), &Source::Flag("--admin"));
    assert_eq!(loaded.source("log.level"), &Source::Default);
}

#[test]
fn a_name_with_a_dot_stays_one_name() {
    let (_folder, path) = file("[rules.CostOverrun.models.\"gpt-4.1\"]\nthreshold = 5.0\n");
    let loaded = load(Some(&path), environment(&[("SPANLEDGER_LOG_LEVEL", "debug")]), &[]).unwrap();
    let rule = loaded.config.rules.rule(crate::rule::RuleName::CostOverrun);
    assert_eq!(rule.models.keys().collect::<Vec<_>>(), ["gpt-4.1"]);
    assert_eq!(rule.settings.threshold, 100.0);
}

#[test]
fn refuses_bad_values_and_unknown_names_of_the_environment() {
    for (name, value, message) in [
        (
            "SPANLEDGER_RECEIVER_GRPC",
            "nowhere",
            "environment SPANLEDGER_RECEIVER_GRPC: receiver.grpc: \"nowhere\" is not a valid address",
        ),
        ("SPANLEDGER_RECEIVER_LIMITS_REQUESTS", "many", "receiver.limits.requests: invalid type: string"),
        ("SPANLEDGER_RECEIVER_LIMITS_REQUESTS", "0", "receiver.limits.requests: must be at least 1"),
        ("SPANLEDGER_JOURNAL_EVERY", "0s", "journal.every: must be at least 1s"),
        ("SPANLEDGER_LEDGER_RESPONSE_IDS", "2GiB", "ledger.response_ids: must be at most 1GiB"),
        (
            "SPANLEDGER_RECIEVER_TOKEN",
            "s3cret",
            "environment: SPANLEDGER_RECIEVER_TOKEN: unknown variable; did you mean SPANLEDGER_RECEIVER_TOKEN?",
        ),
        ("SPANLEDGER_RECEIVER_TOKN", "s3cret", "unknown variable; did you mean SPANLEDGER_RECEIVER_TOKEN?"),
        ("SPANLEDGER_ADMIN_PORT", "4319", "unknown variable; did you mean SPANLEDGER_ADMIN_"),
        ("SPANLEDGER_LEGDER", "x.db", "unknown variable; did you mean SPANLEDGER_LEDGER?"),
        ("SPANLEDGER_RULES_INTERVAL", "1ms", "rules.interval"),
    ] {
        let error = load(None, environment(&[(name, value)]), &[]).unwrap_err().to_string();
        assert!(error.contains(message) && !error.contains("s3cret"), "{name}: {error}");
    }
}

#[test]
fn lets_the_variables_of_other_programs_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut names: BTreeSet<String> = [
        "SPANLEDGER_CONFIG",
        "SPANLEDGER_SERVICE_HOST",
        "SPANLEDGER_SERVICE_PORT_GRPC",
        "SPANLEDGER_PORT_4317_TCP_ADDR",
    ]
    .map(str::to_owned)
    .into();
    for file in ["test", "collector/config.yaml", "docker-compose.yml", "tests/e2e/src/collector.rs"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        names.extend(words.filter(|word| word.starts_with("SPANLEDGER_")).map(str::to_owned));
    }
    assert!(names.len() > 20, "{names:?}");
    // Of the compose file's own, these are the companion's.
    for own in
        ["SPANLEDGER_NOTIFY_EXTERNAL_URL", "SPANLEDGER_NOTIFY_DASHBOARD_URL", "SPANLEDGER_RECEIVER_TOKEN"]
    {
        assert!(names.remove(own), "{own}");
    }
    let others = names.into_iter().map(|name| (name, "x".to_owned()));
    let service = ("SPANLEDGER_ADMIN_PORT".to_owned(), "tcp://192.0.2.1:4319".to_owned());
    for (name, value) in others.chain([service]) {
        let loaded = load(None, [(name.clone(), value)], &[]);
        assert_eq!(loaded.map(|loaded| loaded.config), Ok(Config::default()), "{name}");
    }
}

#[test]
fn reads_tokens_from_files_and_never_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let pairs = environment(&[
        ("SPANLEDGER_RECEIVER_TOKEN_FILE", token.to_str().unwrap()),
        ("SPANLEDGER_RECEIVER_GRPC", "0.0.0.0:4317"),
        ("SPANLEDGER_ADMIN_TOKEN", "an0ther"),
    ]);
    let loaded = load(None, pairs, &[]).unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", "Bearer s3cret".parse().unwrap());
    assert!(loaded.config.receiver_token().unwrap().unwrap().admits(&headers));
    let shown = format!("{:?}", loaded.values());
    assert!(shown.contains("***") && !shown.contains("an0ther"), "{shown}");
}

#[test]
fn refuses_a_token_file_that_is_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, vec![b'a'; 1 << 20]).unwrap();
    for key in ["RECEIVER", "ADMIN"] {
        let pairs = environment(&[(&format!("SPANLEDGER_{key}_TOKEN_FILE"), token.to_str().unwrap())]);
        let error = load(None, pairs, &[]).unwrap_err().to_string();
        let key = key.to_ascii_lowercase();
        assert!(error.contains(&format!("{key}.token_file: {}", token.display())), "{error}");
        assert!(error.contains("longer than 65536 bytes"), "{error}");
    }
}

#[test]
fn names_types_in_words() {
    let (_folder, path) = file("[rules.CostOverrun]\nthreshold = \"much\"\n");
    let error = load(Some(&path), [], &[]).unwrap_err().to_string();
    assert!(error.contains("expected a number or"), "{error}");
}

#[test]
fn shows_the_source_of_each_key_of_a_target() {
    let (_folder, path) =
        file("[[notify.webhook]]\nurl = \"https://h/t0ken\"\n\n[[notify.webhook]]\nname = \"b\"\n");
    let values = load(Some(&path), [], &[]).unwrap().values();
    let shown = |key: &str| {
        values.iter().find(|(known, ..)| known == key).map(|(_, value, source)| (value.as_str(), source))
    };
    assert_eq!(shown("notify.webhook[0].url"), Some(("\"***\"", &Source::File(path.clone(), 2))));
    assert_eq!(shown("notify.webhook[0].name"), Some(("\"webhook\"", &Source::Default)));
    assert_eq!(shown("notify.webhook[1].name"), Some(("\"b\"", &Source::File(path, 5))));
    assert_eq!(shown("notify.webhook[1].url"), None);
}

#[test]
fn names_no_secret_of_the_wrong_type_or_in_the_wrong_place() {
    for (text, key) in [
        ("[receiver]\ntoken = 83749265", "receiver.token"),
        ("[admin]\ntoken = 83749265", "admin.token"),
        ("[admin]\ntoken = 8374.9265", "admin.token"),
        ("[admin]\ntoken = [\"83749265\"]", "admin.token"),
        ("[admin.token]\ntext = \"83749265\"", "admin.token"),
        ("[receiver]\ntoken = s83749265", ""),
        ("[[notify.webhook]]\nurl = 83749265", "notify.webhook[0].url"),
        ("[[notify.slack]]\nurl = 83749265", "notify.slack[0].url"),
        ("[notify]\nslack = \"https://hooks.example/83749265\"", "notify.slack"),
        ("[notify]\nslack = [\"https://hooks.example/83749265\"]", "notify.slack"),
        (
            "[[notify.email]]\nhost = \"h\"\nfrom = \"a@b.c\"\nto = []\npassword = 83749265",
            "notify.email[0].password",
        ),
        (
            "[[notify.email]]\nhost = \"h\"\nfrom = \"a@b.c\"\nto = []\npassword = 1979-05-27",
            "notify.email[0].password",
        ),
    ] {
        let (_folder, path) = file(text);
        let error = load(Some(&path), [], &[]).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(key), "{said}");
        assert!(!said.contains("8374") && !said.contains("1979"), "{said}");
    }
}

#[test]
fn shows_no_secret_to_whoever_debugs() {
    let (_folder, path) =
        file("[receiver]\ntoken = \"83749265\"\n[[notify.webhook]]\nurl = \"https://h/83749265\"");
    let loaded = load(Some(&path), environment(&[("SPANLEDGER_ADMIN_TOKEN", "83749265")]), &[]).unwrap();
    let shown = format!("{loaded:?}");
    assert!(shown.contains("receiver") && !shown.contains("83749265"), "{shown}");
}

/// Each file in `tests/config` begins with the message expected: `#! LINE: TEXT`, or `#! TEXT` without a line.
#[test]
fn refuses_each_file_of_the_corpus_with_file_line_and_key() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text.lines().next().and_then(|line| line.strip_prefix("#! ")).unwrap();
        let error = load(Some(&path), [], &[]).and_then(|loaded| {
            loaded.config.notify.targets().map(drop).map_err(|message| loaded.error_of(&message))
        });
        let message = error.expect_err(&path.display().to_string()).to_string();
        let message =
            message.strip_prefix(&format!("{}:", path.display())).unwrap_or_else(|| panic!("{message}"));
        assert!(message.trim_start().starts_with(expected), "{}: {message}", path.display());
        seen += 1;
    }
    assert!(seen >= 15, "{seen} files");
}

#[test]
fn shows_every_key_once() {
    let loaded = load(None, [], &[]).unwrap();
    let shown: Vec<String> = loaded.values().into_iter().map(|(key, ..)| key).collect();
    let unique: BTreeSet<_> = shown.iter().collect();
    assert_eq!(unique.len(), shown.len());
    let defaults: toml::Table = EXAMPLE.parse().unwrap();
    assert_eq!(shown.len(), leaves(&defaults).len());
    assert!(keys().len() > shown.len());
}

proptest! {
    #[test]
    fn never_panics_on_any_text(text in "[ -~\n]{0,200}") {
        let (_folder, path) = file(&text);
        let _ = load(Some(&path), [], &[]);
    }
}
