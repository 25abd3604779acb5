//! A file system that stalls: one that is frozen, so that each write to it waits in the kernel.

use std::collections::BTreeSet;

use spanledger::journal::recover;

use crate::application::{Application, End, Options};
use crate::ledger::Ledger;
use crate::machine::Disk;
use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::{Taken, all_arrived, recover_all};

/// Makes calls while the disk of the journal is frozen, and ends in order after it.
fn calls_go_on(threads: usize) {
    let Some(disk) = Disk::mount(64) else { return };
    let (directory, receiver, provider) = (disk.folder(), Receiver::start(), Provider::start());
    let log = tempfile::NamedTempFile::new().unwrap();
    let options = Options {
        threads,
        mixed: false,
        log: Some(log.path()),
        ..Options::new("frozen", &directory, &receiver.endpoint())
    };
    let application = Application::start(&options, &provider);
    provider.counted.wait_for(200);
    disk.freeze();
    // More than finds room in memory meanwhile.
    let before = provider.counted.ids().len();
    assert!(provider.counted.reaches(before + 6_000), "calls are held: {}", provider.counted.ids().len());
    disk.thaw();
    application.end(End::Orderly);
    let mut ledger = Ledger::default();
    ledger.add_received(&receiver);
    assert_eq!(recover_all(&directory, &mut ledger), 0, "it ended in order");
    all_arrived(&ledger, &provider.counted.ids(), "a frozen file system");
    let skipped = receiver.received.lock().unwrap().metrics.get("spanledger.journal.skipped").copied();
    assert!(skipped.is_some_and(|skipped| skipped > 0), "{skipped:?}: it never stalled");
    let log = std::fs::read_to_string(log.path()).unwrap();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("writes to the journal take too long"), 1, "{log}");
}

#[test]
fn calls_go_on_while_the_file_system_is_frozen() {
    calls_go_on(4);
}

#[test]
fn calls_of_a_runtime_of_one_thread_go_on_while_the_file_system_is_frozen() {
    calls_go_on(1);
}

/// What a journal cannot bring back, as docs/guarantees.md says, is what was made while it stalled.
#[test]
fn a_death_while_the_file_system_is_frozen_costs_no_call_from_before() {
    let Some(disk) = Disk::mount(64) else { return };
    let (directory, provider) = (disk.folder(), Provider::start());
    let options = Options { mixed: false, ..Options::new("held", &directory, crate::AWAY) };
    let mut application = Application::start(&options, &provider);
    provider.counted.wait_for(200);
    let before: BTreeSet<String> = provider.counted.ids();
    disk.freeze();
    assert!(provider.counted.reaches(before.len() + 200), "calls are held");
    application.kill();
    // What is held in a write dies with the end of the write.
    disk.thaw();
    application.end(End::Kill);
    let mut ledger = Ledger::default();
    recover(&directory, &mut |_, spans| {
        ledger.add_recovered(spans);
        Taken::Delivered
    })
    .unwrap();
    all_arrived(&ledger, &before, "before the stall");
    assert_eq!(ledger.how_they_ended(), ["died"]);
}
