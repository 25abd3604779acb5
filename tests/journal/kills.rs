//! Every way in which a process dies, against what the provider has counted.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use crate::application::{Application, End, Options};
use crate::ledger::Ledger;
#[cfg(target_os = "linux")]
use crate::machine::{Group, Small};
use crate::provider::Provider;
use crate::receiver::Receiver;
use crate::{AWAY, Random, all_arrived, recover_all, set};

/// Kills applications at random points, `rounds` times, and compares what the provider has counted with what arrives.
fn every_call_arrives(rounds: u64, threads: usize) {
    let receiver = Receiver::start();
    let mut random = Random(threads as u64);
    for round in 0..rounds {
        let directory = tempfile::tempdir().unwrap();
        let provider = Provider::start();
        // A receiver that is away in every third round.
        let endpoint = if round % 3 == 2 { AWAY.to_owned() } else { receiver.endpoint() };
        let options =
            Options { threads, ..Options::new(format!("r{threads}x{round}"), directory.path(), &endpoint) };
        let application = Application::start(&options, &provider);
        provider.counted.wait_for(10 + random.below(500) as usize);
        let end = [End::Kill, End::Abort, End::Kill, End::Exit][round as usize % 4];
        let over = application.end(end);
        all_arrive_from_a_dead_process(
            directory.path(),
            &receiver,
            &provider,
            &over,
            &format!("{round}, {end:?}"),
        );
    }
}

/// Recovers a process that has died, and fails unless every call has arrived, those that were `over` with their end.
fn all_arrive_from_a_dead_process(
    directory: &Path,
    receiver: &Receiver,
    provider: &Provider,
    over: &BTreeSet<String>,
    what: &str,
) -> Ledger {
    let counted = provider.counted.ids();
    let mut ledger = Ledger::default();
    ledger.add_received(receiver);
    assert_eq!(recover_all(directory, &mut ledger), 1);
    all_arrived(&ledger, &counted, what);
    for id in over {
        assert!(
            ["completed", "dropped"].contains(&ledger.calls[id].outcome.as_str()),
            "{what}: {id} was over: {:?}",
            ledger.calls[id]
        );
    }
    for (id, row) in ledger.calls.iter().filter(|(_, row)| row.outcome == "interrupted") {
        // The process may have died between its record and its request.
        let before = provider.counted.arrived(id).unwrap_or_else(SystemTime::now);
        assert!((provider.since..=before).contains(&row.started), "{what}: {id} began at no time: {row:?}");
    }
    assert_eq!(ledger.how_they_ended(), ["died"], "that the process died is reported once");
    ledger
}

/// Lets an application end in one way, on a disk.
fn every_call_arrives_after(end: End) {
    every_call_arrives_where(|| tempfile::tempdir().ok(), end, |_| ());
}

/// Lets an application end in one way, with several threads and with one, with a receiver and without.
fn every_call_arrives_where<D: AsRef<Path>>(
    make_directory: impl Fn() -> Option<D>,
    end: End,
    limit: impl Fn(&Application),
) {
    for (threads, away) in [(4, false), (1, true)] {
        let Some(directory) = make_directory() else { return };
        let directory = directory.as_ref();
        let (receiver, provider) = (Receiver::start(), Provider::start());
        let endpoint = if away { AWAY.to_owned() } else { receiver.endpoint() };
        let options = Options { threads, ..Options::new(format!("t{threads}"), directory, &endpoint) };
        let application = Application::start(&options, &provider);
        provider.counted.wait_for(100);
        limit(&application);
        provider.counted.wait_for(300);
        let over = application.end(end);
        let what = format!("{threads} threads, {end:?}");
        let ledger = all_arrive_from_a_dead_process(directory, &receiver, &provider, &over, &what);
        let interrupted = ledger.calls.values().any(|row| row.outcome == "interrupted");
        // Calls whose runtime is dropped have an end of their own.
        assert_eq!(interrupted, end != End::DroppedRuntime, "{what}");
    }
}

#[test]
fn every_call_arrives_after_a_panic_that_aborts() {
    every_call_arrives_after(End::Panic);
}

#[test]
fn every_call_arrives_after_an_abort() {
    every_call_arrives_after(End::Abort);
}

#[test]
fn every_call_arrives_after_an_exit_in_the_middle() {
    every_call_arrives_after(End::Exit);
}

#[test]
fn every_call_arrives_after_its_runtime_was_dropped() {
    every_call_arrives_after(End::DroppedRuntime);
}

/// On a file system in memory: on a disk the kernel, before it kills, waits for pages of files to be written, in whatever
/// thread asks for memory, and what is made of a journal that it holds is a test of its own.
#[cfg(target_os = "linux")]
#[test]
fn every_call_arrives_after_the_kernel_killed_a_process_that_is_out_of_memory() {
    let Some(group) = Group::of(256 * 1024 * 1024) else { return };
    every_call_arrives_where(
        || Small::mount(64 * 1024),
        End::OutOfMemory,
        |application| {
            group.take(application.id());
        },
    );
}

#[test]
fn every_call_arrives_once_when_the_application_is_killed() {
    every_call_arrives(set("SPANLEDGER_TEST_KILLS", 12), 4);
}

#[test]
fn every_call_arrives_once_when_an_application_of_one_thread_is_killed() {
    every_call_arrives(set("SPANLEDGER_TEST_KILLS", 8), 1);
}
