//! `spanledger silence`: holds alerts back for some time, with who and why.

use std::io::Write;

use super::{Failure, values, write_all};
use crate::alert::Matcher;
use crate::record::Timestamp;
use crate::silence::draft::{Draft, Wrong};
use crate::silence::keeper::SilenceKeeper;
use crate::silence::{Silence, Via};
use crate::text::terminal::harmless;
use crate::text::time::{checked_duration, duration_seconds, parse_time, to_the_second};

/// What to do.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A silenced alert goes on and is shown as silenced; it is not sent. One that still fires when the silence ends is sent then.
`serve` reads the silences at each evaluation of the rules, and needs no restart.

Examples:
  spanledger silence add service=checkout --for 2h --comment 'load test'
  spanledger silence add 'alertname=~\"Budget.*\"' severity!=critical --for 12h --comment 'ticket 7'
  spanledger silence add service=batch --from 2026-12-01T22:00:00Z --for 4h --comment move
  spanledger silence add service=batch --for 1h --by ann --comment 'in a container'
  spanledger silence list
  spanledger silence expire 3")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Action {
    /// Add a silence.
    #[command(after_help = "\
Examples:
  spanledger silence add service=checkout --for 2h --comment 'load test'
  spanledger silence add 'model=~\"gpt-4.*\"' --from 2026-12-01T22:00:00Z --for 4h --comment move")]
    Add {
        /// What all must match: service=checkout, severity!=critical, model=~"gpt-.*", alertname!~"Budget.*".
        #[arg(required = true)]
        matchers: Vec<Matcher>,
        /// How long, such as 2h; at most 90d.
        #[arg(long = "for", value_name = "DURATION", value_parser = checked_duration())]
        length: String,
        /// When it begins (RFC 3339) [default: now].
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Why, in 1 to 1024 bytes.
        #[arg(long)]
        comment: String,
        /// Who decided it. Needed where USER is not set, as in containers and cron.
        #[arg(long, env = "USER")]
        by: String,
    },
    /// List silences.
    #[command(after_help = "\
Examples:
  spanledger silence list
  spanledger silence list --all --json | jq '.[].comment'")]
    List {
        /// Those that are over as well.
        #[arg(long)]
        all: bool,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// End a silence now.
    #[command(after_help = "\
Example:
  spanledger silence expire 3")]
    Expire {
        /// Its number, as `silence list` shows it.
        #[arg(value_parser = values::number(1..=u64::MAX))]
        id: u64,
        /// Who decided it. Needed where USER is not set, as in containers and cron.
        #[arg(long, env = "USER")]
        by: String,
    },
}

/// Changes or lists the silences of `ledger`.
///
/// # Errors
/// `Failure` when an argument is wrong, or the silences cannot be read or written.
pub(super) fn run(
    args: &Args,
    ledger: &SilenceKeeper,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let text = match &args.action {
        Action::Add { matchers, length, from, comment, by } => {
            let draft = Draft {
                matchers: matchers.clone(),
                from: from.as_deref().map(parse_time).transpose()?,
                seconds: duration_seconds(length)?,
                by: by.clone(),
                comment: comment.clone(),
                via: Via::CommandLine,
            };
            let silence = draft.silence(now).map_err(|Wrong { part, reason }| match part {
                "matchers" => Failure(format!("the matchers {reason}")),
                flag => Failure(format!("--{flag}: {reason}")),
            })?;
            let until = to_the_second(silence.until);
            let id = ledger.add(silence, now).map_err(|error| Failure(error.to_string()))?;
            format!("silence {id} until {until}\n")
        }
        Action::Expire { id, by } => {
            ledger.expire(*id, by, now).map_err(|error| Failure(error.to_string()))?;
            format!("silence {id} is over\n")
        }
        Action::List { all, json } => {
            let mut silences = ledger.read().map_err(Failure)?;
            silences.retain(|silence| *all || now < silence.end());
            if *json { to_json(&silences, now)? } else { to_text(&silences, now) }
        }
    };
    write_all(out, &text)
}

fn to_json(silences: &[Silence], now: Timestamp) -> Result<String, serde_json::Error> {
    let all = silences.iter().map(|silence| silence.to_json(now));
    let mut text = serde_json::to_string_pretty(&all.collect::<Vec<_>>())?;
    text.push('\n');
    Ok(text)
}

fn to_text(silences: &[Silence], now: Timestamp) -> String {
    if silences.is_empty() {
        return "no silences\n".to_owned();
    }
    let mut out = String::new();
    for silence in silences {
        let matchers: Vec<String> = silence.matchers.iter().map(|one| harmless(&one.to_string())).collect();
        out.push_str(&format!(
            "{:>4}  {:<8} {} to {}  {}  by {}: {}\n",
            silence.id,
            silence.state(now),
            to_the_second(silence.from),
            to_the_second(silence.end()),
            matchers.join(" "),
            harmless(&silence.by),
            harmless(&silence.comment)
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    const NOW: Timestamp = Timestamp(1_795_435_200 * Timestamp::SECOND);

    fn silence(ledger: &Path, flags: &[&str]) -> Result<String, String> {
        let args =
            Cli::try_parse_from([&["silence"], flags].concat()).map_err(|error| error.to_string())?.args;
        let mut out = Vec::new();
        run(&args, &ledger.into(), NOW, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn silences_are_added_listed_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let ask = |flags: &[&str]| silence(&ledger, flags).unwrap();
        assert_eq!(ask(&["list"]), "no silences\n");
        let added = ask(&[
            "add",
            "service=a",
            "model=~\"gpt-.*\"",
            "--for",
            "2h",
            "--comment",
            "load test",
            "--by",
            "ann",
        ]);
        assert_eq!(added, "silence 1 until 2026-11-23T14:00:00Z\n");
        let listed = ask(&["list"]);
        assert!(
            listed.contains("active")
                && listed.contains("model=~\"gpt-.*\"")
                && listed.contains("by ann: load test"),
            "{listed}"
        );
        ask(&["expire", "1", "--by", "bob"]);
        assert_eq!(ask(&["list"]), "no silences\n");
        let all: serde_json::Value = serde_json::from_str(&ask(&["list", "--all", "--json"])).unwrap();
        assert_eq!((&all[0]["state"], &all[0]["expired_by"]), (&"expired".into(), &"bob".into()));
    }

    #[test]
    fn what_would_silence_everything_or_forever_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let add = |flags: &[&str]| silence(&ledger, &[&["add", "--by", "ann"], flags].concat());
        for (flags, reason) in [
            (vec!["service=~.*", "--for", "1h", "--comment", "x"], "match every alert"),
            (vec!["service=a", "--for", "91d", "--comment", "x"], "from 1s to 90d"),
            (vec!["service=a", "--for", "1h", "--comment", " "], "--comment"),
            (vec!["service", "--for", "1h", "--comment", "x"], "is no matcher"),
            (vec!["--for", "1h", "--comment", "x"], "required"),
        ] {
            let error = add(&flags).unwrap_err();
            assert!(error.contains(reason), "{flags:?}: {error}");
        }
    }
}
