//! The application of these tests: a process of its own that makes calls until it is killed or asked to end.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use spanledger::journal::Journal;
use spanledger::{CallContext, GenAiMiddleware};

use crate::provider::{ID, Provider, WAY};

/// Calls that are on their way at the same time.
const TASKS: u64 = 8;

/// What every prompt says, and no journal may.
pub(crate) const CANARY: &str = "a canary sings";

/// Names the journal of an application that gives none to its middleware.
const BY_VARIABLE: &str = "SPANLEDGER_JOURNAL_DIR";

/// What an application is to do.
#[derive(Debug, Clone)]
pub(crate) struct Options<'a> {
    pub(crate) name: String,
    pub(crate) threads: usize,
    pub(crate) journal: &'a Path,
    /// The cap of its journal, in bytes.
    pub(crate) cap: u64,
    pub(crate) receiver: String,
    /// The calls it makes; then it ends in order.
    pub(crate) calls: u64,
    /// Whether one of its tasks hangs with its first call, and streams are among the others.
    pub(crate) mixed: bool,
    /// Whether `SPANLEDGER_JOURNAL_DIR` names the journal, and nothing else does.
    pub(crate) by_variable: bool,
    /// Seconds that its end in order may take.
    pub(crate) flush: u64,
    /// Milliseconds that its exporter waits for more spans.
    pub(crate) schedule: u64,
    /// Where its log goes. `None`: to the standard error of the tests.
    pub(crate) log: Option<&'a Path>,
}

impl<'a> Options<'a> {
    pub(crate) fn new(name: impl Into<String>, journal: &'a Path, receiver: &str) -> Self {
        Self {
            name: name.into(),
            threads: 4,
            journal,
            cap: 64 * 1024 * 1024,
            receiver: receiver.to_owned(),
            calls: u64::MAX,
            mixed: true,
            by_variable: false,
            flush: 60,
            schedule: 20,
            log: None,
        }
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

fn number(name: &str) -> u64 {
    variable(name).parse().unwrap()
}

/// Makes calls, and writes the id of each that is over to its standard output. Its standard input says how to end.
#[test]
#[ignore = "a child of the other tests"]
fn application() {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let (drop_runtime, mut runtime_is_dropped) = tokio::sync::oneshot::channel::<()>();
    thread::spawn(move || {
        let mut drop_runtime = Some(drop_runtime);
        for line in std::io::stdin().lines() {
            match line.unwrap().as_str() {
                "abort" => std::process::abort(),
                "exit" => std::process::exit(3),
                "panic" => panic_with_abort(),
                "fill" => fill_memory(),
                "drop" => drop_runtime.take().unwrap().send(()).unwrap(),
                _ => asked.store(true, Ordering::SeqCst),
            }
        }
    });
    let runtime = match number("THREADS") {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        threads => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(usize::try_from(threads).unwrap())
            .enable_all()
            .build(),
    };
    let runtime = runtime.unwrap();
    let is_over = runtime.block_on(async {
        let guard = spanledger::otlp::builder()
            .bridge(false)
            .flush_timeout(std::time::Duration::from_secs(number("FLUSH")))
            .init()
            .unwrap();
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
        let mut middleware = GenAiMiddleware::builder();
        if std::env::var_os(BY_VARIABLE).is_none() {
            let journal = Journal::builder(variable("JOURNAL")).cap(number("CAP")).any_file_system(true);
            middleware = middleware.journal(journal.open().unwrap());
        }
        let middleware = middleware.build();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = ClientBuilder::new(http).with(middleware).build();
        let next = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| tokio::spawn(call_on(client.clone(), task, Arc::clone(&next), Arc::clone(&stop))))
            .collect();
        let all_tasks = async {
            for task in tasks {
                task.await.unwrap();
            }
        };
        tokio::select! {
            () = all_tasks => true,
            _ = &mut runtime_is_dropped => {
                // Nothing is flushed: what was not delivered is in the journal alone.
                std::mem::forget(guard);
                false
            }
        }
    });
    drop(runtime);
    if !is_over {
        println!("dropped");
        loop {
            thread::park();
        }
    }
}

/// What a panic is where `panic = "abort"`: it unwinds nothing, and no destructor runs. A function that must not unwind
/// makes it one of those.
fn panic_with_abort() {
    extern "C" fn never_unwinds() {
        panic!("a panic that aborts");
    }
    never_unwinds();
}

/// Takes memory until the kernel kills the process.
fn fill_memory() {
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; 1024 * 1024]);
    }
}

async fn call_on(client: ClientWithMiddleware, task: u64, next: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    let (calls, mixed) = (number("CALLS"), variable("MIXED") == "true");
    while !stop.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= calls {
            return;
        }
        let id = format!("{}-{number}", variable("NAME"));
        let way = match number % 5 {
            _ if !mixed => "whole",
            _ if task == 0 => "hang",
            0 | 1 => "stream",
            2 => "endless",
            _ => "whole",
        };
        let url = format!("{}/v1/chat/completions", variable("PROVIDER"));
        let stream = way != "whole";
        let mut response = client
            .post(url)
            .header(ID, &id)
            .header(WAY, way)
            .body(format!(
                r#"{{"model":"gpt-4o","stream":{stream},"messages":[{{"role":"user","content":"{CANARY} {id}"}}]}}"#
            ))
            .with_extension(CallContext::new().conversation_id(&id).user_id("ada"))
            .send()
            .await
            .unwrap();
        if way == "endless" {
            for _ in 0..10 {
                response.chunk().await.unwrap();
            }
            drop(response);
        } else {
            while response.chunk().await.unwrap().is_some() {}
        }
        // In one write, so that what arrives is whole.
        std::io::stdout().lock().write_all(format!("over {id}\n").as_bytes()).unwrap();
    }
}

/// A running application.
#[derive(Debug)]
pub(crate) struct Application {
    child: Child,
    input: ChildStdin,
    over: thread::JoinHandle<BTreeSet<String>>,
    runtime_is_dropped: mpsc::Receiver<()>,
}

impl Application {
    pub(crate) fn start(options: &Options<'_>, provider: &Provider) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "application::application", "--ignored", "--nocapture"])
            .env("NAME", &options.name)
            .env("THREADS", options.threads.to_string())
            .env("JOURNAL", options.journal)
            .env("CAP", options.cap.to_string())
            .env("CALLS", options.calls.to_string())
            .env("MIXED", options.mixed.to_string())
            .env("FLUSH", options.flush.to_string())
            .env("PROVIDER", format!("http://{}", provider.address))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &options.receiver)
            .env("OTEL_SERVICE_NAME", "shop")
            .env("OTEL_BSP_SCHEDULE_DELAY", options.schedule.to_string())
            .env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(options.log.map_or_else(Stdio::inherit, |log| File::create(log).unwrap().into()));
        if options.by_variable {
            command.env(BY_VARIABLE, options.journal);
        }
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (sender, runtime_is_dropped) = mpsc::channel();
        let over = thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok).inspect(|line| {
                if line == "dropped" {
                    sender.send(()).unwrap();
                }
            });
            lines.filter_map(|line| line.strip_prefix("over ").map(str::to_owned)).collect()
        });
        Self { child, input, over, runtime_is_dropped }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and does not wait for its end.
    #[cfg(target_os = "linux")]
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Ends it in some way, and gives the calls that it knows to be over.
    pub(crate) fn end(mut self, way: End) -> BTreeSet<String> {
        match way {
            End::Kill => self.child.kill().unwrap(),
            End::Abort => self.input.write_all(b"abort\n").unwrap(),
            End::Exit => self.input.write_all(b"exit\n").unwrap(),
            End::Panic => self.input.write_all(b"panic\n").unwrap(),
            End::OutOfMemory => self.input.write_all(b"fill\n").unwrap(),
            End::DroppedRuntime => {
                self.input.write_all(b"drop\n").unwrap();
                self.runtime_is_dropped.recv().unwrap();
                self.child.kill().unwrap();
            }
            End::Orderly => self.input.write_all(b"stop\n").unwrap(),
            End::Wait => {}
        }
        let status = self.child.wait().unwrap();
        assert_eq!(status.success(), matches!(way, End::Orderly | End::Wait), "{way:?}: {status}");
        self.over.join().unwrap()
    }
}

/// How an application ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Kill,
    Abort,
    Exit,
    /// A panic that aborts, as with `panic = "abort"`.
    Panic,
    /// By the kernel, once it has taken all the memory that it may.
    OutOfMemory,
    /// Its runtime is dropped with calls in flight; then it is killed.
    DroppedRuntime,
    /// It is asked to.
    Orderly,
    /// By itself, after all of its calls.
    Wait,
}
