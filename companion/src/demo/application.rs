//! The demo's application: calls the provider through the real middleware, as any service would.

use std::net::SocketAddr;

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::json;
use spanledger::CallContext;

use super::provider::Scene;

/// One call the application makes.
#[derive(Debug, Clone, Copy)]
struct Plan {
    scene: Scene,
    model: &'static str,
    stream: bool,
    user: &'static str,
}

/// A good hour, a few expensive calls, and an outage.
fn plan() -> impl Iterator<Item = Plan> {
    let users = ["ada", "grace", "alan", "edsger"];
    let models = ["gpt-4o-mini", "gpt-4o", "gpt-5", "house-model-1"];
    let good = (0..48).map(move |number| Plan {
        scene: Scene::Answer,
        model: models[number % models.len()],
        stream: number % 3 == 0,
        user: users[number % users.len()],
    });
    let expensive =
        (0..6).map(|_| Plan { scene: Scene::Expensive, model: "o1-pro", stream: false, user: "edsger" });
    let outage = (0..66).map(move |number| {
        let scene = [Scene::RateLimited, Scene::Broken, Scene::Cut][number % 3];
        Plan { scene, model: "gpt-4o", stream: scene == Scene::Cut, user: users[number % users.len()] }
    });
    good.chain(expensive).chain(outage)
}

/// Makes all planned calls against `provider`, one after the other, and shows each to `progress` with the
/// number of calls in all. What fails, fails as planned: the ledger tells.
pub(super) async fn run(
    provider: SocketAddr,
    client: reqwest::Client,
    mut progress: impl FnMut(usize, usize),
) {
    // The provider's host is a loopback address, which says nothing of its wire format's owner.
    let middleware = spanledger::GenAiMiddleware::builder().provider("openai").build();
    let client = ClientBuilder::new(client).with(middleware).build();
    let url = format!("http://{provider}/v1/chat/completions");
    let calls: Vec<Plan> = plan().collect();
    for (number, plan) in calls.iter().enumerate() {
        call(&client, &url, *plan, number).await;
        progress(number + 1, calls.len());
    }
}

async fn call(client: &ClientWithMiddleware, url: &str, plan: Plan, number: usize) {
    let body = json!({
        "model": plan.model,
        // Every other question was asked before.
        "messages": [{"role": "user", "content": format!("What does call {} cost?", number / 2)}],
        "stream": plan.stream,
        "stream_options": plan.stream.then(|| json!({"include_usage": true})),
        "metadata": {"scene": plan.scene},
    });
    let context = CallContext::new().user_id(plan.user).client_address("203.0.113.7");
    let request = client.post(url).bearer_auth("sk-demo").json(&body).with_extension(context);
    if let Ok(response) = request.send().await {
        // The body is read to its end, or to where it is cut.
        drop(response.bytes().await);
    }
}
