//! What a call costs and how far that can be trusted, against prices worked out by hand.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::usage::Modality;

/// 2026-11-01, after the latest price of the bundled data.
const NOVEMBER: Duration = Duration::from_secs(1_793_491_200);

fn usage(input: u64, output: u64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

fn query<'a>(provider: &'a str, model: &'a str, usage: &'a Usage) -> PriceQuery<'a> {
    PriceQuery {
        provider,
        server_address: None,
        response_model: Some(model),
        request_model: None,
        service_tier: None,
        requested_service_tier: None,
        usage,
        usage_source: UsageSource::Provider,
        billing: Billing::NONE,
        at: UNIX_EPOCH + NOVEMBER,
    }
}

fn price(query: &PriceQuery<'_>) -> Cost {
    PriceTable::bundled().price(query)
}

#[track_caller]
fn assert_costs(cost: &Cost, status: CostStatus, usd: f64) {
    assert_eq!(cost.status, status, "{cost:?}");
    let actual = cost.usd.expect("a price");
    assert!((actual - usd).abs() <= 1e-12 * usd.max(1.0), "costs {actual}, not {usd}");
}

#[track_caller]
fn assert_unpriced(cost: &Cost) {
    assert_eq!((cost.status, cost.usd, cost.source.as_deref()), (CostStatus::Unpriced, None, None));
}

#[test]
fn prices_a_known_model_and_names_the_table() {
    let cost = price(&query("openai", "gpt-4o-mini-2024-07-18", &usage(1_000_000, 500_000)));
    assert_costs(&cost, CostStatus::Exact, 0.15 + 0.30);
    assert_eq!(cost.source.as_deref(), Some("genai-prices/0.2.1"));
}

#[test]
fn pays_a_cached_token_once() {
    let mut cached = usage(1_000_000, 0);
    cached.cache_read_tokens = Some(400_000);
    assert_costs(
        &price(&query("openai", "gpt-4o-mini", &cached)),
        CostStatus::Exact,
        0.6 * 0.15 + 0.4 * 0.075,
    );

    let mut written = usage(100_000, 1_000);
    written.cache_read_tokens = Some(50_000);
    written.cache_write_tokens = Some(20_000);
    let anthropic = price(&query("anthropic", "claude-sonnet-4-5-20250929", &written));
    assert_costs(
        &anthropic,
        CostStatus::Exact,
        (30_000.0 * 3.0 + 50_000.0 * 0.3 + 20_000.0 * 3.75 + 1_000.0 * 15.0) / 1e6,
    );
}

#[test]
fn pays_reasoning_as_output_and_only_once() {
    let mut reasoning = usage(1_000, 10_000);
    reasoning.reasoning_tokens = Some(9_000);
    let cost = price(&query("openai", "gpt-5", &reasoning));
    assert_costs(&cost, CostStatus::Exact, (1_000.0 * 1.25 + 10_000.0 * 10.0) / 1e6);
}

#[test]
fn prices_audio_input_apart_where_the_table_does() {
    let mut audio = usage(10_000, 0);
    audio.input_modality = Modality { text: Some(4_000), audio: Some(6_000), image: None };
    let cost = price(&query("gcp.gemini", "gemini-2.5-flash", &audio));
    assert_costs(&cost, CostStatus::Exact, (4_000.0 * 0.3 + 6_000.0 * 1.0) / 1e6);
}

#[test]
fn parts_that_contradict_their_total_are_an_estimate_and_never_a_failure() {
    let mut audio = usage(1_000, 0);
    audio.input_modality.audio = Some(5_000);
    assert_costs(&price(&query("gcp.gemini", "gemini-2.5-flash", &audio)), CostStatus::Estimated, 0.0003);

    let mut cached = usage(1_000, 0);
    cached.cache_read_tokens = Some(5_000);
    assert_costs(&price(&query("openai", "gpt-4o-mini", &cached)), CostStatus::Estimated, 0.000_075);

    for (output, reasoning, status) in [
        (Some(100), 100, CostStatus::Exact),
        (Some(100), 101, CostStatus::Estimated),
        (Some(0), 5_000, CostStatus::Estimated),
        (None, 5_000, CostStatus::Estimated),
    ] {
        let thought = Usage { output_tokens: output, reasoning_tokens: Some(reasoning), ..usage(1_000, 0) };
        let cost = price(&query("openai", "gpt-5", &thought));
        assert_costs(&cost, status, 0.00125 + output.unwrap_or(0) as f64 * 10.0 / 1e6);
    }
}

#[test]
fn long_prompts_cost_what_the_long_tier_says() {
    let cost = price(&query("gcp.gemini", "gemini-2.5-pro", &usage(300_000, 1_000)));
    assert_costs(&cost, CostStatus::Exact, (300_000.0 * 2.5 + 1_000.0 * 15.0) / 1e6);
}

#[test]
fn bills_the_service_tier_and_marks_one_the_table_does_not_know() {
    let usage = usage(1_000_000, 0);
    let of = |tier| price(&PriceQuery { service_tier: Some(tier), ..query("openai", "gpt-5", &usage) });
    assert_costs(&of("default"), CostStatus::Exact, 1.25);
    assert_costs(&of("flex"), CostStatus::Exact, 0.625);
    assert_costs(&of("priority"), CostStatus::Exact, 2.5);
    assert_costs(&of("batch"), CostStatus::Exact, 0.625);
    assert_costs(&of("scale"), CostStatus::Estimated, 1.25);
}

#[test]
fn a_tier_that_was_only_asked_for_is_priced_and_marked() {
    let usage = usage(1_000_000, 0);
    let of = |asked, billed| {
        let query = query("openai", "gpt-5", &usage);
        price(&PriceQuery { requested_service_tier: Some(asked), service_tier: billed, ..query })
    };
    assert_costs(&of("flex", None), CostStatus::Estimated, 0.625);
    assert_costs(&of("auto", None), CostStatus::Exact, 1.25);
    assert_costs(&of("priority", Some("default")), CostStatus::Exact, 1.25);
}

#[test]
fn maps_every_provider_the_conventions_name() {
    let usage = usage(100_000, 0);
    for (provider, model) in [
        ("anthropic", "claude-sonnet-4-5"),
        ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("cohere", "command-r-plus"),
        ("deepseek", "deepseek-chat"),
        ("gcp.gemini", "gemini-2.5-flash"),
        ("gcp.vertex_ai", "gemini-2.5-flash"),
        ("groq", "llama-3.3-70b-versatile"),
        ("mistral_ai", "mistral-large-latest"),
        ("moonshot_ai", "kimi-k2-0905-preview"),
        ("openai", "gpt-4o"),
        ("perplexity", "sonar-deep-research"),
        ("x_ai", "grok-4"),
        ("openrouter", "openai/gpt-4o"),
    ] {
        let cost = price(&query(provider, model, &usage));
        assert_eq!(cost.status, CostStatus::Exact, "{provider} {model}: {cost:?}");
        assert!(cost.usd > Some(0.0), "{provider} {model}: {cost:?}");
    }
}

#[test]
fn a_provider_nobody_knows_is_found_by_its_host() {
    let usage = usage(1_000_000, 0);
    let query = PriceQuery {
        server_address: Some("api.groq.com"),
        ..query("my-name", "llama-3.3-70b-versatile", &usage)
    };
    assert_eq!(price(&query).status, CostStatus::Exact);
}

#[test]
fn a_gateway_is_estimated_by_the_model_alone() {
    let usage = usage(1_000_000, 0);
    for (provider, model) in [
        ("api.holysheep.ai", "gpt-4o-mini"),
        ("litellm", "openai/gpt-4o-mini"),
        ("openai", "claude-sonnet-4-5"),
    ] {
        let query = PriceQuery { server_address: Some("llm.example.com"), ..query(provider, model, &usage) };
        let cost = price(&query);
        assert_eq!(cost.status, CostStatus::Estimated, "{provider} {model}: {cost:?}");
        assert!(cost.usd > Some(0.0));
    }
}

#[test]
fn a_price_borrowed_from_another_provider_is_an_estimate() {
    for (model, usd) in [("gpt-4o", 2.5), ("claude-sonnet-4-5", 6.0)] {
        let cost = price(&query("azure.ai.openai", model, &usage(1_000_000, 0)));
        assert_costs(&cost, CostStatus::Estimated, usd);
    }
}

#[test]
fn never_invents_a_price() {
    let usage = usage(1_000_000, 0);
    for (provider, host, model) in [
        ("openai", "api.openai.com", "gpt-nobody-has-heard-of"),
        ("openai", "api.openai.com", "claude-sonnet-4-5"),
        ("my-gateway", "llm.example.com", "no-such-model"),
        ("ollama", "localhost", "deepseek-r1"),
    ] {
        assert_unpriced(&price(&PriceQuery { server_address: Some(host), ..query(provider, model, &usage) }));
    }
    // Billed by the hour of audio: its price for tokens is absent, not zero.
    assert_unpriced(&price(&query("openai", "whisper-1", &usage)));
    assert_unpriced(&price(&PriceQuery { response_model: None, ..query("openai", "x", &usage) }));
}

#[test]
fn what_the_table_gives_away_is_free() {
    let cost = price(&query("openrouter", "deepseek/deepseek-r1:free", &usage(1_000, 1_000)));
    assert_costs(&cost, CostStatus::Free, 0.0);
}

#[test]
fn unknown_usage_has_no_cost_and_no_tokens_cost_nothing() {
    let cost = price(&query("openai", "gpt-4o", &Usage::default()));
    assert_eq!((cost.status, cost.usd), (CostStatus::NoUsage, None));
    assert_costs(&price(&query("openai", "gpt-4o", &usage(0, 0))), CostStatus::Exact, 0.0);
}

#[test]
fn usage_that_is_not_final_is_an_estimate() {
    let usage = usage(1_000_000, 0);
    for source in [UsageSource::Partial, UsageSource::Estimated] {
        let cost = price(&PriceQuery { usage_source: source, ..query("openai", "gpt-4o-mini", &usage) });
        assert_costs(&cost, CostStatus::Estimated, 0.15);
    }
    let output_alone = Usage { output_tokens: Some(1_000_000), ..Usage::default() };
    assert_costs(&price(&query("openai", "gpt-4o-mini", &output_alone)), CostStatus::Estimated, 0.6);
}

#[test]
fn the_model_that_answered_goes_before_the_model_asked_for() {
    let usage = usage(1_000_000, 0);
    let of = |response_model, request_model| {
        price(&PriceQuery {
            response_model,
            request_model: Some(request_model),
            ..query("openai", "", &usage)
        })
    };
    assert_costs(&of(Some("gpt-4o-mini"), "gpt-4o"), CostStatus::Exact, 0.15);
    assert_costs(&of(None, "gpt-4o"), CostStatus::Exact, 2.5);
    // Another model responded, at an unknown price.
    assert_costs(&of(Some("gpt-secret"), "gpt-4o"), CostStatus::Estimated, 2.5);
}

#[test]
fn prices_have_a_history() {
    let usage = usage(1_000_000, 0);
    let before = UNIX_EPOCH + Duration::from_secs(1_780_272_000);
    let tier = PriceQuery { service_tier: Some("flex"), at: before, ..query("openai", "gpt-5", &usage) };
    // The flex price is known from October 2026 on.
    assert_costs(&price(&tier), CostStatus::Estimated, 1.25);
}

#[test]
fn knows_names_and_not_whatever_begins_alike() {
    let prices = PriceTable::bundled();
    assert!(prices.knows("openai", "gpt-4o-mini"));
    assert!(prices.knows("anthropic", "Claude-Sonnet-4-5"));
    assert!(prices.knows("llm.example.com", "gpt-4o-mini"));
    assert!(!prices.knows("anthropic", "claude-sonnet-4-5-mint-me-a-series"));
    assert!(!prices.knows("openai", "gpt-4o-mini\n"));
    assert!(!prices.knows("openai", ""));
}

#[test]
fn a_flood_of_names_does_not_grow_the_memory_of_resolutions() {
    let usage = usage(1, 1);
    for number in 0..2_000 {
        assert_unpriced(&price(&query("openai", &format!("nobody-{number}"), &usage)));
    }
    assert!(Bundled::get().remembered() <= bundled::finding::RESOLUTIONS);
}

#[test]
fn the_source_is_the_version_that_is_built_in() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let version = lock.split("name = \"genai-prices\"\nversion = \"").nth(1).unwrap();
    let version = version.split('"').next().unwrap();
    let cost = price(&query("openai", "gpt-4o", &usage(1, 1)));
    assert_eq!(cost.source.as_deref(), Some(format!("genai-prices/{version}").as_str()));
}

#[test]
fn statuses_are_read_back_from_their_names() {
    for status in CostStatus::ALL {
        assert_eq!(CostStatus::parse(status.as_str()), Some(status));
    }
    assert_eq!(CostStatus::parse("maybe"), None);
}

/// The lines of the bill of every model in the bundled table add up to its price, whatever the tokens, the tier and the
/// fees, and none is left over.
#[test]
fn the_lines_of_every_bill_add_up_to_its_price() {
    let prices = PriceTable::bundled();
    let usage = |input: u64, read: u64, written: u64, output: u64| Usage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        cache_read_tokens: Some(read),
        cache_write_tokens: Some(written),
        ..Usage::default()
    };
    let sound = |audio| Modality { audio: Some(audio), ..Modality::default() };
    let image = |image| Modality { image: Some(image), ..Modality::default() };
    let usages = [
        (usage(1_234, 0, 0, 567), vec![], None),
        (usage(300_001, 100_000, 7, 70_000), vec!["cache_write_1h=5"], None),
        (usage(5_000, 0, 0, 900), vec![], Some("flex")),
        (usage(5_000, 1_000, 0, 900), vec![], Some("Priority")),
        (usage(5_000, 1_000, 50, 900), vec!["cache_write_1h=50"], Some("batch")),
        (
            Usage { reasoning_tokens: Some(800), ..usage(40, 0, 0, 900) },
            vec!["web_search=3", "speed=fast", "region=us", "file_search=2"],
            None,
        ),
        (
            Usage {
                input_modality: sound(600),
                cache_read_modality: sound(100),
                output_modality: sound(200),
                ..usage(1_000, 300, 0, 500)
            },
            vec![],
            None,
        ),
        (
            Usage {
                input_modality: image(600),
                cache_read_modality: image(100),
                output_modality: image(200),
                ..usage(1_000, 300, 0, 500)
            },
            vec!["search_context=low", "input_video=90"],
            None,
        ),
        // More sound than input: the totals alone are priced.
        (Usage { input_modality: sound(9_000), ..usage(1_000, 300, 0, 500) }, vec![], None),
        (
            usage(90, 0, 0, 20),
            vec!["pass=compaction,input=60,output=10", "pass=message,input=30,output=10"],
            None,
        ),
        (usage(0, 0, 0, 20), vec![], None),
    ];
    let (mut priced, mut with_lines) = (0_u32, 0_u32);
    for (provider, models) in &Bundled::get().names {
        for model in models {
            for (usage, factors, tier) in &usages {
                let billing = Billing::parse(factors);
                let query = PriceQuery {
                    provider,
                    server_address: None,
                    response_model: Some(model),
                    request_model: None,
                    service_tier: *tier,
                    requested_service_tier: None,
                    usage,
                    usage_source: UsageSource::Provider,
                    billing: &billing,
                    at: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_795_435_200),
                };
                let bill = prices.bill(&query);
                let Some(usd) = bill.cost.usd else { continue };
                priced += 1;
                with_lines += u32::from(!bill.lines.is_empty());
                let total: f64 = bill.lines.iter().map(|line| line.usd).sum();
                assert!((total - usd).abs() < 1e-11, "{provider} {model} {tier:?}: {bill:#?}");
                assert!(
                    bill.lines.iter().all(|line| line.item != "other"),
                    "{provider} {model} {tier:?}: {bill:#?}"
                );
            }
        }
    }
    assert!(priced > 10_000 && with_lines > 10_000, "{priced} {with_lines}");
}

/// The rates of a bill are the ones that the table gives.
#[test]
fn a_bill_names_each_rate() {
    let usage = Usage {
        input_tokens: Some(1_000_000),
        output_tokens: Some(2_000),
        cache_read_tokens: Some(200_000),
        cache_write_tokens: Some(100_000),
        ..Usage::default()
    };
    let billing = Billing::parse(["web_search=2", "cache_write_1h=40000"]);
    let query = |model| PriceQuery {
        provider: "anthropic",
        server_address: None,
        response_model: Some(model),
        request_model: None,
        service_tier: None,
        requested_service_tier: None,
        usage: &usage,
        usage_source: UsageSource::Provider,
        billing: &billing,
        at: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_795_435_200),
    };
    let own = PriceTable::from_toml(
        "[[price]]\nmodel = 'acme'\ninput = 3\noutput = 15\ncache_read = 0.3\ncache_write = 3.75\n\
         cache_write_1h = 6\nweb_search = 10",
    )
    .unwrap();
    for (prices, model) in [(PriceTable::bundled(), "claude-opus-4-1"), (own, "acme")] {
        let bill = prices.bill(&query(model));
        let rates: Vec<_> = bill.lines.iter().map(|line| (line.item, line.quantity, line.price)).collect();
        let times = if model == "acme" { 1.0 } else { 5.0 };
        let expected = [
            ("input", 700_000, 3.0 * times),
            ("cache read", 200_000, 0.3 * times),
            ("cache write", 60_000, 3.75 * times),
            ("cache write, 1 h", 40_000, 6.0 * times),
            ("output", 2_000, 15.0 * times),
            ("web searches", 2, 0.01),
        ];
        assert_eq!(rates.len(), expected.len(), "{bill:#?}");
        for (rate, expected) in rates.iter().zip(&expected) {
            assert_eq!((rate.0, rate.1), (expected.0, expected.1));
            assert!((rate.2 - expected.2).abs() < 1e-9, "{rate:?} {expected:?}");
        }
    }
    let nothing = Usage::default();
    let unknown = PriceQuery { usage: &nothing, billing: Billing::NONE, ..query("acme") };
    assert!(PriceTable::bundled().bill(&unknown).lines.is_empty());
}
