//! A gateway that is not in the host table: its name, its prices and its deployment names.
//!
//! ```sh
//! cargo run --example custom_gateway
//! ```

#[path = "shared/local.rs"]
mod local;

use serde_json::json;
use spanledger::semconv::attribute;
use spanledger::{GenAiMiddleware, PriceTable};

/// An application keeps this in a file and loads it with `PriceTable::from_file`; `prices.example.toml` shows every key.
const PRICES: &str = r#"
[[price]]
model = "acme-large"
provider = "acme"
input = 2.00
output = 8.00

[aliases]
prod-chat = "acme-large"
"#;

#[tokio::main]
async fn main() -> local::Anything {
    let (tracers, spans) = local::in_memory();
    let gateway = local::serve(|_, _, body| local::chat(body)).await?;
    let middleware = GenAiMiddleware::builder()
        .tracer_provider(tracers)
        // Any host that serves an OpenAI-style path is a gateway; without a name it goes by its host.
        .provider_of_host("127.0.0.1", "acme")
        .prices(PriceTable::from_toml(PRICES)?)
        .build();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(middleware).build();

    for model in ["prod-chat", "acme-experimental"] {
        client
            .post(format!("{gateway}/llm/v1/chat/completions"))
            .json(&json!({"model": model, "messages": [{"role": "user", "content": "How is it there?"}]}))
            .send()
            .await?
            .bytes()
            .await?;
    }

    let spans = spans.get_finished_spans()?;
    local::show(&spans);
    assert_eq!(local::value(&spans[0], attribute::PROVIDER_NAME), "acme");
    assert_eq!(local::value(&spans[0], attribute::COST_STATUS), "exact");
    let cost: f64 = local::value(&spans[0], attribute::USAGE_COST).parse()?;
    assert!((cost - (12.0 * 2.0 + 4.0 * 8.0) / 1e6).abs() < 1e-12, "{cost}");
    // The second model has no known price, so its span is `unpriced`.
    assert_eq!(local::value(&spans[1], attribute::COST_STATUS), "unpriced");
    assert_eq!(local::value(&spans[1], attribute::USAGE_COST), "");
    Ok(())
}
