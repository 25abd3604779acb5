//! The user's own table: the example file, precedence, and the errors for mistakes.

use std::time::{Duration, UNIX_EPOCH};

use crate::usage::{Modality, Usage, UsageSource};
use crate::{Billing, Cost, CostStatus, PriceError, PriceQuery, PriceTable};

const NOVEMBER_2026: u64 = 1_793_491_200;
const FEBRUARY_2027: u64 = 1_801_440_000;

fn example() -> PriceTable {
    PriceTable::from_file(concat!(env!("CARGO_MANIFEST_DIR"), "/prices.example.toml")).unwrap()
}

fn usage() -> Usage {
    Usage {
        input_tokens: Some(1_000_000),
        output_tokens: Some(1_000_000),
        cache_read_tokens: Some(400_000),
        cache_write_tokens: Some(100_000),
        ..Usage::default()
    }
}

/// `model` of `provider` at `host`, in November 2026.
fn query<'a>(provider: &'a str, host: &'a str, model: &'a str, usage: &'a Usage) -> PriceQuery<'a> {
    PriceQuery {
        provider,
        server_address: Some(host),
        response_model: None,
        request_model: Some(model),
        service_tier: None,
        requested_service_tier: None,
        usage,
        usage_source: UsageSource::Provider,
        billing: Billing::NONE,
        at: UNIX_EPOCH + Duration::from_secs(NOVEMBER_2026),
    }
}

#[track_caller]
fn assert_costs(cost: &Cost, status: CostStatus, usd: f64) {
    assert_eq!(cost.status, status, "{cost:?}");
    assert!((cost.usd.unwrap() - usd).abs() < 1e-9, "{cost:?}, not {usd}");
}

#[test]
fn the_example_prices_as_its_comments_say() {
    let (prices, usage) = (example(), usage());
    let acme = query("acme", "api.acme.example", "Acme-Large", &usage);
    let cost = prices.price(&acme);
    assert_costs(&cost, CostStatus::Exact, 0.5 * 2.5 + 0.4 * 0.25 + 0.1 * 3.125 + 10.0);
    let source = cost.source.unwrap();
    assert!(source.starts_with("prices.toml/") && source.len() == "prices.toml/".len() + 8, "{source}");

    let flex = prices.price(&PriceQuery { service_tier: Some("FLEX"), ..acme.clone() });
    assert_costs(&flex, CostStatus::Exact, 0.5 * 1.25 + 0.4 * 0.25 + 0.1 * 3.125 + 5.0);
    let unknown_tier = prices.price(&PriceQuery { service_tier: Some("scale"), ..acme.clone() });
    assert_costs(&unknown_tier, CostStatus::Estimated, cost.usd.unwrap());

    let sound = Usage { input_modality: Modality { audio: Some(1), ..Modality::default() }, ..usage.clone() };
    let spoken = prices.price(&PriceQuery { usage: &sound, ..acme.clone() });
    assert_costs(&spoken, CostStatus::Estimated, cost.usd.unwrap());

    let later = PriceQuery { at: UNIX_EPOCH + Duration::from_secs(FEBRUARY_2027), ..acme };
    assert_costs(&prices.price(&later), CostStatus::Exact, 2.0 + 8.0);

    assert_costs(&prices.price(&query("x", "llm.example.com", "gpt-4o", &usage)), CostStatus::Exact, 5.0);
    assert_costs(&prices.price(&query("my-gateway", "h", "claude-9", &usage)), CostStatus::Exact, 14.4);
    assert_costs(&prices.price(&query("ollama", "localhost", "llama3", &usage)), CostStatus::Free, 0.0);
    assert_costs(&prices.price(&query("x", "h", "nobody-knows", &usage)), CostStatus::Estimated, 20.0);
}

#[test]
fn an_alias_stands_for_its_model_in_both_tables() {
    let mut usage = usage();
    (usage.cache_read_tokens, usage.cache_write_tokens) = (None, None);
    let bundled = example().price(&query("openai", "api.openai.com", "prod-chat", &usage));
    assert_costs(&bundled, CostStatus::Exact, 2.5 + 10.0);

    let own = PriceTable::from_toml(
        "aliases.deployment = 'acme'\nprice = [{ model = 'acme', input = 1.0, output = 2.0 }]",
    )
    .unwrap();
    assert_costs(&own.price(&query("x", "h", "Deployment", &usage)), CostStatus::Exact, 3.0);
}

#[test]
fn the_own_table_goes_before_the_bundled_one() {
    let usage = usage();
    let own = PriceTable::from_toml("price = [{ model = 'gpt-4o', input = 1, output = 1 }]").unwrap();
    let answered = PriceQuery {
        response_model: Some("gpt-4o-2024-08-06"),
        ..query("openai", "api.openai.com", "gpt-4o", &usage)
    };
    assert_costs(&own.price(&answered), CostStatus::Exact, 2.0);
}

#[test]
fn the_most_specific_entry_wins_in_any_order() {
    let usage = usage();
    let entries = [
        "{ model = '*', input = 1, output = 0 }",
        "{ model = 'ac*', input = 2, output = 0 }",
        "{ model = 'acme*', input = 3, output = 0 }",
        "{ model = 'acme*', provider = 'p', input = 4, output = 0 }",
        "{ model = 'acme*', host = 'h', input = 5, output = 0 }",
        "{ model = 'acme', input = 6, output = 0 }",
        "{ model = 'acme', from = 2026-10-31, input = 7, output = 0 }",
        "{ model = 'acme', from = 2026-11-01, input = 8, output = 0 }",
        "{ model = 'acme', from = 2026-11-02, input = 9, output = 0 }",
    ];
    let mut backwards = entries;
    backwards.reverse();
    for entries in [entries, backwards] {
        let prices = PriceTable::from_toml(&format!("price = [{}]", entries.join(","))).unwrap();
        for (provider, host, model, usd) in [
            ("x", "x", "other", 1.0),
            ("x", "x", "actor", 2.0),
            ("x", "x", "acme-2", 3.0),
            ("P", "x", "acme-2", 4.0),
            ("p", "H", "acme-2", 5.0),
            ("p", "h", "acme", 8.0),
        ] {
            assert_costs(&prices.price(&query(provider, host, model, &usage)), CostStatus::Exact, usd);
        }
    }
}

#[test]
fn knows_whole_names_and_aliases_only() {
    let prices = example();
    assert!(prices.knows("x", "ACME-large") && prices.knows("x", "prod-chat"));
    assert!(!prices.knows("x", "gpt-") && !prices.knows("x", "claude-anything") && !prices.knows("x", ""));
}

#[test]
fn another_text_is_another_revision() {
    let usage = usage();
    let source = |text| PriceTable::from_toml(text).unwrap().price(&query("x", "h", "m", &usage)).source;
    let (one, other) = (
        "price = [{ model = 'm', input = 1, output = 1 }]",
        "price = [{ model = 'm', input = 2, output = 1 }]",
    );
    assert_eq!(source(one), source(one));
    assert_ne!(source(one), source(other));
}

#[test]
fn says_which_line_and_key_is_wrong_and_what_to_write() {
    for (text, message) in [
        (
            "[[price]]\nmodel = 'm'\ninput = 1",
            "prices.toml:1: price: `output` is missing; give USD per million tokens (0 if they cost nothing)",
        ),
        (
            "[[price]]\nmodel = 'm'\ninput = -1\noutput = 1",
            "prices.toml:3: input: -1 is no price; give USD per million tokens, 0 or more",
        ),
        (
            "[[price]]\nmodel = 'm'\ninput = nan\noutput = 1",
            "prices.toml:3: input: NaN is no price; give USD per million tokens, 0 or more",
        ),
        (
            "[[price]]\nmodel = 'a*b'\nfree = true",
            "prices.toml:2: model: a star is allowed only at the end of a name",
        ),
        (
            "[[price]]\nmodel = ' '\nfree = true",
            "prices.toml:2: model: the name is empty; give one or remove the key",
        ),
        (
            "[[price]]\nmodel = 'm'\nfree = true\noutput = 1",
            "prices.toml:4: output: the entry is free; remove the price or `free = true`",
        ),
        (
            "[[price]]\nmodel = 'm'\nfree = true\ntiers.flex.input = 1",
            "prices.toml:1: tiers: the entry is free; remove the tiers or `free = true`",
        ),
        (
            "[[price]]\nmodel = 'm'\nfrom = 2026-01-01T00:00:00Z\nfree = true",
            "prices.toml:3: from: a date alone is wanted, such as 2026-01-31",
        ),
        (
            "[[price]]\nmodel = 'm'\ninput = 1\noutput = 1\n[price.tiers.flex]\ninput = -2",
            "prices.toml:6: input: -2 is no price; give USD per million tokens, 0 or more",
        ),
        (
            "[[price]]\nmodel = 'm'\nfree = true\n[[price]]\nmodel = 'M'\nfree = true",
            "prices.toml:4: price: the same model, provider, host and date are already at line 1; remove one",
        ),
        ("\n[aliases]\nx = ''", "prices.toml:3: aliases: the name is empty; give one or remove the key"),
        (
            "[default]\ninput = 1",
            "prices.toml:1: default: `output` is missing; give USD per million tokens (0 if they cost nothing)",
        ),
    ] {
        assert_eq!(PriceTable::from_toml(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn names_the_place_of_what_is_not_understood() {
    for (text, line, part) in [
        ("[[price]]\nmodel = 'm'\ninptu = 1", 3, "inptu"),
        ("[[price]]\nmodel = 'm'\ninput = 'cheap'\noutput = 1", 3, "expected f64"),
        ("[[price]]\ninput = 1", 1, "model"),
        ("[[price]\n", 1, "prices.example.toml shows every key"),
        ("[prices]\n", 1, "prices"),
    ] {
        let PriceError::Invalid { line: found, reason, .. } = PriceTable::from_toml(text).unwrap_err() else {
            panic!("{text} is readable");
        };
        assert_eq!(found, line, "{text}: {reason}");
        assert!(reason.contains(part) && !reason.contains('\n'), "{text}: {reason}");
    }
}

#[test]
fn names_a_file_that_cannot_be_read() {
    let error = PriceTable::from_file("no/such/prices.toml").unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot read the price table no/such/prices.toml: "), "{text}");
}

#[test]
fn a_host_costs_a_multiple_of_the_list_price() {
    let text =
        "[hosts]\n'EU.openai.azure.com' = 1.1\n'gateway.internal' = 0.5\n'global.openai.azure.com' = 1";
    let prices = PriceTable::from_toml(text).unwrap();
    let tokens = Usage { input_tokens: Some(1_000_000), output_tokens: Some(0), ..Usage::default() };
    let price = |provider: &'static str, host: &'static str, model: &'static str| {
        let cost = prices.price(&PriceQuery {
            provider,
            server_address: Some(host),
            response_model: Some(model),
            request_model: None,
            service_tier: None,
            requested_service_tier: None,
            usage: &tokens,
            usage_source: UsageSource::Provider,
            billing: Billing::NONE,
            at: UNIX_EPOCH + Duration::from_secs(NOVEMBER_2026),
        });
        (cost.status, cost.usd.map(|usd| (usd * 1000.0).round() / 1000.0), cost.source)
    };
    let (status, usd, source) = price("azure.ai.openai", "eu.openai.azure.com", "gpt-4o");
    assert_eq!((status, usd), (CostStatus::Exact, Some(2.75)));
    assert!(
        source.as_deref().is_some_and(|source| source.starts_with("genai-prices/0.2.1+prices.toml/")),
        "{source:?}"
    );
    assert_eq!(price("azure.ai.openai", "global.openai.azure.com", "gpt-4o").1, Some(2.5));
    // Elsewhere nothing tells a deployment's kind.
    let (status, usd, source) = price("azure.ai.openai", "other.openai.azure.com", "gpt-4o");
    assert_eq!((status, usd), (CostStatus::Estimated, Some(2.5)));
    assert_eq!(source.as_deref(), Some("genai-prices/0.2.1"));
    // A gateway on a private host, whose models are priced because the host is named.
    let (status, usd, _) = price("gateway.internal", "gateway.internal", "claude-opus-5");
    assert_eq!((status, usd), (CostStatus::Exact, Some(2.5)));
    assert_eq!(price("other.internal", "other.internal", "claude-opus-5").0, CostStatus::Unpriced);
}

#[test]
fn a_multiple_is_a_number_above_zero() {
    for multiple in ["0", "-1", "101", "nan", "inf"] {
        let error = PriceTable::from_toml(&format!("[hosts]\n'a.example.com' = {multiple}")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("prices.toml:2: hosts: a multiple of the list price is above 0"), "{text}");
    }
}
