//! An application that goes on calling until a signal, for a stack that runs elsewhere. What it does is drawn from a fixed
//! seed: mostly good calls, and at a fixed time of every half hour an outage, so that alerts fire and resolve.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::json;
use spanledger::{AttemptSpans, CallContext, GenAiMiddleware};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::DemoError;
use super::provider::{self, Scene};
use super::sink;

/// Calls in flight; at this number the application waits for one of them.
const AT_ONCE: usize = 32;
/// An outage comes once in this time.
const CYCLE: Duration = Duration::from_secs(1800);
/// When in the cycle it begins and ends.
const OUTAGE: std::ops::Range<Duration> = Duration::from_secs(90)..Duration::from_secs(390);
/// A failed call is made again this often.
const RETRIES: u32 = 2;
/// The application's users.
const USERS: [&str; 6] = ["ada", "grace", "alan", "edsger", "barbara", "tony"];

/// What kind of application calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Application {
    /// Many short streamed conversations, with an outage of the provider.
    #[default]
    Chat,
    /// Few long and expensive calls, some of a model without a price.
    Agent,
    /// Whole responses, the same questions again and again, and a key that is revoked for a while.
    Batch,
    /// Embeddings.
    Search,
}

/// What an application does.
struct Habits {
    per_minute: f64,
    /// Models, each as often as the others.
    models: &'static [&'static str],
    /// Input and output tokens of a usual call.
    tokens: (u64, u64),
    streams: bool,
    /// How many different questions there are.
    questions: u64,
    /// What most calls meet during an outage.
    outage: Option<Scene>,
}

impl Application {
    const fn habits(self) -> Habits {
        match self {
            Self::Chat => Habits {
                per_minute: 60.0,
                models: &["gpt-4o-mini", "gpt-4o-mini", "gpt-4o", "gpt-5", "claude-sonnet-4-5"],
                tokens: (1200, 250),
                streams: true,
                questions: u64::MAX,
                outage: Some(Scene::RateLimited),
            },
            Self::Agent => Habits {
                per_minute: 12.0,
                models: &["gpt-5", "o1-pro", "claude-opus-4-1", "house-model-1"],
                tokens: (9000, 1800),
                streams: false,
                questions: u64::MAX,
                outage: None,
            },
            Self::Batch => Habits {
                per_minute: 30.0,
                models: &["gpt-4o-mini", "claude-3-5-haiku-latest"],
                tokens: (3000, 120),
                streams: false,
                questions: 12,
                outage: Some(Scene::Unauthorized),
            },
            Self::Search => Habits {
                per_minute: 40.0,
                models: &["text-embedding-3-small"],
                tokens: (600, 0),
                streams: false,
                questions: u64::MAX,
                outage: None,
            },
        }
    }
}

/// Calls the provider in this process as `application` until `stop`, with telemetry to `endpoint`.
///
/// # Errors
/// [`DemoError`] when the provider, the exporters or the client cannot be made.
pub(crate) async fn send(
    endpoint: &str,
    application: Application,
    stop: CancellationToken,
) -> Result<(), DemoError> {
    let provider = sink::serve(provider::router()).await?;
    let telemetry = spanledger::otlp::builder().endpoint(endpoint).bridge(false).init()?;
    let clients = Clients::new(provider)?;
    let (habits, began) = (application.habits(), Instant::now());
    let mut random = fastrand::Rng::with_seed(application as u64);
    let mut calls = JoinSet::new();
    loop {
        // Independent users: exponential times between calls.
        let pause = -random.f64().max(f64::MIN_POSITIVE).ln() * 60.0 / habits.per_minute;
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(Duration::from_secs_f64(pause.min(60.0))) => {}
        }
        while calls.try_join_next().is_some() {}
        if calls.len() >= AT_ONCE {
            calls.join_next().await;
        }
        let phase = began.elapsed().as_secs() % CYCLE.as_secs();
        let outage = OUTAGE.contains(&Duration::from_secs(phase));
        let plan = Plan::draw(&mut random, &habits, outage);
        calls.spawn(clients.clone().call(plan));
    }
    calls.shutdown().await;
    // What is gathered leaves before the process ends.
    drop(tokio::task::spawn_blocking(move || drop(telemetry)).await);
    Ok(())
}

/// One call.
struct Plan {
    scene: Scene,
    model: &'static str,
    tokens: (u64, u64),
    stream: bool,
    wait: u64,
    question: u64,
    user: &'static str,
}

impl Plan {
    fn draw(random: &mut fastrand::Rng, habits: &Habits, outage: bool) -> Self {
        let model = habits.models[random.usize(..habits.models.len())];
        let around = |random: &mut fastrand::Rng, usual: u64| usual / 4 + random.u64(..=usual * 3 / 2);
        let tokens = (around(random, habits.tokens.0), around(random, habits.tokens.1));
        let scene = match (habits.outage, random.u32(..100)) {
            (Some(trouble), ..80) if outage => trouble,
            (_, 0) => Scene::Broken,
            (_, 1) if habits.streams => Scene::Cut,
            (_, 2) => Scene::RateLimited,
            (None, 3) if habits.tokens.0 > 5000 => Scene::Expensive,
            _ => Scene::Answer,
        };
        // Messages of Anthropic are not streamed here.
        let stream = habits.streams && !model.starts_with("claude");
        let wait = if scene == Scene::Answer { 150 + tokens.1 * 3 + random.u64(..400) } else { 20 };
        let question = random.u64(..habits.questions);
        Self { scene, model, tokens, stream, wait, question, user: USERS[random.usize(..USERS.len())] }
    }
}

/// A client for each provider, as an application has them.
#[derive(Clone)]
struct Clients {
    openai: ClientWithMiddleware,
    anthropic: ClientWithMiddleware,
    provider: SocketAddr,
}

impl Clients {
    fn new(provider: SocketAddr) -> Result<Self, DemoError> {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let of = |name: &'static str| {
            let middleware = GenAiMiddleware::builder().provider(name).build();
            ClientBuilder::new(client.clone()).with(middleware).with(AttemptSpans::new()).build()
        };
        Ok(Self { openai: of("openai"), anthropic: of("anthropic"), provider })
    }

    /// Calls, and calls again after a failure as applications do.
    async fn call(self, plan: Plan) {
        for retry in 0..=RETRIES {
            if self.attempt(&plan).await {
                break;
            }
            sleep(Duration::from_millis(200 << retry)).await;
        }
    }

    /// Whether the call succeeded, or another would fail the same way.
    async fn attempt(&self, plan: &Plan) -> bool {
        let (client, path) = match plan.model {
            model if model.starts_with("claude") => (&self.anthropic, "messages"),
            model if model.starts_with("text-embedding") => (&self.openai, "embeddings"),
            _ => (&self.openai, "chat/completions"),
        };
        let question = format!("What does question {} cost?", plan.question);
        let mut body = json!({
            "model": plan.model,
            "metadata": {"scene": plan.scene, "tokens": plan.tokens, "wait": plan.wait},
        });
        match path {
            "embeddings" => body["input"] = question.into(),
            _ => body["messages"] = json!([{"role": "user", "content": question}]),
        }
        if path == "messages" {
            body["max_tokens"] = 1024.into();
        }
        if plan.stream {
            body["stream"] = true.into();
            body["stream_options"] = json!({"include_usage": true});
        }
        let context = CallContext::new().user_id(plan.user).client_address("203.0.113.7");
        let url = format!("http://{}/v1/{path}", self.provider);
        let sent = client.post(url).bearer_auth("sk-demo").json(&body).with_extension(context).send().await;
        match sent {
            Ok(response) => {
                let refused = response.status().is_server_error() || response.status() == 429;
                response.bytes().await.is_ok() && !refused
            }
            Err(_) => false,
        }
    }
}
