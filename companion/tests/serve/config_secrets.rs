//! The secrets of the configuration appear nowhere: not in what `config` prints, in errors, logs, metrics or pages.
//!
//! Which fields are secret is asked of the program, not listed here: every value that `config` masks is one. That
//! fields which can come from a file are of that kind is a test of `config`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::mpsc;

use prost::Message;
use reqwest::header::CONTENT_TYPE;
use spanledger::semconv::attribute;
use toml::{Table, Value};

use super::process::{PATIENCE, Server, call, pair, request, run, spanledger, text};

/// What every planted secret begins with. Long enough to count as a token within a URL.
const PLANTED: &str = "PLANTED0123456789";

/// A server that refuses every request and repeats it, as some do in their error pages. Gives the path of each.
fn parrot() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while reader.read_line(&mut head).unwrap() > 2 {
                let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                if let Some(value) = last.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let refusal = format!(
                "HTTP/1.1 400 No\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{head}",
                head.len()
            );
            // A client that has gone away wants no reply.
            let _ = stream.write_all(refusal.as_bytes());
            if sender.send(head).is_err() {
                return;
            }
        }
    });
    (address, seen)
}

/// Certificates, which do not exist here, and what holds back alerts of the test.
const LEFT_OUT: [&str; 6] = ["tls", "prices", "mute", "active", "matchers", "maintenance"];

/// The example with its optional keys and tables, without files.
fn complete() -> Table {
    fn without_files(table: &mut Table) {
        table.retain(|key, _| !key.ends_with("_file") && !LEFT_OUT.contains(&key));
        for (_, value) in table.iter_mut() {
            match value {
                Value::Table(table) => without_files(table),
                Value::Array(items) => {
                    items.iter_mut().filter_map(Value::as_table_mut).for_each(without_files)
                }
                _ => {}
            }
        }
    }
    let example = String::from_utf8(run(spanledger().args(["config", "--example"])).stdout).unwrap();
    let optional =
        |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).map(str::to_owned);
    let text: Vec<String> =
        example.lines().map(|line| optional(line).unwrap_or_else(|| line.to_owned())).collect();
    let mut table: Table = text.join("\n").parse().unwrap();
    without_files(&mut table);
    table
}

/// The table that holds `key`, such as `notify.webhook[0].url`, and the last part of it.
fn place<'a>(table: &'a mut Table, key: &'a str) -> (&'a mut Table, &'a str) {
    let Some((part, rest)) = key.split_once('.') else { return (table, key) };
    let below = match part.strip_suffix("[0]") {
        Some(list) => table[list].as_array_mut().unwrap()[0].as_table_mut(),
        None => table[part].as_table_mut(),
    };
    place(below.unwrap(), rest)
}

fn set(table: &mut Table, key: &str, value: impl Into<Value>) {
    let (table, last) = place(table, key);
    table.insert(last.to_owned(), value.into());
}

fn written(folder: &Path, table: &Table) -> PathBuf {
    let path = folder.join("planted.toml");
    std::fs::write(&path, table.to_string()).unwrap();
    path
}

fn config(path: &Path) -> Output {
    run(spanledger().args(["config", "--config"]).arg(path))
}

/// The complete configuration with a distinct secret in every secret field, which the notifiers send to `address`;
/// and the keys of those fields with their secrets.
fn planted(folder: &Path, address: &str) -> (Table, Vec<(String, String)>) {
    let mut table = complete();
    let output = config(&written(folder, &table));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let masked = shown.lines().filter_map(|line| Some(line.split_once(" = \"***\"")?.0.to_owned()));
    let secrets: Vec<_> =
        masked.enumerate().map(|(number, key)| (key, format!("{PLANTED}{number}"))).collect();
    for (key, secret) in &secrets {
        let (table, last) = place(&mut table, key);
        let is_url = table[last].as_str().unwrap().contains("://");
        let value = if is_url { format!("http://user:{secret}@{address}/{secret}") } else { secret.clone() };
        table.insert(last.to_owned(), value.into());
    }
    // A mail server that is on this machine, and away.
    set(&mut table, "notify.email[0].host", "127.0.0.1");
    set(&mut table, "notify.email[0].port", 1);
    set(&mut table, "notify.email[0].security", "none");
    set(&mut table, "notify.group_wait", "0s");
    set(&mut table, "rules.interval", "1s");
    set(&mut table, "log.level", "trace");
    (table, secrets)
}

fn assert_hidden(shown: &[(String, String)]) {
    for (name, text) in shown {
        let at = text.find(PLANTED);
        let around =
            at.map(|at| String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(80)..]).into_owned());
        assert!(at.is_none(), "a secret is in {name}: {:.160}", around.unwrap_or_default());
    }
}

fn said(name: impl Into<String>, output: &Output) -> [(String, String); 2] {
    let name = name.into();
    [("stdout", &output.stdout), ("stderr", &output.stderr)]
        .map(|(stream, bytes)| (format!("{stream} of {name}"), String::from_utf8_lossy(bytes).into_owned()))
}

#[tokio::test]
async fn no_secret_of_the_configuration_is_in_config_logs_metrics_pages_or_state() {
    let (address, seen) = parrot();
    let folder = tempfile::tempdir().unwrap();
    let (table, secrets) = planted(folder.path(), &address);
    let secret = |key: &str| secrets.iter().find(|(known, _)| known == key).unwrap().1.clone();
    // Two tokens of listeners, three URLs and two tokens of targets, a password.
    assert!(secrets.len() >= 8, "{secrets:?}");
    let path = written(folder.path(), &table);
    let mut shown = said("config", &config(&path)).to_vec();
    assert!(shown[0].1.contains("receiver.token = \"***\""), "{}", shown[0].1);
    assert!(shown[0].1.contains(&format!("# {}:", path.display())), "{}", shown[0].1);

    let server = Server::start(&["--config", path.to_str().unwrap()]);
    let failed = (0..20).map(|number| {
        let mut failed = call(number);
        failed.attributes.retain(|attribute| attribute.key != attribute::OUTCOME);
        failed.attributes.push(pair(attribute::OUTCOME, text("failed")));
        failed
    });
    let client = reqwest::Client::new();
    let post = client.post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
    let post = post.bearer_auth(secret("receiver.token")).body(request(failed.collect()).encode_to_vec());
    assert!(post.send().await.unwrap().status().is_success());
    // Until each target that speaks HTTP was sent its secrets, and has repeated them.
    let mut urls: Vec<_> = secrets.iter().filter(|(key, _)| key.ends_with(".url")).collect();
    while !urls.is_empty() {
        let head = seen.recv_timeout(PATIENCE).unwrap();
        urls.retain(|(_, secret)| !head.contains(&format!("/{secret}")));
    }
    for name in ["webhook", "slack", "alertmanager", "email"] {
        let output = run(spanledger().args(["notify", "--test", name, "--config"]).arg(&path));
        assert!(!output.status.success(), "{output:?}");
        shown.extend(said(format!("notify --test {name}"), &output));
    }
    for path in ["/metrics", "/", "/calls", "/report.json", "/readyz"] {
        let get = client.get(format!("http://{}{path}", server.admin)).bearer_auth(secret("admin.token"));
        let response = get.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {response:?}");
        shown.push((path.to_owned(), response.text().await.unwrap()));
    }
    server.signal("TERM");
    let (status, kept) = server.wait();
    assert_eq!(status, Some(0));
    for entry in std::fs::read_dir(kept.path()).unwrap() {
        let path = entry.unwrap().path();
        shown.push((
            path.display().to_string(),
            String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
        ));
    }
    assert!(shown.iter().any(|(name, text)| name.ends_with("log") && text.contains("notification failed")));
    assert_hidden(&shown);
}

/// Something done to a configuration.
type Change<'a> = &'a dyn Fn(&mut Table);

#[test]
fn no_error_of_the_configuration_repeats_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (table, secrets) = planted(folder.path(), "127.0.0.1:1");
    let file = folder.path().join("secret");
    let mut shown = Vec::new();
    for (key, secret) in &secrets {
        std::fs::write(&file, secret).unwrap();
        let wrong: [(&str, Change<'_>); 5] = [
            ("given twice", &|table| set(table, &format!("{key}_file"), file.to_str().unwrap())),
            ("a list", &|table| set(table, key, vec![secret.as_str()])),
            ("a table", &|table| {
                set(table, key, Table::from_iter([("text".to_owned(), secret.as_str().into())]))
            }),
            ("misspelt", &|table| set(table, &format!("{key}x"), secret.as_str())),
            ("no file", &|table| {
                let (table, last) = place(table, key);
                table.remove(last);
                table.insert(format!("{last}_file"), folder.path().join("none").to_str().unwrap().into());
            }),
        ];
        for (what, change) in wrong {
            let mut table = table.clone();
            change(&mut table);
            let output = config(&written(folder.path(), &table));
            assert!(!output.status.success(), "{key} {what}: {output:?}");
            shown.extend(said(format!("config with {key} {what}"), &output));
        }
        // In the place of another value.
        for other in [
            "receiver.listen_without_token",
            "receiver.limits.requests",
            "ledger.retention",
            "notify.group_by",
        ] {
            let mut table = table.clone();
            set(&mut table, other, secret.as_str());
            let output = config(&written(folder.path(), &table));
            assert!(!output.status.success(), "{key} as {other}: {output:?}");
            shown.extend(said(format!("config with {key} as {other}"), &output));
        }
        let variable = format!("SPANLEDGER_{}X", key.replace('.', "_").to_ascii_uppercase());
        let output = run(spanledger().arg("config").env(variable, secret));
        assert!(!output.status.success(), "{key} in the environment: {output:?}");
        shown.extend(said(format!("config with {key} misspelt in the environment"), &output));
    }
    assert_hidden(&shown);
}
