//! Phoenix, a backend of traces that reads the conventions and prices calls itself.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Program, free_address};
use crate::{Result, wait};

/// The spans of the project that spans without one go to.
const SPANS: &str = "{ getProjectByName(name: \"default\") { spans(first: 100) { edges { node { \
    name spanKind attributes tokenCountPrompt tokenCountCompletion tokenCountTotal \
    tokenPromptDetails { cacheRead cacheWrite } costSummary { total { cost } } } } } } }";

/// The running server.
#[derive(Debug)]
pub struct Phoenix {
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    client: reqwest::Client,
    program: Program,
}

impl Phoenix {
    /// Starts it with its database in `directory`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(python: &Path, directory: &Path) -> Result<Self> {
        let (http, grpc) = (free_address()?, free_address()?);
        let mut command = Command::new(python);
        command
            .args(["-m", "phoenix.server.main", "serve"])
            .env("PHOENIX_WORKING_DIR", directory)
            .env("PHOENIX_HOST", http.ip().to_string())
            .env("PHOENIX_PORT", http.port().to_string())
            .env("PHOENIX_GRPC_PORT", grpc.port().to_string())
            .env("PHOENIX_TELEMETRY_ENABLED", "false");
        let program = Program::start("phoenix", &mut command, directory)?;
        let mut phoenix = Self { http, client: reqwest::Client::new(), program };
        phoenix.program.ready(&format!("http://{http}/healthz")).await?;
        Ok(phoenix)
    }

    /// Its spans, when it has `count` of them, each LLM span with its cost.
    ///
    /// # Errors
    /// When they do not arrive.
    pub async fn spans(&self, count: usize) -> Result<Vec<Value>> {
        let priced =
            |span: &Value| span["spanKind"] != "llm" || span["costSummary"]["total"]["cost"].is_f64();
        wait::until("the spans in Phoenix", async || {
            let spans = self.query(SPANS).await.ok()?;
            let edges = spans["data"]["getProjectByName"]["spans"]["edges"].as_array()?;
            let spans: Vec<Value> = edges.iter().map(|edge| edge["node"].clone()).collect();
            (spans.len() == count && spans.iter().all(priced)).then_some(spans)
        })
        .await
    }

    async fn query(&self, query: &str) -> Result<Value> {
        let url = format!("http://{}/graphql", self.http);
        Ok(self.client.post(url).json(&json!({ "query": query })).send().await?.json().await?)
    }
}
