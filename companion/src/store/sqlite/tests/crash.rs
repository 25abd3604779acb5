use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;
use crate::store::writer::{Writer, WriterOptions};

const LEDGER: &str = "SPANLEDGER_TEST_CRASH_LEDGER";
const SENDERS: u64 = 4;
const BATCH: u64 = 50;

/// Batch `number` of `sender`.
fn batch(sender: u64, number: u64) -> Vec<CallRecord> {
    let first = sender * 1_000_000 + number * BATCH;
    (first..first + BATCH).map(call).collect()
}

/// The process that is killed: several senders append, and each acknowledgement is printed.
#[test]
#[ignore = "started and killed by `a_killed_process_loses_nothing_acknowledged`"]
fn appends_until_killed() {
    let Some(path) = std::env::var_os(LEDGER) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = WriterOptions {
            maintain_every: std::time::Duration::from_millis(20),
            ..WriterOptions::new(|| BASE.plus_seconds(7_200))
        };
        let writer = Writer::start(writer(Path::new(&path)), options).unwrap();
        let senders = (0..SENDERS).map(|sender| {
            let writer = writer.clone();
            async move {
                // Bounded, in case it is not killed.
                for number in 0..2_000 {
                    writer.append(batch(sender, number)).await.unwrap();
                    println!("acknowledged {sender} {number}");
                }
            }
        });
        futures_util::future::join_all(senders).await;
    });
}

#[test]
fn a_killed_process_loses_nothing_acknowledged_and_keeps_nothing_twice() {
    for acknowledgements in [3, 40, 150] {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::sqlite::tests::crash::appends_until_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(LEDGER, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut acknowledged = Vec::new();
        let mut lines = lines.filter_map(|line| {
            let numbers = line.split("acknowledged ").nth(1)?.to_owned();
            let (sender, number) = numbers.split_once(' ')?;
            Some((sender.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
        });
        acknowledged.extend(lines.by_ref().take(acknowledgements));
        child.kill().unwrap();
        // What was printed before the signal came.
        acknowledged.extend(lines);
        child.wait().unwrap();
        assert!(acknowledged.len() >= acknowledgements);

        // The log is still there: opening recovers it.
        let mut ledger = writer(&path);
        let found = all_calls(&path);
        let distinct: std::collections::HashSet<_> =
            found.iter().map(|call| (call.trace_id, call.span_id)).collect();
        assert_eq!(distinct.len(), found.len(), "nothing twice");
        assert_eq!(found.len() as u64 % BATCH, 0, "whole batches only");
        for (sender, number) in &acknowledged {
            let answer = ledger.append(&batch(*sender, *number)).unwrap();
            assert_eq!(
                answer,
                Appended { duplicates: BATCH, ..Appended::default() },
                "batch {sender} {number}"
            );
        }
        assert_eq!(totals(&path, ALL).calls, found.len() as u64);
        assert_sound(&path);
    }
}
