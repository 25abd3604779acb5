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
mod kills;
mod ledger;
mod limits;
#[cfg(target_os = "linux")]
mod machine;
mod provider;
#[path = "../otlp/receiver.rs"]
mod receiver;
mod refusing;
#[path = "../otlp/server.rs"]
mod server;
#[cfg(target_os = "linux")]
mod stalls;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use application::{Application, CANARY, End, Options};
use ledger::{Ledger, attribute};
use opentelemetry::Value;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use provider::Provider;
use receiver::Receiver;
use refusing::{Refusing, Whole};
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
