//! Start, stop and what fails before a port opens.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use prost::Message;

use super::process::{PATIENCE, Server, call, calls, request, spanledger};

#[test]
fn drains_on_sigterm_and_answers_the_request_at_work() {
    let server = Server::start(&[]);
    let body = request(vec![call(1)]).encode_to_vec();
    let (first, rest) = body.split_at(10);
    let mut sender = TcpStream::connect(server.http).unwrap();
    write!(
        sender,
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    // The server asks for the body once the request is at work.
    let mut go_on = [0; 25];
    sender.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "{:?}", String::from_utf8_lossy(&go_on));
    sender.write_all(first).unwrap();
    let address = server.http;
    server.signal("TERM");
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < until, "it still takes connections");
    }
    assert_eq!(server.get("/readyz").0, 503);
    sender.write_all(rest).unwrap();
    let mut answer = String::new();
    sender.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let log = server.folder.path().join("log");
    let (status, folder) = server.wait();
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(status, Some(0), "{log}");
    let steps: Vec<usize> = ["receivers", "rules", "notifiers", "ledger", "admin"]
        .iter()
        .map(|step| log.find(&format!("step=\"{step}\"")).unwrap_or_else(|| panic!("{step} in {log}")))
        .collect();
    assert!(steps.is_sorted(), "{log}");
    assert_eq!(calls(&folder.path().join("ledger.db")).len(), 1);
}

#[test]
fn ends_at_once_on_a_second_signal() {
    let mut server = Server::start(&[]);
    // A request that never ends holds up the drain.
    let mut sender = TcpStream::connect(server.http).unwrap();
    write!(
        sender,
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\
         expect: 100-continue\r\n\r\n"
    )
    .unwrap();
    sender.read_exact(&mut [0; 25]).unwrap();
    server.signal("TERM");
    let until = Instant::now() + PATIENCE;
    while server.get("/readyz").0 != 503 {
        assert!(Instant::now() < until);
    }
    assert!(server.is_running());
    server.signal("INT");
    assert_eq!(server.wait().0, Some(143));
}

#[test]
fn names_what_failed_before_any_port_opens() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    std::fs::write(folder.path().join("text.db"), "this is no database, whatever its name says").unwrap();
    std::fs::write(folder.path().join("prices.toml"), "[[price]]\nmodel = 5\n").unwrap();
    let config = |text: &str| {
        let path = folder.path().join(format!("{}.toml", text.len()));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let prices = config(&format!("[prices]\nfile = {:?}\n", folder.path().join("prices.toml")));
    let tls = config("[receiver.tls]\ncert = \"none.pem\"\nkey = \"none.pem\"\n");
    let hook = config("[[notify.webhook]]\nname = \"hook\"\nurl = \"no url at all\"\n");
    let text_db = folder.path().join("text.db").to_str().unwrap().to_owned();
    let listener = TcpListener::bind(&taken);
    let cases: [(&[&str], &str); 6] = [
        (&["--otlp-http", &taken], "receiver.http = 127.0.0.1:"),
        (&["--otlp-http", &taken], "(os error 98); stop what listens there, or name another address\n"),
        (&["--ledger", &text_db], "is corrupt or not a ledger file"),
        (&["--config", &prices], "prices.toml"),
        (&["--config", &tls], "certificate none.pem"),
        (&["--config", &hook], "notify"),
    ];
    for (args, message) in cases {
        let mut command = spanledger();
        command.args(["serve", "--otlp-grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        if !args.contains(&"--otlp-http") {
            command.args(["--otlp-http", "127.0.0.1:0"]);
        }
        if !args.contains(&"--ledger") {
            command.arg("--ledger").arg(folder.path().join("new.db"));
        }
        let output = command.args(args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(message) && output.stdout.is_empty(), "{message} in {error}");
    }
    drop(listener);
}

#[cfg(target_os = "linux")]
#[test]
fn refuses_a_path_it_could_not_name_instead_of_opening_another() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"led\xffger.db"));
    let by_flag = spanledger().args(["import", "none.db", "--ledger"]).arg(&path).output().unwrap();
    let by_variable =
        spanledger().args(["import", "none.db"]).env("SPANLEDGER_LEDGER", &path).output().unwrap();
    for output in [by_flag, by_variable] {
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("--ledger") && error.contains("is not UTF-8"), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn prints_the_configuration_with_its_sources() {
    let output = spanledger()
        .args(["config", "--ledger", "x.db"])
        .env("SPANLEDGER_RECEIVER_TOKEN", "s3cret")
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    for line in ["ledger.path = \"x.db\"", "# flag --ledger", "receiver.token = \"***\"", "# default"]
        .into_iter()
        .chain(["receiver.listen_without_token = false", "notify.external_url = \"\""])
    {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    assert!(!shown.contains("s3cret"));
    let example = spanledger().args(["config", "--example"]).output().unwrap().stdout;
    assert_eq!(example, include_bytes!("../../spanledger.example.toml"));
}
