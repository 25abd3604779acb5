//! The memory of an application and of the companion while many calls go from one to the other.

use std::thread::sleep;
use std::time::Duration;

use crate::application::{Application, End};
use crate::stack::Companion;

/// Times at which memory is read.
const STEPS: u64 = 10;

pub(crate) fn run(calls: u64, rate: u64) {
    let mut companion = Companion::start(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let application = Application::start(rate, &companion.http(), None);
    println!("| calls made | application, MiB | companion, MiB |");
    println!("|---|---|---|");
    for step in 0..=STEPS {
        // The first row is after a hundredth: what is needed once is there then.
        while application.made() < (calls * step / STEPS).max(calls / 100) {
            sleep(Duration::from_millis(50));
        }
        let memory = [application.id(), companion.id()].map(resident);
        println!("| {} | {:.1} | {:.1} |", application.made(), memory[0], memory[1]);
    }
    let made = application.end(End::Order);
    companion.kill();
    println!("\n{made} calls made, {} in the ledger", companion.report().0);
}

/// The resident memory of a process in MiB, without pages of files.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
