use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn explained(prices: &PriceTable, arguments: &[&str]) -> String {
    let command = Command::try_parse_from([&["prices"], arguments].concat()).unwrap();
    let now = Timestamp(1_793_491_200_000_000_000);
    let mut out = Vec::new();
    let open = || -> Result<Arc<dyn Querier>, Failure> { unreachable!("no ledger is needed") };
    run(&command.args, prices, None, &open, now, Terminal { colour: false, columns: 80 }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn nothing_to_judge_is_no_good_result() {
    use crate::report::tests::fixture::{NOW, calls, ledger};
    let listed = |calls: &[crate::record::CallRecord]| {
        let querier: Arc<dyn Querier> = Arc::new(ledger(calls));
        let command = Command::try_parse_from(["prices"]).unwrap();
        let mut out = Vec::new();
        let (prices, terminal) = (PriceTable::bundled(), Terminal { colour: false, columns: 80 });
        run(&command.args, &prices, None, &|| Ok(querier.clone()), NOW, terminal, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(listed(&[]), "no call ended in this time\n");
    let priced: Vec<_> = calls().into_iter().filter(|call| call.cost.is_some()).collect();
    assert_eq!(listed(&priced), "every call with usage has a price\n");
    // Without a model that has a price now there is no column for it.
    let unpriced = listed(&calls());
    assert!(unpriced.contains("MODEL WITHOUT A PRICE") && !unpriced.contains("NOW"), "{unpriced}");
}

#[test]
fn explains_each_step_of_a_lookup_up_to_the_one_that_finds_a_price() {
    let bundled = PriceTable::bundled();
    let vertex = ["google/gemini-2.5-pro", "--provider", "gcp.vertex_ai", "--explain"];
    assert_eq!(
        explained(&bundled, &vertex),
        "1. genai-prices: request model `google/gemini-2.5-pro` (as written), list of google: no entry\n\
         2. genai-prices: request model `gemini-2.5-pro` (without the maker), list of google: found as `gemini-2.5-pro`\n"
    );
    let own = PriceTable::from_toml(
        "aliases.prod = 'gpt-4o'\nprice = [{ model = 'acme', input = 1.0, output = 2.0 }]",
    )
    .unwrap();
    assert_eq!(explained(&own, &["acme", "--explain"]), "1. prices.toml: request model `acme`: found\n");
    let alias = explained(&own, &["prod", "--provider", "openai", "--explain"]);
    assert!(
        alias.contains("`prod` is an alias of `gpt-4o`") && alias.contains("found as `gpt-4o`"),
        "{alias}"
    );
    let host = ["gpt-4o", "--host", "10.0.0.7", "--explain"];
    assert_eq!(
        explained(&bundled, &host),
        "1. genai-prices: the model runs on a host of one's own, and is not looked for by its name alone\n\
         2. no table has a price\n"
    );
    let router = ["meta-llama/Llama-3.3-70B-Instruct:together", "--provider", "huggingface", "--explain"];
    assert!(explained(&bundled, &router).contains("(behind the router), list of huggingface_together"));
    let host = ["gpt-4o", "--host", "api.openai.com", "--explain"];
    assert!(explained(&bundled, &host).contains("list of openai: found as `gpt-4o`"));
    let unknown = explained(&bundled, &["no-such-model", "--explain"]);
    assert!(unknown.ends_with("no table has a price\n"), "{unknown}");
}

#[test]
fn says_why_a_price_is_an_estimate() {
    let bundled = PriceTable::bundled();
    let by_name = explained(&bundled, &["gpt-4o-mini"]);
    assert!(by_name.ends_with("--provider or --host names where it is called\n"), "{by_name}");
    let of_provider = explained(&bundled, &["gpt-4o-mini", "--provider", "openai"]);
    assert!(!of_provider.contains("by the name of the model alone"), "{of_provider}");
}
