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
mod provider;
#[path = "../otlp/receiver.rs"]
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use application::{Application, End, Options};
use ledger::{Ledger, attribute, lost};
use opentelemetry::Value;
use provider::Provider;
use receiver::Receiver;
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
    assert_eq!(ledger.how_they_ended(), ["died"], "that the process died is reported once");
    ledger
}

/// Lets an application end in one way, with several threads and with one, with a receiver and without.
fn every_call_arrives_after(end: End, limit: impl Fn(&Application) -> bool) {
    for (threads, away) in [(4, false), (1, true)] {
        let (directory, receiver, provider) =
            (tempfile::tempdir().unwrap(), Receiver::start(), Provider::start());
        let endpoint = if away { AWAY.to_owned() } else { receiver.endpoint() };
        let options = Options { threads, ..Options::new(format!("t{threads}"), directory.path(), &endpoint) };
        let application = Application::start(&options, &provider);
        provider.counted.wait_for(100);
        if !limit(&application) {
            application.end(End::Kill);
            println!("not run: the memory of a process cannot be limited here");
            return;
        }
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
    every_call_arrives_after(End::Panic, |_| true);
}

#[test]
fn every_call_arrives_after_an_abort() {
    every_call_arrives_after(End::Abort, |_| true);
}

#[test]
fn every_call_arrives_after_an_exit_in_the_middle() {
    every_call_arrives_after(End::Exit, |_| true);
}

#[test]
fn every_call_arrives_after_its_runtime_was_dropped() {
    every_call_arrives_after(End::DroppedRuntime, |_| true);
}

/// A control group of the kernel, whose processes are killed when they take too much memory.
#[cfg(target_os = "linux")]
struct Group(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Group {
    /// `None` where control groups cannot be made.
    fn of(bytes: u64) -> Option<Self> {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let (root, file) = match v1.is_dir() {
            true => (v1, "memory.limit_in_bytes"),
            false => (Path::new("/sys/fs/cgroup"), "memory.max"),
        };
        let group = Self(root.join(format!("spanledger-test-{}", std::process::id())));
        std::fs::create_dir(&group.0).ok()?;
        std::fs::write(group.0.join(file), bytes.to_string()).ok()?;
        // Where there is swap, memory alone would only be slow to run out.
        let _without_swap = std::fs::write(group.0.join("memory.swap.max"), "0");
        Some(group)
    }

    fn take(&self, process: u32) -> bool {
        std::fs::write(self.0.join("cgroup.procs"), process.to_string()).is_ok()
    }
}

#[cfg(target_os = "linux")]
impl Drop for Group {
    fn drop(&mut self) {
        drop(std::fs::remove_dir(&self.0));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_call_arrives_after_the_kernel_killed_a_process_that_is_out_of_memory() {
    let group = Group::of(256 * 1024 * 1024);
    every_call_arrives_after(End::OutOfMemory, |application| {
        group.as_ref().is_some_and(|group| group.take(application.id()))
    });
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

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let processes = std::fs::read_dir(directory).unwrap();
    processes
        .flat_map(|process| std::fs::read_dir(process.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

/// A small file system in memory. `None` where mounting is not allowed.
#[cfg(target_os = "linux")]
struct Small(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Small {
    fn mount(kibibytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let size = format!("size={kibibytes}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(directory))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn calls_go_on_while_the_disk_is_full_and_none_is_lost() {
    const CALLS: u64 = 6_000;
    let Some(small) = Small::mount(512) else {
        println!("not run: file systems cannot be mounted here");
        return;
    };
    let refused = Journal::in_dir(small.0.path()).unwrap_err();
    assert!(matches!(refused, JournalError::InMemory { .. }), "{refused}");
    let (receiver, provider) = (Receiver::start(), Provider::start());
    let options =
        Options { mixed: false, calls: CALLS, ..Options::new("full", small.0.path(), &receiver.endpoint()) };
    Application::start(&options, &provider).end(End::Wait);
    let mut ledger = Ledger::default();
    ledger.add_received(&receiver);
    assert_eq!(recover_all(small.0.path(), &mut ledger), 0, "it ended in order");
    all_arrived(&ledger, &provider.counted.ids(), "a full disk");
    let skipped = receiver.received.lock().unwrap().metrics.get("spanledger.journal.skipped").copied();
    assert!(skipped.is_some_and(|skipped| skipped > 0), "{skipped:?}: the disk was never full");
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
