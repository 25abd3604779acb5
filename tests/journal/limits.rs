//! A journal at its cap, and on a full disk.

use std::collections::BTreeMap;
use std::net::TcpListener;

use opentelemetry::Value;
#[cfg(target_os = "linux")]
use spanledger::journal::{Journal, JournalError};

use crate::application::{Application, End, Options};
use crate::ledger::{Ledger, attribute, lost};
#[cfg(target_os = "linux")]
use crate::machine::Small;
use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::{AWAY, all_arrived, files, recover_all};

#[test]
fn what_a_journal_drops_at_its_cap_is_named_to_the_number() {
    const CALLS: u64 = 12_000;
    let (directory, provider) = (tempfile::tempdir().unwrap(), Provider::start());
    let options = Options {
        mixed: false,
        cap: 1024 * 1024,
        calls: CALLS,
        ..Options::new("cap", directory.path(), AWAY)
    };
    let application = Application::start(&options, &provider);
    provider.counted.wait_for(CALLS as usize);
    application.end(End::Kill);
    let size: u64 = files(directory.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(size <= (1024 + 256 + 64) * 1024, "{size} bytes");
    let mut ledger = Ledger::default();
    recover_all(directory.path(), &mut ledger);
    let [report] = &ledger.ends[..] else { panic!("{:?}", ledger.ends) };
    let last = attribute(report, "spanledger.process.last_sequence").unwrap().to_string().parse().unwrap();
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    let lost: Vec<u64> = lost(report).into_iter().flatten().collect();
    let arrived = ledger.calls.values().filter_map(|row| row.sequence);
    arrived.chain(lost.iter().copied()).for_each(|number| *seen.entry(number).or_default() += 1);
    let neither = (1..=last).filter(|number| !seen.contains_key(number)).collect::<Vec<_>>();
    let both = seen.iter().filter(|(_, times)| **times > 1).map(|(number, _)| *number).collect::<Vec<_>>();
    assert_eq!((neither, both), (Vec::new(), Vec::new()), "each of {last} has arrived or is lost");
    assert!(!lost.is_empty());
    assert_eq!(
        attribute(report, "spanledger.process.lost.calls").unwrap(),
        &Value::I64(i64::try_from(lost.len()).unwrap())
    );
}

/// The metric counts what the reports name, and both reach a receiver that is back.
#[test]
fn what_a_journal_drops_at_its_cap_is_counted() {
    const CALLS: u64 = 12_000;
    let (directory, provider) = (tempfile::tempdir().unwrap(), Provider::start());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = format!("http://{address}");
    let options = Options {
        mixed: false,
        cap: 1024 * 1024,
        calls: CALLS,
        ..Options::new("counted", directory.path(), &endpoint)
    };
    let application = Application::start(&options, &provider);
    provider.counted.wait_for(CALLS as usize);
    let receiver = Receiver::on(TcpListener::bind(address).unwrap());
    application.end(End::Wait);
    let mut ledger = Ledger::default();
    ledger.add_received(&receiver);
    let lost = receiver.received.lock().unwrap().metrics.get("spanledger.journal.lost").copied();
    let lost = lost.expect("calls were lost");
    assert!(lost > 0);
    assert_eq!(ledger.calls.len() as u64 + lost, CALLS);
}

#[cfg(target_os = "linux")]
#[test]
fn calls_go_on_while_the_disk_is_full_and_none_is_lost() {
    const CALLS: u64 = 6_000;
    let Some(small) = Small::mount(512) else { return };
    let refused = Journal::in_dir(small.0.path()).unwrap_err();
    assert!(matches!(refused, JournalError::InMemory { .. }), "{refused}");
    let (receiver, provider) = (Receiver::start(), Provider::start());
    let log = tempfile::NamedTempFile::new().unwrap();
    let options = Options {
        mixed: false,
        calls: CALLS,
        log: Some(log.path()),
        ..Options::new("full", small.0.path(), &receiver.endpoint())
    };
    Application::start(&options, &provider).end(End::Wait);
    let mut ledger = Ledger::default();
    ledger.add_received(&receiver);
    assert_eq!(recover_all(small.0.path(), &mut ledger), 0, "it ended in order");
    all_arrived(&ledger, &provider.counted.ids(), "a full disk");
    let skipped = receiver.received.lock().unwrap().metrics.get("spanledger.journal.skipped").copied();
    assert!(skipped.is_some_and(|skipped| skipped > 0), "{skipped:?}: the disk was never full");
    let log = std::fs::read_to_string(log.path()).unwrap();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    let (full, again) = (lines("the journal cannot be written"), lines("the journal is written again"));
    // Logged once each time, however many calls it costs: the disk has room again when calls are delivered.
    assert!(full > 0 && full <= again + 1, "{full} and {again}\n{log}");
}
