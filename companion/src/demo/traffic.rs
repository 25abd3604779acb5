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
/// Of these streams the last is cut. It is always of the last of the models, whose stream begins with its input tokens: a
/// failed call that cost something.
const STREAMS_PER_CUT: usize = 50;
/// The application's users.
const USERS: [&str; 6] = ["ada", "grace", "alan", "edsger", "barbara", "tony"];

/// What kind of application calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Application {
    /// Many short streamed conversations, with an outage of the provider.
    #[default]
    Chat,
    /// Agents: conversations of expensive calls with tools, some of a model without a price.
    Agent,
    /// Whole responses, the same questions again and again, and a key that is revoked for a while.
    Batch,
    /// Embeddings, and responses of Gemini about what was found.
    Search,
}

/// What an application does.
struct Habits {
    /// Whose application it is.
    team: &'static str,
    per_minute: f64,
    /// Models, which take turns, so that each is seen soon.
    models: &'static [&'static str],
    /// Input and output tokens of a usual call.
    tokens: (u64, u64),
    streams: bool,
    /// Calls of a conversation: each but the last ends with a tool.
    steps: u32,
    /// How many different questions there are.
    questions: u64,
    /// What most calls meet during an outage.
    outage: Option<Scene>,
}

impl Application {
    const fn habits(self) -> Habits {
        match self {
            Self::Chat => Habits {
                team: "support",
                per_minute: 60.0,
                models: &["gpt-4o-mini", "gpt-4o-mini", "gpt-4o", "gpt-5", "claude-sonnet-4-5"],
                tokens: (1200, 250),
                streams: true,
                steps: 1,
                questions: u64::MAX,
                outage: Some(Scene::RateLimited),
            },
            Self::Agent => Habits {
                team: "platform",
                per_minute: 4.0,
                models: &["gpt-5", "o1-pro", "claude-opus-4-1", "claude-sonnet-4-5", "house-model-1"],
                tokens: (9000, 1800),
                streams: false,
                steps: 4,
                questions: u64::MAX,
                outage: None,
            },
            Self::Batch => Habits {
                team: "finance",
                per_minute: 30.0,
                models: &["gpt-4o-mini", "claude-3-5-haiku-latest"],
                tokens: (3000, 120),
                streams: false,
                steps: 1,
                questions: 12,
                outage: Some(Scene::Unauthorized),
            },
            Self::Search => Habits {
                team: "docs",
                per_minute: 40.0,
                models: &["text-embedding-3-small", "text-embedding-3-small", "gemini-2.5-flash"],
                tokens: (600, 90),
                streams: false,
                steps: 1,
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
    for number in 0.. {
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
        let plan = Plan::draw(&mut random, &habits, number, outage);
        calls.spawn(clients.clone().converse(plan, habits.steps));
    }
    calls.shutdown().await;
    // What is gathered leaves before the process ends.
    drop(tokio::task::spawn_blocking(move || drop(telemetry)).await);
    Ok(())
}

/// One call.
#[derive(Clone)]
struct Plan {
    scene: Scene,
    model: &'static str,
    tokens: (u64, u64),
    stream: bool,
    wait: u64,
    question: u64,
    user: &'static str,
    team: &'static str,
    conversation: u64,
    /// Whether it ends with a tool.
    tool: bool,
}

impl Plan {
    fn draw(random: &mut fastrand::Rng, habits: &Habits, number: usize, outage: bool) -> Self {
        let model = habits.models[number % habits.models.len()];
        let around = |random: &mut fastrand::Rng, usual: u64| usual / 4 + random.u64(..=usual * 3 / 2);
        let tokens = (around(random, habits.tokens.0), around(random, habits.tokens.1));
        let scene = match (habits.outage, random.u32(..100)) {
            _ if habits.streams && number % STREAMS_PER_CUT == STREAMS_PER_CUT - 1 => Scene::Cut,
            (Some(trouble), ..80) if outage => trouble,
            (_, 0) => Scene::Broken,
            (_, 1) if habits.streams => Scene::Cut,
            (_, 2) => Scene::RateLimited,
            (None, 3) if habits.tokens.0 > 5000 => Scene::Expensive,
            _ => Scene::Answer,
        };
        let wait = if scene == Scene::Answer { 150 + tokens.1 * 3 + random.u64(..400) } else { 20 };
        let question = random.u64(..habits.questions);
        let (user, conversation) = (USERS[random.usize(..USERS.len())], random.u64(..));
        Self {
            scene,
            model,
            tokens,
            stream: habits.streams,
            team: habits.team,
            wait,
            question,
            user,
            conversation,
            tool: false,
        }
    }
}

/// A client for each provider, as an application has them.
#[derive(Clone)]
struct Clients {
    openai: ClientWithMiddleware,
    anthropic: ClientWithMiddleware,
    gemini: ClientWithMiddleware,
    provider: SocketAddr,
}

impl Clients {
    fn new(provider: SocketAddr) -> Result<Self, DemoError> {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let of = |name: &'static str| {
            let middleware = GenAiMiddleware::builder().provider(name).build();
            ClientBuilder::new(client.clone()).with(middleware).with(AttemptSpans::new()).build()
        };
        Ok(Self { openai: of("openai"), anthropic: of("anthropic"), gemini: of("gcp.gemini"), provider })
    }

    /// Makes the calls of a conversation, one after the other: each has a longer prompt, and all but the last end with a tool.
    async fn converse(self, plan: Plan, steps: u32) {
        for step in 1..=steps {
            let tokens = (plan.tokens.0 * u64::from(step), plan.tokens.1);
            let question = plan.question.wrapping_add(u64::from(step - 1));
            self.call(&Plan { tool: step < steps, tokens, question, ..plan.clone() }).await;
        }
    }

    /// Calls, and calls again after a failure as applications do.
    async fn call(&self, plan: &Plan) {
        for retry in 0..=RETRIES {
            if self.attempt(plan).await {
                break;
            }
            sleep(Duration::from_millis(200 << retry)).await;
        }
    }

    /// Whether the call succeeded, or another would fail the same way.
    async fn attempt(&self, plan: &Plan) -> bool {
        let (client, path) = match plan.model {
            model if model.starts_with("claude") => (&self.anthropic, "v1/messages".to_owned()),
            model if model.starts_with("text-embedding") => (&self.openai, "v1/embeddings".to_owned()),
            model if model.starts_with("gemini") && plan.stream => {
                (&self.gemini, format!("v1beta/models/{model}:streamGenerateContent?alt=sse"))
            }
            model if model.starts_with("gemini") => {
                (&self.gemini, format!("v1beta/models/{model}:generateContent"))
            }
            _ => (&self.openai, "v1/chat/completions".to_owned()),
        };
        let question = format!("What does question {} cost?", plan.question);
        let mut body = json!({
            "model": plan.model,
            "metadata": {"scene": plan.scene, "tokens": plan.tokens, "wait": plan.wait, "tool": plan.tool},
        });
        match path.as_str() {
            "v1/embeddings" => body["input"] = question.into(),
            path if path.starts_with("v1beta") => {
                body["contents"] = json!([{"role": "user", "parts": [{"text": question}]}])
            }
            _ => body["messages"] = json!([{"role": "user", "content": question}]),
        }
        if path == "v1/messages" {
            body["max_tokens"] = 1024.into();
        }
        if plan.stream {
            body["stream"] = true.into();
            body["stream_options"] = json!({"include_usage": true});
        }
        let conversation = format!("c-{:08x}", plan.conversation >> 32);
        let context = CallContext::new()
            .user_id(plan.user)
            .conversation_id(conversation)
            .client_address("203.0.113.7")
            .tag("team", plan.team);
        let url = format!("http://{}/{path}", self.provider);
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
