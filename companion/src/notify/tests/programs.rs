//! The real programs at the other end: Alertmanager, and aiosmtpd as a mail server.
//!
//! `SPANLEDGER_TEST_TOOLS_BIN` is the folder with `alertmanager`, `SPANLEDGER_TEST_PYTHON` a Python that has `aiosmtpd`. Without
//! them these tests print that and pass, except on CI.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::http::{now_firing, server};
use super::*;
use crate::notify::target::NotifyConfig;
use crate::notify::task::Dispatcher;

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `variable` points to; `None`, with a message, where it is not set and this is not CI.
fn needed(variable: &str, what: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(PathBuf::from(path));
    }
    assert!(std::env::var_os("CI").is_none(), "{variable} must name {what} on CI");
    eprintln!("skipped: {variable} does not name {what}");
    None
}

fn targets(toml: &str) -> NotifyConfig {
    toml::from_str(toml).expect(toml)
}

#[tokio::test]
async fn alertmanager_takes_our_alerts_and_hears_their_end() {
    let Some(tools) = needed("SPANLEDGER_TEST_TOOLS_BIN", "the folder of the built programs") else { return };
    let mut receiver = server().await;
    let folder = tempfile::tempdir().expect("folder");
    let config = folder.path().join("alertmanager.yml");
    let yaml = format!(
        "route:\n  receiver: all\n  group_by: [alertname]\n  group_wait: 0s\n  group_interval: 1s\n\
         receivers:\n  - name: all\n    webhook_configs:\n      - url: {}/hook\n",
        receiver.address
    );
    std::fs::write(&config, yaml).expect("write");
    let mut child = Command::new(tools.join("alertmanager"))
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()))
        .args(["--cluster.listen-address=", "--web.listen-address=127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("alertmanager starts");
    let mut log = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let _running = Running(child);
    let listening = log.find_map(|line| {
        let line = line.expect("text");
        Some(line.split("msg=\"Listening on\" address=").nth(1)?.trim().to_owned())
    });
    let address = listening.expect("an address");
    // It must be able to go on logging.
    std::thread::spawn(move || log.for_each(drop));

    let config = targets(&format!("[[alertmanager]]\nurl = 'http://{address}'\nresend = '1s'"));
    let stop = CancellationToken::new();
    let (alerts, watched) = watch::channel(now_firing());
    let dispatcher = Dispatcher::start(config.targets().expect("targets"), &watched, None, &stop);

    let fired = receiver.next().await.body;
    assert_eq!(fired["status"], "firing");
    let labels = &fired["alerts"][0]["labels"];
    assert_eq!((&labels["alertname"], &labels["severity"]), (&"HighFailureRate".into(), &"critical".into()));
    assert_eq!(fired["alerts"][0]["annotations"]["advice"], "check the key and the endpoint");
    let listed: Value = reqwest::get(format!("http://{address}/api/v2/alerts"))
        .await
        .expect("an answer")
        .json()
        .await
        .expect("json");
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");

    alerts.send_replace(Arc::default());
    let ended = receiver.next().await.body;
    assert_eq!(ended["status"], "resolved");
    stop.cancel();
    dispatcher.join().await;
}

/// A mail server that wants TLS and a login, and prints its port and then each mail as a line of JSON.
const MAIL_SERVER: &str = r#"
import asyncio, email, email.policy, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

mode, certificate, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone@"):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "type": message.get_content_type(),
            "subject": message["subject"], "id": message["message-id"], "header_to": message["to"], "parts": parts,
            "starttls": session.ssl is not None, "login": session.authenticated,
        }), flush=True)
        return "250 taken"

def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ledger", b"the right password")
    return AuthResult(success=right, handled=False)

def session():
    starttls = mode == "starttls"
    return SMTP(Handler(), require_starttls=starttls, tls_context=context if starttls else None,
                auth_required=True, auth_require_tls=starttls, authenticator=authenticate)

async def main():
    implicit = context if mode == "tls" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

struct MailServer {
    port: u16,
    ca: PathBuf,
    mails: std::io::Lines<BufReader<ChildStdout>>,
    _running: Running,
    _folder: tempfile::TempDir,
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("openssl makes the certificates of this test");
    assert!(output.status.success(), "{arguments}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn mail_server(python: &Path, mode: &str) -> MailServer {
    let folder = tempfile::tempdir().expect("folder");
    let dir = folder.path();
    let config = "[req]\ndistinguished_name=name\n[name]\n[ca]\nbasicConstraints=critical,CA:TRUE\n\
                  [server]\nbasicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n";
    std::fs::write(dir.join("openssl.cnf"), config).expect("write");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config openssl.cnf";
    openssl(dir, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2 -extensions ca"));
    openssl(dir, &format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
    openssl(
        dir,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile openssl.cnf \
         -extensions server -out server.pem",
    );
    let mut child = Command::new(python)
        .args(["-", mode])
        .args([dir.join("server.pem"), dir.join("server.key")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    child.stdin.take().expect("stdin").write_all(MAIL_SERVER.as_bytes()).expect("write");
    let mut mails = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let running = Running(child);
    let port = mails.next().expect("the mail server needs the package aiosmtpd").expect("text");
    MailServer {
        port: port.parse().expect("a port"),
        ca: dir.join("ca.pem"),
        mails,
        _running: running,
        _folder: folder,
    }
}

const BOTH: &str = "['ann@example.com', 'Bob <bob@example.com>']";

impl MailServer {
    fn target(&self, security: &str, more: &str) -> Arc<dyn Notifier> {
        self.target_to(BOTH, security, more)
    }

    fn target_to(&self, to: &str, security: &str, more: &str) -> Arc<dyn Notifier> {
        Arc::clone(&self.config(to, security, more).targets().expect("targets")[0].notifier)
    }

    fn config(&self, to: &str, security: &str, more: &str) -> NotifyConfig {
        targets(&format!(
            "external_url = 'http://ledger.example/'\n[[email]]\nhost = 'localhost'\nport = {}\n\
             security = '{security}'\nfrom = 'Ledger <ledger@example.com>'\n\
             to = {to}\n{more}",
            self.port
        ))
    }

    fn trusted(&self, password: &str) -> String {
        format!("ca_file = {:?}\nusername = 'ledger'\npassword = '{password}'", self.ca)
    }
}

#[tokio::test]
async fn mails_over_starttls_and_tls_with_a_login_as_text_and_html() {
    let Some(python) = needed("SPANLEDGER_TEST_PYTHON", "a Python with aiosmtpd") else { return };
    for security in ["starttls", "tls"] {
        let mut server = mail_server(&python, security);
        let target = server.target(security, &server.trusted("the right password"));
        let alert =
            firing(RuleName::HighFailureRate, &[("service", "<b>bold</b> é\r\nBcc: eve@example.com")]);
        target.send(&notification(vec![alert], Vec::new())).await.expect("taken");
        let mail: Value =
            serde_json::from_str(&server.mails.next().expect("a mail").expect("text")).expect("json");
        assert_eq!(mail["from"], "ledger@example.com");
        assert_eq!(mail["to"], serde_json::json!(["ann@example.com", "bob@example.com"]));
        assert_eq!(mail["subject"], "[FIRING 1] HighFailureRate (critical)");
        let id = mail["id"].as_str().expect("a message id");
        assert!(id.starts_with('<') && id.ends_with('>') && id.contains('@'), "{id}");
        assert_eq!((&mail["type"], &mail["login"]), (&"multipart/alternative".into(), &true.into()));
        assert_eq!(mail["starttls"], security == "starttls");
        let text = mail["parts"]["text/plain"].as_str().expect("text");
        assert!(
            text.contains("Advice: check the key and the endpoint") && text.contains("<b>bold</b> é"),
            "{text}"
        );
        let html = mail["parts"]["text/html"].as_str().expect("html");
        assert!(html.contains("&lt;b&gt;bold&lt;/b&gt; é") && !html.contains("<b>"), "{html}");
    }
}

#[tokio::test]
async fn a_mail_server_that_refuses_or_cannot_be_trusted_gets_nothing() {
    let Some(python) = needed("SPANLEDGER_TEST_PYTHON", "a Python with aiosmtpd") else { return };
    let server = mail_server(&python, "starttls");
    let mail = notification(vec![firing(RuleName::HighFailureRate, &[])], Vec::new());

    let wrong =
        server.target("starttls", &server.trusted("a wrong canary")).send(&mail).await.expect_err("refused");
    assert!(!wrong.retry, "{wrong}");
    assert!(
        wrong.message.contains(&format!("localhost:{}", server.port)) && !wrong.message.contains("canary"),
        "{wrong}"
    );

    let login = "username = 'ledger'\npassword = 'the right password'";
    let unknown = server.target("starttls", login).send(&mail).await.expect_err("not trusted");
    assert!(unknown.message.to_lowercase().contains("certificate"), "{unknown}");

    let anonymous = server.target("starttls", &format!("ca_file = {:?}", server.ca));
    anonymous.send(&mail).await.expect_err("a login is required");
}

#[tokio::test]
async fn a_recipient_the_server_refuses_keeps_the_mail_from_no_other() {
    let Some(python) = needed("SPANLEDGER_TEST_PYTHON", "a Python with aiosmtpd") else { return };
    let mut server = mail_server(&python, "starttls");
    let mail = notification(vec![firing(RuleName::HighFailureRate, &[])], Vec::new());
    let login = server.trusted("the right password");
    let to = "['gone@example.com', 'ann@example.com', 'bob@example.com']";
    server.target_to(to, "starttls", &login).send(&mail).await.expect("taken for two");
    let mut mails = (0..2).map(|_| -> Value {
        serde_json::from_str(&server.mails.next().expect("a mail").expect("text")).expect("json")
    });
    let (first, second) = (mails.next().expect("first"), mails.next().expect("second"));
    assert_eq!((&first["to"][0], &second["to"][0]), (&"ann@example.com".into(), &"bob@example.com".into()));
    assert_eq!(first["header_to"], "gone@example.com, ann@example.com, bob@example.com");
    assert_eq!(first["id"], second["id"]);
    drop(mails);
    let error = server.target_to("['gone@example.com']", "starttls", &login).send(&mail).await;
    let error = error.expect_err("nobody takes it");
    assert!(!error.retry && error.message.contains("nobody of that name"), "{error}");
    let to = "['gone@example.com', 'gone@example.org']";
    let error = server.target_to(to, "starttls", &login).send(&mail).await.expect_err("nobody takes it");
    assert!(!error.retry && error.message.contains("nobody of that name"), "{error}");
}

/// `spanledger notify --test email` with `config`: whether it succeeds, and what it says.
async fn test_mail(config: &NotifyConfig) -> (bool, String) {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: crate::cli::notify::Args,
    }
    let args = <Line as clap::Parser>::parse_from(["notify", "--test", "email"]).args;
    let mut out = Vec::new();
    let result = crate::cli::notify::run(&args, config, crate::clock::now(), &mut out).await;
    let said = String::from_utf8(out).expect("text");
    result.map_or_else(|failure| (false, failure.0), |()| (true, said))
}

#[tokio::test]
async fn the_test_of_a_target_sends_a_mail_that_says_it_is_none_to_act_upon() {
    let Some(python) = needed("SPANLEDGER_TEST_PYTHON", "a Python with aiosmtpd") else { return };
    let mut server = mail_server(&python, "starttls");
    let config = server.config(BOTH, "starttls", &server.trusted("the right password"));
    assert_eq!(test_mail(&config).await, (true, "delivered the test message to email\n".to_owned()));
    let mail: Value =
        serde_json::from_str(&server.mails.next().expect("a mail").expect("text")).expect("json");
    assert_eq!(mail["to"], serde_json::json!(["ann@example.com", "bob@example.com"]));
    let text = mail["parts"]["text/plain"].as_str().expect("text");
    assert!(text.contains("this is a test, no calls fail") && text.contains("no action is needed"), "{text}");

    let wrong = server.config(BOTH, "starttls", &server.trusted("a wrong canary"));
    let (taken, said) = test_mail(&wrong).await;
    assert!(!taken && said.starts_with("could not deliver the test message to email: "), "{said}");
    assert!(!said.contains("canary"), "{said}");
}
