//! The notifiers that speak HTTP, against a server on the loopback interface.

use std::sync::Mutex;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock;
use crate::evaluate::state_file::StateFile;
use crate::notify::http::Endpoint;
use crate::notify::secret::Secret;
use crate::notify::target::{NotifyConfig, Target};
use crate::notify::task::Dispatcher;

/// One request as the server saw it.
#[derive(Debug)]
pub(super) struct Seen {
    path: String,
    authorization: Option<String>,
    pub(super) body: Value,
}

/// A server with the given responses; 200 without one.
pub(super) struct Server {
    pub(super) address: String,
    seen: mpsc::UnboundedReceiver<Seen>,
    answers: Arc<Mutex<Vec<(u16, String)>>>,
}

type Sink = (mpsc::UnboundedSender<Seen>, Arc<Mutex<Vec<(u16, String)>>>);

async fn take(
    Shared((sink, answers)): Shared<Sink>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let authorization = headers.get("authorization").map(|value| value.to_str().expect("text").to_owned());
    let body = serde_json::from_str(&body).expect("json");
    let _ = sink.send(Seen { path: uri.to_string(), authorization, body });
    let (status, text) = answers.lock().expect("lock").pop().unwrap_or((200, String::new()));
    (StatusCode::from_u16(status).expect("status"), text)
}

pub(super) async fn server() -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = format!("http://{}", listener.local_addr().expect("address"));
    let (sink, seen) = mpsc::unbounded_channel();
    let answers = Arc::new(Mutex::new(Vec::new()));
    let app = Router::new().fallback(take).with_state((sink, Arc::clone(&answers)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Server { address, seen, answers }
}

impl Server {
    pub(super) async fn next(&mut self) -> Seen {
        let wait = std::time::Duration::from_secs(20);
        tokio::time::timeout(wait, self.seen.recv()).await.expect("a request in time").expect("a request")
    }
}

fn notifier(toml: &str) -> Arc<dyn Notifier> {
    let config: NotifyConfig = toml::from_str(toml).expect(toml);
    Arc::clone(&config.targets().expect("targets")[0].notifier)
}

fn both() -> Notification {
    notification(
        vec![firing(RuleName::HighFailureRate, &[("service", "a<b>")])],
        vec![resolved(RuleName::HighFailureRate, &[("service", "batch")], 90)],
    )
}

#[tokio::test]
async fn a_webhook_gets_the_documented_object() {
    let mut server = server().await;
    let target = notifier(&format!(
        "external_url = 'http://ledger.example/'\ndashboard_url = 'http://grafana.example/d/1?orgId=2'\n\
         [[webhook]]\nname = 'ops'\nurl = '{}/hook?x=1'\ntoken = 'secret'",
        server.address
    ));
    target.send(&both()).await.expect("taken");
    let seen = server.next().await;
    assert_eq!((seen.path.as_str(), seen.authorization.as_deref()), ("/hook?x=1", Some("Bearer secret")));
    let annotations = |service: &str| {
        json!({
            "summary": "More LLM calls fail than is usual",
            "description": "62.5 % of 16 calls of the last 5 min failed, threshold 50 %",
            "advice": "check the key and the endpoint",
            "value": "0.625",
            "threshold": "0.5",
            "runbook_url": "http://ledger.example/runbook#highfailurerate",
            "dashboard_url": format!("http://grafana.example/d/1?orgId=2&var-service={service}"),
        })
    };
    let mut body = seen.body;
    let prints: Vec<Value> = body["alerts"]
        .as_array_mut()
        .expect("alerts")
        .iter_mut()
        .map(|alert| alert["fingerprint"].take())
        .collect();
    assert!(prints.iter().all(|print| print.as_str().is_some_and(|print| print.len() == 16)), "{prints:?}");
    assert_ne!(prints[0], prints[1]);
    assert_eq!(
        body,
        json!({
            "version": "4",
            "groupKey": "{alertname=\"HighFailureRate\"}",
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "ops",
            "groupLabels": {"alertname": "HighFailureRate"},
            "commonLabels": {"alertname": "HighFailureRate", "severity": "critical"},
            "commonAnnotations": {},
            "externalURL": "http://ledger.example/",
            "alerts": [
                {
                    "status": "firing",
                    "labels": {"alertname": "HighFailureRate", "severity": "critical", "service": "a<b>"},
                    "annotations": annotations("a%3Cb%3E"),
                    "startsAt": "2026-11-02T00:00:00Z",
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "http://ledger.example/",
                    "fingerprint": null,
                },
                {
                    "status": "resolved",
                    "labels": {"alertname": "HighFailureRate", "severity": "critical", "service": "batch"},
                    "annotations": annotations("batch"),
                    "startsAt": "2026-11-02T00:00:00Z",
                    "endsAt": "2026-11-02T00:01:30Z",
                    "generatorURL": "http://ledger.example/",
                    "fingerprint": null,
                },
            ],
        })
    );
}

#[tokio::test]
async fn alertmanager_gets_all_alerts_with_the_time_they_are_good_for() {
    let mut server = server().await;
    let target = notifier(&format!("[[alertmanager]]\nurl = '{}/prefix/'\nresend = '20s'", server.address));
    let mut notification = both();
    notification.firing[0].labels.insert("user".to_owned(), String::new());
    target.send(&notification).await.expect("taken");
    let seen = server.next().await;
    assert_eq!(seen.path, "/prefix/api/v2/alerts");
    let alerts = seen.body.as_array().expect("a list");
    assert_eq!(
        alerts[0]["labels"],
        json!({"alertname": "HighFailureRate", "severity": "critical", "service": "a<b>"})
    );
    assert_eq!(alerts[0]["startsAt"], "2026-11-02T00:00:00Z");
    // 30 s, when the notification was made, and the least time: a new version of the companion starts sooner.
    assert_eq!(alerts[0]["endsAt"], "2026-11-02T00:05:30Z");
    assert_eq!(alerts[1]["endsAt"], "2026-11-02T00:01:30Z");
}

#[tokio::test]
async fn slack_gets_text_that_cannot_become_a_link_or_a_mention() {
    let mut server = server().await;
    let target = notifier(&format!("[[slack]]\nurl = '{}/services/x'", server.address));
    let mut notification = both();
    notification.firing[0].labels.insert("model".to_owned(), "<!channel> & <http://evil|x>".to_owned());
    target.send(&notification).await.expect("taken");
    let seen = server.next().await;
    assert_eq!(seen.body["text"], "[FIRING 1] HighFailureRate (critical)");
    assert_eq!(seen.body["attachments"][0]["color"], "danger");
    assert_eq!(seen.body["attachments"][1]["color"], "good");
    let title = seen.body["attachments"][0]["title"].as_str().expect("title");
    assert!(title.contains("&lt;!channel&gt; &amp; &lt;http://evil|x&gt;"), "{title}");
    assert!(!seen.body.to_string().contains("<!channel>"));
}

#[tokio::test]
async fn says_whether_trying_again_may_help_and_never_the_url_or_the_token() {
    let server = server().await;
    let url = format!("{}/canary?key=canary", server.address);
    let target = notifier(&format!("[[webhook]]\nurl = '{url}'\ntoken = 'canary-token'"));
    for (status, retry) in
        [(500, true), (503, true), (429, true), (408, true), (400, false), (404, false), (302, false)]
    {
        let text = format!("no route for {url} with canary-token at /canary\n<html>");
        server.answers.lock().expect("lock").push((status, text));
        let error = target.send(&both()).await.expect_err("refused");
        assert_eq!(error.retry, retry, "{status}");
        assert!(error.message.contains(&status.to_string()), "{error}");
        assert!(!error.message.contains("canary") && !error.message.contains('\n'), "{error}");
    }
    // Wherever it is cut, and however it is written: a part of a secret is one too.
    let url = server.address.replace("http://", "http://Us3r:P4ss@") + "/l0ngsegment0fapath?key=qu3ry";
    let target = notifier(&format!("[[webhook]]\nurl = '{url}'\ntoken = 'T0k3n'"));
    for secret in ["Us3r", "P4ss", "T0k3n", "l0ngsegment0fapath", "qu3ry", url.as_str()] {
        for before in [0, 150, 190, 195, 196, 197, 198, 199, 200] {
            let text = format!("{}{secret}{secret} and more", "x".repeat(before));
            server.answers.lock().expect("lock").push((500, text));
            let error = target.send(&both()).await.expect_err("refused");
            let said = error.message.split_once(": ").expect("a refusal").1;
            let left = said.replace(['x', '*'], "");
            assert!(left.is_empty() || " and more".contains(&left), "{secret} after {before}: {error}");
        }
    }
    // No server listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    drop(listener);
    let error = notifier(&format!("[[webhook]]\nurl = 'http://u:canary@{address}/canary'"))
        .send(&both())
        .await
        .expect_err("refused");
    assert!(error.retry && error.message.starts_with(&format!("http://{address}: ")), "{error}");
    assert!(!error.message.contains("canary"), "{error}");
}

/// A target that is slow to refuse its first message, and takes all others.
#[derive(Debug)]
struct Slow {
    go_on: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
    seen: mpsc::UnboundedSender<Notification>,
}

impl Notifier for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn send<'a>(&'a self, notification: &'a Notification) -> Sending<'a> {
        Box::pin(async move {
            self.seen.send(notification.clone()).expect("the test listens");
            let hangs = self.go_on.lock().await.recv().await;
            hangs.map_or(Ok(()), |()| Err(SendError::passing("too slow")))
        })
    }
}

#[tokio::test]
async fn after_a_target_hung_the_message_is_about_the_present() {
    let (seen, mut messages) = mpsc::unbounded_channel();
    let (go_on, wait) = mpsc::unbounded_channel();
    let notifier = Arc::new(Slow { go_on: tokio::sync::Mutex::new(wait), seen });
    let grouping =
        quick("[[webhook]]\nurl = 'http://127.0.0.1:1'").targets().expect("targets")[0].grouping.clone();
    let auth = || firing(RuleName::AuthFailures, &[]);
    let costs = |service| firing(RuleName::CostOverrun, &[("model", service)]);
    let (alerts, watched) = watch::channel(Arc::new(vec![auth(), costs("a")]));
    let stop = CancellationToken::new();
    let dispatcher = Dispatcher::start(vec![Target { notifier, grouping }], &watched, None, &stop);
    let first = messages.recv().await.expect("a message");
    assert_eq!(first.firing, [auth()]);
    // While the target hangs, another alert joins the group that waits.
    alerts.send_replace(Arc::new(vec![auth(), costs("a"), costs("b")]));
    go_on.send(()).expect("the target waits");
    drop(go_on);
    let second = messages.recv().await.expect("a message");
    assert_eq!(second.firing, [costs("a"), costs("b")]);
    stop.cancel();
    dispatcher.join().await;
}

fn quick(targets: &str) -> NotifyConfig {
    let toml = format!("group_wait = '0s'\ngroup_interval = '1s'\n{targets}");
    toml::from_str(&toml).expect("notify")
}

pub(super) fn now_firing() -> Arc<Vec<Alert>> {
    Arc::new(vec![Alert { firing_since: Some(clock::now()), ..firing(RuleName::HighFailureRate, &[]) }])
}

#[tokio::test]
async fn a_dead_target_delays_no_other_and_hears_it_when_it_is_back() {
    let (mut well, mut ill) = (server().await, server().await);
    ill.answers.lock().expect("lock").extend([(503, String::new()), (503, String::new())]);
    // Takes connections and never answers.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let config = quick(&format!(
        "[[webhook]]\nname = 'hanging'\nurl = 'http://{}'\n[[webhook]]\nname = 'ill'\nurl = '{}'\n[[webhook]]\nname = 'well'\nurl = '{}'",
        hanging.local_addr().expect("address"),
        ill.address,
        well.address
    ));
    let (alerts, watched) = watch::channel(Arc::default());
    let stop = CancellationToken::new();
    let dispatcher = Dispatcher::start(config.targets().expect("targets"), &watched, None, &stop);
    alerts.send_replace(now_firing());
    assert_eq!(well.next().await.body["status"], "firing");
    for _ in 0..3 {
        assert_eq!(ill.next().await.body["status"], "firing");
    }
    alerts.send_replace(Arc::default());
    assert_eq!(well.next().await.body["status"], "resolved");
    assert_eq!(ill.next().await.body["status"], "resolved");
    let counts = dispatcher.counts().to_vec();
    assert_eq!((counts[0].sent(), counts[0].name.as_str()), (0, "hanging"));
    assert_eq!((counts[1].failed(), counts[2].failed()), (2, 0));
    stop.cancel();
    dispatcher.join().await;
}

#[tokio::test]
async fn a_restart_repeats_nothing_and_still_tells_the_end() {
    let mut server = server().await;
    let folder = tempfile::tempdir().expect("folder");
    let ledger = folder.path().join("ledger.db");
    let config = quick(&format!("[[webhook]]\nurl = '{}'", server.address));
    let fired = now_firing();
    for run in 0..2 {
        let state = Arc::new(StateFile::open(&ledger).expect("state"));
        let (alerts, watched) = watch::channel(Arc::clone(&fired));
        let stop = CancellationToken::new();
        let targets = config.targets().expect("targets");
        let dispatcher = Dispatcher::start(targets, &watched, Some(&state), &stop);
        if run == 0 {
            assert_eq!(server.next().await.body["status"], "firing");
            // It is saved after it is sent.
            let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
            while state.get().notified.is_empty() {
                assert!(tokio::time::Instant::now() < deadline, "nothing is saved");
                tokio::task::yield_now().await;
            }
        } else {
            alerts.send_replace(Arc::default());
            // The next message is the end, not the beginning again.
            assert_eq!(server.next().await.body["status"], "resolved");
        }
        stop.cancel();
        dispatcher.join().await;
    }
}

#[tokio::test]
async fn a_target_without_tls_needs_no_root_certificates_and_one_with_tls_says_what_is_missing() {
    // The roots are read from the environment when a client is built: only another process can be without any.
    let program = std::env::current_exe().expect("this test");
    let build = |url: &str| {
        let output = std::process::Command::new(&program)
            .args(["--exact", "notify::tests::http::build_a_target", "--ignored", "--nocapture"])
            .env("SSL_CERT_FILE", "/dev/null")
            .env("SSL_CERT_DIR", "/dev/null")
            .env("TEST_TARGET", url)
            .output()
            .expect("this test again");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(build("http://alertmanager.example:9093").contains("target: built"));
    let error = build("https://hooks.example/x");
    assert!(error.contains("target: url: no client for HTTPS: "), "{error}");
    assert!(error.contains("install the package ca-certificates or set SSL_CERT_FILE"), "{error}");
}

#[test]
#[ignore = "a part of the test before it, in a process of its own"]
fn build_a_target() {
    let url = std::env::var("TEST_TARGET").expect("the URL");
    let built = Endpoint::new(Some(Secret::new(url)), None);
    println!("target: {}", built.map_or_else(|error| error, |_| "built".to_owned()));
}
