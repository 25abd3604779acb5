//! What people type by mistake: a status of 2, one line with what was wrong and what to do, and no panic.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::import::{audit_log, import};
use super::process::{run, spanledger};

/// Commands that read a ledger, with what makes them end by themselves.
const READERS: [&[&str]; 16] = [
    &["report"],
    &["report", "--format", "html"],
    &["report", "--format", "json"],
    &["calls"],
    &["calls", "--format", "csv"],
    &["call", "a"],
    &["hourly"],
    &["daily"],
    &["weekly"],
    &["monthly"],
    &["prices"],
    &["check"],
    &["rules"],
    &["backtest", "--last", "1h"],
    &["verify"],
    &["silence", "list"],
];

/// A ledger with calls, in a folder of its own.
fn ledger() -> tempfile::TempDir {
    let folder =
        audit_log(&["'2026-01-02T03:04:05Z', 'r1', 'gpt-4o-mini', 1000, 100, 1500, 200, 0.25, 'ann', NULL"]);
    let (_, _) = import(&folder);
    folder
}

/// Runs it over a ledger, and gives what it wrote to the standard error once it ended with status 2.
fn refused(words: &[&OsStr], ledger: &Path) -> String {
    let output = run(spanledger().args(words).arg("--ledger").arg(ledger).stdin(Stdio::null()));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {text}");
    assert!(!text.contains("panicked"), "{words:?}: {text}");
    text
}

#[test]
fn a_wrong_argument_is_named_with_what_is_right() {
    let folder = ledger();
    let file = folder.path().join("ledger.db");
    for (words, reason) in [
        ("report --last 7days", "expected something like 30s, 5m, 1h30m or 1d"),
        ("report --last 0d", "not between 1 s and 100 years"),
        ("report --from yesterday", "expected RFC 3339"),
        ("report --from 2026-02-30", "expected RFC 3339"),
        ("report --from 2026-12-01 --to 2026-11-01", "the window is empty"),
        ("report --last 1h --from 2026-01-01", "cannot be used with"),
        ("daily --from 2026-12-01 --to 2026-11-01", "--from is not before --to"),
        ("daily --timezone Europe/Berln", "expected an IANA name"),
        ("daily --by modell", "expected model, user, service"),
        ("daily --by tag:", "a key of a tag has"),
        ("hourly --last 9999d", "choose longer periods"),
        ("calls --status abc", "such as 429"),
        ("calls --status 99999", "such as 429"),
        ("calls --limit 0", "a whole number from 1 to 10000"),
        ("calls --limit many", "a whole number from 1 to 10000"),
        ("calls --trace-id zz", "32 hex digits"),
        ("calls --tag team", "expected KEY=VALUE"),
        ("calls --outcome fail", "'failed'"),
        ("call nonsense", "no call"),
        ("prices no-such-model", "no price is known for \"no-such-model\""),
        ("prices gpt-4o --host https://api.openai.com", "such as api.openai.com"),
        ("backtest --tune=abc", "invalid value 'abc'"),
        ("rules export --format prom", "'prometheus'"),
        ("silence add service=~\"(\" --for 1h --comment x --by me", "is no pattern"),
        ("silence add service= --for 1h --comment x --by me", "match every alert"),
        ("silence add service=a --for 91d --comment x --by me", "from 1s to 90d"),
        ("silence expire abc --by me", "a whole number from 1"),
        ("silence expire 99 --by me", "there is no silence 99"),
        ("top --url nonsense", "such as http://HOST:PORT"),
        ("top --url 127.0.0.1:4319", "such as http://HOST:PORT"),
        ("top", "top needs a terminal"),
        ("mcp", "the client does not speak the protocol"),
        ("health --url nonsense", "such as http://HOST:PORT"),
        ("health --url http://127.0.0.1:1", "start `spanledger serve`"),
        ("recover nowhere", "cannot be read"),
        ("recover nowhere --endpoint nonsense", "such as http://HOST:PORT"),
        ("verify --journal nowhere", "cannot be read"),
        ("backup /nowhere/copy.db", "its folder does not exist"),
        ("export /proc/nowhere", "cannot be written"),
        ("import nowhere", "no file at nowhere"),
        ("import --format parquet nowhere", "nowhere"),
        ("config --config nowhere.toml", "nowhere.toml"),
        ("notify --test nobody", "unknown target \"nobody\""),
        ("inbox --listen nonsense", "invalid value 'nonsense'"),
        ("demo --rate 0", "a whole number from 1 to 300"),
        ("demo --duration 1h", "1d to 30d in whole days"),
        ("demo --application agent --exit", "cannot be used with"),
        ("demo --application agent", "--endpoint"),
        ("demo --endpoint nonsense", "such as http://HOST:PORT"),
        ("serve --admin nonsense", "is not a valid address"),
        ("completions tcsh", "[possible values: bash"),
        ("man --output /proc/nowhere", "cannot write the manual pages"),
        ("reprot", "'report'"),
    ] {
        let words: Vec<&OsStr> = words.split(' ').map(OsStr::new).collect();
        let text = refused(&words, &file);
        assert!(text.contains(reason), "{words:?}: {text}");
        let error = text.strip_prefix("spanledger: ").or_else(|| text.strip_prefix("error: "));
        let error = error.unwrap_or_else(|| panic!("{words:?}: {text}"));
        assert!(text.starts_with("error: ") || error.trim_end().lines().count() == 1, "{words:?}: {text}");
    }
}

#[test]
fn a_ledger_that_is_none_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("text.db"), "not a database, and long enough to be looked at\n".repeat(50)).unwrap();
    std::fs::write(path("empty.db"), "").unwrap();
    std::fs::create_dir(path("folder.db")).unwrap();
    for (name, reason) in [
        ("missing.db", "no ledger at"),
        ("empty.db", "no ledger at"),
        ("text.db", "not a ledger file"),
        ("folder.db", "it is a folder, not a file"),
    ] {
        // The rules and the silences of a ledger that is still to come can be asked for.
        let asked = READERS.iter().filter(|words| !["silence", "rules"].contains(&words[0]));
        for words in asked {
            let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
            let text = refused(&words, &path(name));
            assert!(text.contains(reason), "{words:?} over {name}: {text}");
        }
    }
    let mut left: Vec<OsString> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["empty.db", "folder.db", "text.db"]);
    let silence = ["silence", "add", "service=a", "--for", "1h", "--comment", "x", "--by", "me", "--ledger"];
    let output = run(spanledger().args(silence).arg(path("missing.db")));
    let note = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && note.contains("no ledger at"), "a mistyped ledger is noticed: {note}");
}

#[test]
fn arguments_that_are_not_utf_8_are_refused_or_used_as_they_are() {
    let folder = ledger();
    let file = folder.path().join("ledger.db");
    let bytes = OsStr::from_bytes(&[0xFF, 0xFE]);
    for words in [["calls", "--user"], ["daily", "--model"], ["daily", "--timezone"], ["demo", "--seed"]] {
        let text = refused(&[words[0].as_ref(), words[1].as_ref(), bytes], &file);
        assert!(text.contains("UTF-8"), "{words:?}: {text}");
    }
    let text = refused(&["report".as_ref()], Path::new(bytes));
    assert!(text.contains("is not UTF-8"), "{text}");
    let page = folder.path().join(bytes);
    let output = run(spanledger()
        .args(["report", "--format", "html", "--output"])
        .arg(&page)
        .arg("--ledger")
        .arg(&file));
    assert!(output.status.success() && page.exists(), "{output:?}");
}

/// The command without variables that the program would read.
fn without_ours(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPANLEDGER_")) {
        command.env_remove(name);
    }
    command
}

/// `cargo run` and `cargo test` hand on what the build script sets.
#[test]
fn the_program_runs_under_cargo() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanledger"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPANLEDGER_TEST_")) {
        command.env_remove(name);
    }
    let output = run(command.args(["config", "--check"]));
    assert!(output.status.success(), "{output:?}");
}

/// What a pipe closed early, a full disk and closed streams are to a command.
#[test]
fn no_command_panics_when_no_one_reads() {
    let folder = ledger();
    let file = folder.path().join("ledger.db");
    let shell = |script: &str, words: &[&str]| {
        let mut command = without_ours(Command::new("bash"));
        command
            .arg("-c")
            .arg(script)
            .arg(env!("CARGO_BIN_EXE_spanledger"))
            .args(words)
            .arg("--ledger")
            .arg(&file);
        run(command.stdin(Stdio::null())).status.code()
    };
    let refused: &[&str] = &["calls", "--status", "abc"];
    for words in READERS.iter().copied().chain([refused]) {
        let whole = run(spanledger().args(words).arg("--ledger").arg(&file)).status.code();
        assert_eq!(shell(r#""$0" "$@" >/dev/null 2>&1"#, words), whole, "{words:?}");
        for script in [
            r#""$0" "$@" 2>/dev/null | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}"#,
            r#""$0" "$@" 2>&1 | true; exit ${PIPESTATUS[0]}"#,
            r#""$0" "$@" >&- 2>&-"#,
        ] {
            assert_eq!(shell(script, words), whole, "{words:?}: {script}");
        }
        assert_eq!(shell(r#""$0" "$@" >/dev/full 2>/dev/full"#, words), Some(2), "{words:?} on a full disk");
    }
}

/// What a command writes to a terminal of this width, which `script` makes.
fn in_terminal(words: &[&str], ledger: &Path, columns: u16, variables: &[(&str, &str)]) -> Output {
    let command = format!(
        "stty cols {columns}; exec {} {} --ledger {}",
        env!("CARGO_BIN_EXE_spanledger"),
        words.join(" "),
        ledger.display()
    );
    let mut script = without_ours(Command::new("script"));
    script
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    run(script.envs(variables.iter().copied()))
}

#[test]
fn colours_are_for_terminals_that_want_them_and_any_width_will_do() {
    let folder = ledger();
    let file = folder.path().join("ledger.db");
    let has_colours = |output: &Output| output.stdout.contains(&0x1B);
    for words in READERS {
        let alone = run(spanledger().args(words).arg("--ledger").arg(&file));
        assert!(!has_colours(&alone), "{words:?}: a colour in a pipe");
        for columns in [1, 20, 79, 300] {
            let output = in_terminal(words, &file, columns, &[("NO_COLOR", "1")]);
            assert_eq!(output.status.code(), alone.status.code(), "{words:?} at {columns}: {output:?}");
            assert!(!has_colours(&output), "{words:?}: a colour despite NO_COLOR");
        }
    }
    assert!(has_colours(&in_terminal(&["report"], &file, 80, &[])));
    assert!(has_colours(&in_terminal(&["report"], &file, 80, &[("NO_COLOR", "")])), "an empty one is none");
    assert!(!has_colours(&in_terminal(&["report"], &file, 80, &[("TERM", "dumb")])));
}
