//! No call is lost when the process dies or the receiver is away: applications that are really killed, against what the
//! provider has counted.
//!
//! `SPANLEDGER_TEST_KILLS` sets how often they are killed and `SPANLEDGER_TEST_CALLS` how many calls are made while the
//! receiver is away; docs/guarantees.md says with which numbers this was run.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start threads and tasks, and read clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod application;
mod ledger;
#[cfg(target_os = "linux")]
mod machine;
mod provider;
#[path = "../otlp/receiver.rs"]
mod receiver;
mod refusing;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use application::{Application, CANARY, End, Options};
use ledger::{Ledger, attribute, lost};
#[cfg(target_os = "linux")]
use machine::{Group, Small};
use opentelemetry::Value;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use provider::Provider;
use receiver::Receiver;
use refusing::{Refusing, Whole};
#[cfg(target_os = "linux")]
use spanledger::journal::{Journal, JournalError};
use spanledger::journal::{Taken, inspect, recover};

/// No receiver listens there.
const AWAY: &str = "http://127.0.0.1:9";

/// Numbers from a fixed seed: a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// The number that a variable sets.
fn set(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

/// Recovers everything into `ledger`, which is then all that there is.
fn recover_all(directory: &Path, ledger: &mut Ledger) -> usize {
    let recovered = recover(directory, &mut |resource, spans| {
        assert_eq!(resource.get(&"service.name".into()), Some(Value::from("shop")));
        ledger.add_recovered(spans);
        Taken::Delivered
    });
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0, "nothing is left");
    recovered.unwrap().len()
}

/// Fails unless every call that the provider has counted has arrived.
fn all_arrived(ledger: &Ledger, counted: &BTreeSet<String>, what: &str) {
    let missing: Vec<_> = counted.iter().filter(|id| !ledger.calls.contains_key(*id)).collect();
    assert!(missing.is_empty(), "{what}: {missing:?} of {} are missing", counted.len());
}

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

/// Lets an application end in one way, with several threads and with one, with a receiver and without.
fn every_call_arrives_after(end: End, limit: impl Fn(&Application)) {
    for (threads, away) in [(4, false), (1, true)] {
        let (directory, receiver, provider) =
            (tempfile::tempdir().unwrap(), Receiver::start(), Provider::start());
        let endpoint = if away { AWAY.to_owned() } else { receiver.endpoint() };
        let options = Options { threads, ..Options::new(format!("t{threads}"), directory.path(), &endpoint) };
        let application = Application::start(&options, &provider);
        provider.counted.wait_for(100);
        limit(&application);
        provider.counted.wait_for(300);
        let over = application.end(end);
        let what = format!("{threads} threads, {end:?}");
        let ledger = all_arrive_from_a_dead_process(directory.path(), &receiver, &provider, &over, &what);
        let interrupted = ledger.calls.values().any(|row| row.outcome == "interrupted");
        // Calls whose runtime is dropped have an end of their own.
        assert_eq!(interrupted, end != End::DroppedRuntime, "{what}");
    }
}

#[test]
fn every_call_arrives_after_a_panic_that_aborts() {
    every_call_arrives_after(End::Panic, |_| ());
}

#[test]
fn every_call_arrives_after_an_abort() {
    every_call_arrives_after(End::Abort, |_| ());
}

#[test]
fn every_call_arrives_after_an_exit_in_the_middle() {
    every_call_arrives_after(End::Exit, |_| ());
}

#[test]
fn every_call_arrives_after_its_runtime_was_dropped() {
    every_call_arrives_after(End::DroppedRuntime, |_| ());
}

#[cfg(target_os = "linux")]
#[test]
fn every_call_arrives_after_the_kernel_killed_a_process_that_is_out_of_memory() {
    let Some(group) = Group::of(256 * 1024 * 1024) else { return };
    every_call_arrives_after(End::OutOfMemory, |application| group.take(application.id()));
}

#[test]
fn every_call_arrives_once_when_the_application_is_killed() {
    every_call_arrives(set("SPANLEDGER_TEST_KILLS", 12), 4);
}

#[test]
fn every_call_arrives_once_when_an_application_of_one_thread_is_killed() {
    every_call_arrives(set("SPANLEDGER_TEST_KILLS", 8), 1);
}

#[test]
fn a_variable_names_the_journal_of_an_application_that_knows_of_none() {
    // Not where temporary files are, which may be in memory, and is refused then.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let provider = Provider::start();
    let options = Options { by_variable: true, ..Options::new("variable", directory.path(), AWAY) };
    let application = Application::start(&options, &provider);
    provider.counted.wait_for(50);
    application.end(End::Kill);
    let mut ledger = Ledger::default();
    assert_eq!(recover_all(directory.path(), &mut ledger), 1);
    all_arrived(&ledger, &provider.counted.ids(), "by variable");
}

#[test]
fn two_processes_share_a_directory() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let providers = [Provider::start(), Provider::start()];
    let start = |name: &str, provider: &Provider| {
        Application::start(&Options::new(name, directory.path(), &receiver.endpoint()), provider)
    };
    let (first, second) = (start("first", &providers[0]), start("second", &providers[1]));
    providers.iter().for_each(|provider| provider.counted.wait_for(200));
    first.end(End::Kill);
    // The one that lives finds what the other left, and is left alone by a recovery. Either may be first.
    let mut ledger = Ledger::default();
    recover(directory.path(), &mut |_, spans| {
        ledger.add_recovered(spans);
        Taken::Delivered
    })
    .unwrap();
    let living = inspect(directory.path()).unwrap();
    assert!(living.iter().any(|process| process.running), "{living:?}");
    providers[1].counted.wait_for(400);
    second.end(End::Kill);
    recover_all(directory.path(), &mut ledger);
    ledger.add_received(&receiver);
    for provider in &providers {
        all_arrived(&ledger, &provider.counted.ids(), "two processes");
    }
}

/// What a receiver has read and refused, and what a recovery sends after the death of the process.
#[test]
fn a_recovered_span_is_the_one_that_was_sent_except_content() {
    // A batch leaves when it is full.
    const BATCH: usize = 512;
    let (directory, receiver, provider) =
        (tempfile::tempdir().unwrap(), Refusing::start(), Provider::start());
    let options =
        Options { schedule: 3_600_000, ..Options::new("same", directory.path(), &receiver.endpoint()) };
    let application = Application::start(&options, &provider);
    let refused = receiver.wait_for(BATCH);
    application.end(End::Kill);
    for file in files(directory.path()) {
        let bytes = std::fs::read(&file).unwrap();
        for content in [CANARY, "hello"] {
            let found = bytes.windows(content.len()).any(|part| part == content.as_bytes());
            assert!(!found, "{content} is in {}", file.display());
        }
    }
    let mut recovered = BTreeMap::new();
    recover(directory.path(), &mut |resource, spans| {
        for sent in group_spans_by_resource_and_scope(spans, &resource.into()) {
            recovered.extend(Whole::all(sent).into_iter().map(|whole| (whole.span.span_id.clone(), whole)));
        }
        Taken::Delivered
    })
    .unwrap();
    for (id, mut whole) in refused {
        assert!(format!("{whole:?}").contains(CANARY), "content was recorded");
        assert!(whole.take_content());
        assert_eq!(recovered.get(&id), Some(&whole));
    }
}

/// No recovery is asked for: a process that uses the directory delivers what another one left.
#[test]
fn another_process_with_the_directory_delivers_what_a_dead_one_left() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let (first, second) = (Provider::start(), Provider::start());
    let application = Application::start(&Options::new("dead", directory.path(), AWAY), &first);
    first.counted.wait_for(300);
    let over = application.end(End::Kill);
    let [left] = &folders(directory.path())[..] else { panic!("one process") };
    let options = Options { mixed: false, ..Options::new("heir", directory.path(), &receiver.endpoint()) };
    let heir = Application::start(&options, &second);
    let until = Instant::now() + Duration::from_secs(120);
    while left.exists() {
        assert!(Instant::now() < until, "what the dead process left is still there");
        std::thread::yield_now();
    }
    heir.end(End::Orderly);
    assert_eq!(folders(directory.path()).len(), 0, "nothing is left");
    let mut ledger = Ledger::default();
    ledger.add_received(&receiver);
    for provider in [&first, &second] {
        all_arrived(&ledger, &provider.counted.ids(), "by another process");
    }
    for id in over {
        assert_ne!(ledger.calls[&id].outcome, "interrupted", "{id} was over");
    }
    let spans = &receiver.received.lock().unwrap().spans;
    let reports = spans.iter().filter(|span| span.name == "spanledger.process").count();
    assert_eq!((reports, spans.len() - reports), (2, ledger.calls.len()), "nothing has come twice");
}

#[test]
fn an_orderly_end_is_reported_and_leaves_nothing() {
    let (directory, receiver, provider) =
        (tempfile::tempdir().unwrap(), Receiver::start(), Provider::start());
    let options = Options {
        calls: 100,
        mixed: false,
        ..Options::new("orderly", directory.path(), &receiver.endpoint())
    };
    Application::start(&options, &provider).end(End::Wait);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
    let spans = &receiver.received.lock().unwrap().spans;
    let report = spans.iter().find(|span| span.name == "spanledger.process").expect("the last report");
    let value = |name: &str| {
        let found = report.attributes.iter().find(|attribute| attribute.key == name);
        format!("{:?}", found.unwrap().value.as_ref().unwrap().value.as_ref().unwrap())
    };
    assert_eq!(value("spanledger.process.end"), "StringValue(\"orderly\")");
    assert_eq!(value("spanledger.process.last_sequence"), "IntValue(100)");
    assert_eq!(spans.len(), 101);
}

#[test]
fn an_orderly_end_without_a_receiver_is_reported_by_the_recovery() {
    let (directory, provider) = (tempfile::tempdir().unwrap(), Provider::start());
    let options = Options { mixed: false, flush: 1, ..Options::new("orderly", directory.path(), AWAY) };
    let application = Application::start(&options, &provider);
    provider.counted.wait_for(50);
    application.end(End::Orderly);
    let mut ledger = Ledger::default();
    assert_eq!(recover_all(directory.path(), &mut ledger), 1);
    all_arrived(&ledger, &provider.counted.ids(), "without a receiver");
    assert_eq!(ledger.how_they_ended(), ["orderly"]);
}

#[test]
fn a_receiver_that_is_away_and_comes_back_gets_every_call_once() {
    let calls = set("SPANLEDGER_TEST_CALLS", 10_000);
    let (directory, provider) = (tempfile::tempdir().unwrap(), Provider::start());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = Options {
        mixed: false,
        calls,
        ..Options::new("away", directory.path(), &format!("http://{address}"))
    };
    let application = Application::start(&options, &provider);
    provider.counted.wait_for(usize::try_from(calls).unwrap());
    let receiver = Receiver::on(TcpListener::bind(address).unwrap());
    application.end(End::Wait);
    let mut ledger = Ledger::default();
    ledger.add_received(&receiver);
    recover_all(directory.path(), &mut ledger);
    all_arrived(&ledger, &provider.counted.ids(), "back");
    assert_eq!(ledger.calls.len() as u64, calls);
    let numbers: BTreeSet<_> = ledger.calls.values().map(|row| row.sequence.unwrap()).collect();
    assert_eq!(numbers, (1..=calls).collect());
}

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

fn folders(directory: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let processes = std::fs::read_dir(directory).unwrap();
    processes
        .flat_map(|process| std::fs::read_dir(process.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
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

/// Recovers and writes what it delivers to its standard output, one line for each span of each batch.
#[test]
#[ignore = "a child of the test below"]
fn recovery() {
    let directory = std::env::var("JOURNAL").unwrap();
    recover(Path::new(&directory), &mut |_, spans| {
        let mut lines = String::new();
        for span in spans.iter().filter(|span| span.name != "spanledger.process") {
            let id = attribute(span, "gen_ai.conversation.id").unwrap();
            let outcome = attribute(span, "spanledger.outcome").unwrap();
            lines.push_str(&format!(
                "took {id} {} {outcome} {:?}\n",
                span.span_context.span_id(),
                span.end_time
            ));
        }
        std::io::stdout().lock().write_all(lines.as_bytes()).unwrap();
        Taken::Delivered
    })
    .unwrap();
    println!("all");
}

#[test]
fn a_recovery_that_is_itself_killed_goes_on_where_it_was() {
    use std::io::{BufRead, BufReader};
    let (directory, provider) = (tempfile::tempdir().unwrap(), Provider::start());
    let application = Application::start(&Options::new("twice", directory.path(), AWAY), &provider);
    provider.counted.wait_for(4_000);
    application.end(End::Kill);
    let mut random = Random(11);
    // Every account of each call: all of one must be the same.
    let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut kills = 0;
    loop {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "recovery", "--ignored", "--nocapture"]).env("JOURNAL", directory.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let before_the_kill = 1 + random.below(1_500);
        let mut all = false;
        for (number, line) in (0..).zip(lines.by_ref()) {
            if number == before_the_kill {
                child.kill().unwrap();
                kills += 1;
            }
            all |= line == "all";
            if let Some((id, account)) = line.strip_prefix("took ").and_then(|line| line.split_once(' ')) {
                taken.entry(id.to_owned()).or_default().insert(account.to_owned());
            }
        }
        child.wait().unwrap();
        if all {
            break;
        }
    }
    assert!(kills > 1, "{kills}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
    let arrived: BTreeSet<String> = taken.keys().cloned().collect();
    assert_eq!(provider.counted.ids().difference(&arrived).count(), 0);
    for (id, accounts) in taken {
        assert_eq!(accounts.len(), 1, "{id} has two accounts: {accounts:?}");
    }
}
