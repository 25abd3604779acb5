//! Calls lost between an application and the ledger where a part of the way dies or is away: calls made, calls in the
//! ledger, and how many of the lost ones the report names. Without and with a journal.
//!
//! An application is a process of its own. It makes calls at a rate; a layer below the middleware responds from memory, and
//! each call that is over is a byte in a pipe, so that the count survives the process. Companion and Collector are the real
//! programs. With `--soak CALLS` it shows instead how much memory both processes have while so many calls are made.
//!
//! `cargo bench -p spanledger --features otlp --bench loss [-- --kills N --away SECONDS | --soak CALLS --rate N]`; needs
//! `SPANLEDGER_TEST_BIN`, the companion, and for the rows of the Collector `SPANLEDGER_TEST_TOOLS_BIN`.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark starts threads, and reads clocks and the environment"
)]
#![expect(clippy::unwrap_used, reason = "what goes wrong ends the benchmark")]

mod application;
mod soak;
mod stack;

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use application::{Application, End};
use stack::{Collector, Companion};

/// A number that stays missing so long is a gap, and the report names it.
const GAP: Duration = Duration::from_secs(125);

/// What becomes of the way while an application makes calls.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The application ends so, after some seconds, as often as asked for.
    Ends(End),
    /// The companion is away for some time, and back before the application ends in order.
    Away(Duration),
    /// The companion is killed and started again eight times.
    Restarts,
    /// The Collector is, before the companion.
    Collector,
}

/// One row of the table.
struct Row {
    what: String,
    rate: u64,
    journal: bool,
    made: u64,
    companion: Companion,
}

fn main() {
    if application::is_asked_for() {
        return application::run();
    }
    let number = |flag: &str, default: u64| {
        let mut args = std::env::args().skip_while(|arg| arg != flag).skip(1);
        args.next().map_or(default, |number| number.parse().unwrap())
    };
    if let calls @ 1.. = number("--soak", 0) {
        return soak::run(calls, number("--rate", 5_000));
    }
    let kills = number("--kills", 10);
    let away = Duration::from_secs(number("--away", 120));
    let mut cases: Vec<(&str, u64, Fate)> = Vec::new();
    for rate in [10, 200, 2_000] {
        cases.push(("application killed (-9)", rate, Fate::Ends(End::Kill)));
    }
    cases.push(("application ended by SIGTERM", 200, Fate::Ends(End::Terminate)));
    cases.push(("application ended in order", 2_000, Fate::Ends(End::Order)));
    cases.push(("companion away", 50, Fate::Away(away)));
    cases.push(("companion away", 5_000, Fate::Away(Duration::from_secs(10))));
    cases.push(("companion killed (-9) eight times", 1_000, Fate::Restarts));
    if stack::has_collector() {
        cases.push(("Collector killed (-9) eight times", 1_000, Fate::Collector));
    } else {
        eprintln!("no Collector: set SPANLEDGER_TEST_TOOLS_BIN");
    }
    let mut rows = Vec::new();
    for (what, rate, fate) in cases {
        for journal in [false, true] {
            eprintln!("{what}, {rate} calls/s, journal: {journal}");
            rows.push(row(what, rate, fate, journal, kills, away));
        }
    }
    // Of calls that are missing the report speaks when they have been for long enough.
    sleep(GAP);
    println!(
        "| what happens | calls/s asked | journal | calls made | in the ledger | lost | named as missing |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Row { what, rate, journal, made, companion } in rows {
        let (ledger, missing) = companion.report();
        let journal = if journal { "yes" } else { "no" };
        let lost = made.saturating_sub(ledger);
        println!("| {what} | {rate} | {journal} | {made} | {ledger} | {lost} | {missing} |");
    }
}

fn row(what: &str, rate: u64, fate: Fate, journal: bool, kills: u64, away: Duration) -> Row {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let journal_folder = journal.then(|| folder.path().join("journal"));
    let mut companion = Companion::start(folder);
    let start = |endpoint: &str| Application::start(rate, endpoint, journal_folder.as_deref());
    let mut what = what.to_owned();
    let made = match fate {
        Fate::Ends(end) => {
            what = format!("{what}, {kills} times");
            // At another time of the exporter's interval each time.
            let end_one = |number: u64| {
                let application = start(&companion.http());
                sleep(Duration::from_millis(2_000 + number * 377 % 1_000));
                application.end(end)
            };
            (0..kills).map(end_one).sum()
        }
        Fate::Away(time) => {
            what = format!("{what} for {} s", time.as_secs());
            let application = start(&companion.http());
            sleep(Duration::from_secs(2));
            companion.kill();
            sleep(time);
            companion.restart();
            sleep(Duration::from_secs(2));
            application.end(End::Order)
        }
        Fate::Restarts => {
            let application = start(&companion.http());
            for _ in 0..8 {
                sleep(Duration::from_secs(1));
                companion.kill();
                companion.restart();
            }
            application.end(End::Order)
        }
        Fate::Collector => {
            let mut collector = Collector::start(companion.folder(), &companion);
            let application = start(&collector.http());
            for _ in 0..8 {
                sleep(Duration::from_secs(1));
                collector.restart();
            }
            let made = application.end(End::Order);
            companion.wait_for(made, away);
            made
        }
    };
    if let Some(journal) = journal_folder.as_deref().filter(|journal| journal.exists()) {
        recover(&companion, journal);
    }
    companion.kill();
    Row { what, rate, journal, made, companion }
}

/// Brings what dead processes left, as the next process or a companion that watches the directory does.
fn recover(companion: &Companion, journal: &Path) {
    let status =
        stack::spanledger().arg("recover").arg(journal).args(["--endpoint", &companion.http()]).output();
    let output = status.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
