//! `spanledger notify`: the notification targets, and a test message to one of them.

use std::io::Write;

use super::format::on_one_line;
use super::{Failure, write_all};
use crate::alert::{Alert, State};
use crate::notify::Notification;
use crate::notify::target::NotifyConfig;
use crate::record::Timestamp;
use crate::rule::{Labels, RuleName, Severity};

/// Which target to test.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger notify                 list the configured targets
  spanledger notify --test email    send a test message to the target `email`")]
pub struct Args {
    /// Send a test message to the target of this name, and report whether it was delivered [default: list the targets].
    #[arg(long, value_name = "NAME")]
    test: Option<String>,
}

/// Lists the targets, or sends a test message.
///
/// # Errors
/// `Failure` when the configuration is wrong, there is no such target, or the message is not delivered.
pub async fn run(
    args: &Args,
    config: &NotifyConfig,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let targets = config.targets().map_err(Failure)?;
    let names: Vec<String> = targets.iter().map(|target| on_one_line(target.notifier.name())).collect();
    let Some(wanted) = &args.test else {
        let list = if names.is_empty() { "no targets are configured".to_owned() } else { names.join("\n") };
        return write_all(out, &format!("{list}\n"));
    };
    let Some(target) = targets.iter().find(|target| target.notifier.name() == wanted) else {
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(Failure(format!("unknown target {wanted:?}; configured targets: {known}")));
    };
    match target.notifier.send(&test_message(now)).await {
        Ok(()) => write_all(out, &format!("delivered the test message to {}\n", on_one_line(wanted))),
        Err(error) => {
            let wanted = on_one_line(wanted);
            Err(Failure(format!("could not deliver the test message to {wanted}: {error}")))
        }
    }
}

/// Looks like any message, and states that no action is needed.
fn test_message(now: Timestamp) -> Notification {
    let labels = Labels::from([("test".to_owned(), "true".to_owned())]);
    let alert = Alert {
        rule: RuleName::HighFailureRate,
        labels: labels.clone(),
        severity: Severity::Info,
        state: State::Firing,
        value: 0.0,
        peak: 0.0,
        threshold: 0.5,
        active_since: now,
        firing_since: Some(now),
        calm_since: None,
        unclear_since: None,
        resolved_at: None,
        silenced: None,
        summary: "this is a test, no calls fail".to_owned(),
        description: "test message of `spanledger notify --test`".to_owned(),
        advice: "no action is needed".to_owned(),
        resolved_without_data: None,
    };
    Notification {
        group_key: "{test=\"true\"}".to_owned(),
        group_labels: labels,
        firing: vec![alert],
        resolved: Vec::new(),
        at: now,
    }
}
