//! `spanledger prices`: the price of a model with its source, and the models that have none.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use spanledger::{Billing, Cost, CostStatus, PriceQuery, PriceTable, Usage, UsageSource};

use super::format::Format;
use super::{Failure, values, write_all};
use crate::record::Timestamp;
use crate::store::{Dimension, Filter, Querier};
use crate::text::number::{count, or_dash};
use crate::text::table::{Align, Table};
use crate::text::terminal::{Terminal, harmless};
use crate::text::time::WindowArgs;

/// Names that are searched; the ones with the most calls.
const MOST_MODELS: usize = 1000;
/// Prices are shown for a million tokens, but computed for a thousand: models that charge more for long prompts
/// would otherwise show that higher price.
const ASKED: u64 = 1000;
const SHOWN_PER_ASKED: f64 = 1000.0;

/// Prices of one model, or the models without a price that the ledger has seen.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger prices gpt-4o-mini    USD per million tokens, with the price table
  spanledger prices claude-sonnet-4-5 --provider anthropic
  spanledger prices google/gemini-2.5-pro --provider gcp.vertex_ai --explain
  spanledger prices --last 30d     models without a price in the ledger, most calls first

Exit status: 0 success, 2 on error, including when no price is known for the model.")]
pub struct Args {
    /// The model. Without it, the models in the ledger that have no price are listed.
    model: Option<String>,
    /// Its provider, as in `gen_ai.provider.name`, where several providers sell the model [default: any].
    #[arg(long, requires = "model")]
    provider: Option<String>,
    /// The host that is called, which tells a provider, or a model server of one's own [default: none].
    #[arg(long, requires = "model", value_parser = values::host)]
    host: Option<String>,
    /// Prints each step of the lookup instead of the price.
    #[arg(long, requires = "model")]
    explain: bool,
    /// The service tier, such as `flex` or `batch` [default: the standard one].
    #[arg(long, requires = "model")]
    tier: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    window: WindowArgs,
}

/// What a million tokens of one kind cost.
#[derive(Debug, Serialize)]
struct Rate {
    tokens: &'static str,
    usd_per_million: Option<f64>,
    status: &'static str,
    price_source: Option<String>,
}

/// A model that was called and has no price.
#[derive(Debug, Serialize)]
struct Unpriced {
    model: String,
    calls: u64,
    unpriced_calls: u64,
    input_tokens: u64,
    output_tokens: u64,
    /// Whether a table has a price of this name now. Calls to private hosts may need more than the name.
    priced_now: bool,
}

/// Opens the ledger; only the list of models needs it.
pub type OpenQuerier<'a> = dyn Fn() -> Result<Arc<dyn Querier>, Failure> + 'a;

/// Writes the prices to `out`. `own` is the file before the bundled prices.
///
/// # Errors
/// `Failure` when the ledger cannot answer, or no price is known for the model.
pub fn run(
    args: &Args,
    prices: &PriceTable,
    own: Option<&Path>,
    open: &OpenQuerier<'_>,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Some(model) = &args.model else {
        let models = unpriced(open()?.as_ref(), args, prices, now)?;
        let text = match args.format {
            Format::Text => unpriced_text(models.as_deref(), terminal),
            Format::Json => pretty(&serde_json::json!({ "unpriced": models.unwrap_or_default() }))?,
        };
        return write_all(out, &text);
    };
    if args.explain {
        let steps = steps(args, model, prices, now);
        let text = match args.format {
            Format::Text => steps.iter().map(|step| harmless(step) + "\n").collect(),
            Format::Json => pretty(&serde_json::json!({ "model": model, "steps": steps }))?,
        };
        return write_all(out, &text);
    }
    let rates = rates(args, model, prices, now);
    let known = rates.iter().any(|rate| rate.usd_per_million.is_some());
    match args.format {
        Format::Text if known => write_all(out, &rates_text(args, model, &rates, terminal))?,
        Format::Text => {}
        Format::Json => {
            let rates = serde_json::json!({ "model": model, "provider": args.provider, "rates": rates });
            write_all(out, &pretty(&rates)?)?;
        }
    }
    if known { Ok(()) } else { Err(no_price(args, model, own)) }
}

/// Names the tables that were searched, and what to do.
fn no_price(args: &Args, model: &str, own: Option<&Path>) -> Failure {
    let provider =
        args.provider.as_deref().map_or_else(String::new, |name| format!(" of {}", harmless(name)));
    let (searched, remedy) = match own {
        Some(path) => (format!("{} and the bundled genai-prices", path.display()), "there".to_owned()),
        None => (
            "the bundled genai-prices".to_owned(),
            "to a prices.toml and set prices.file in the configuration to that file".to_owned(),
        ),
    };
    Failure(format!(
        "no price is known for \"{}\"{provider} (searched: {searched}); check the name, or add a [[price]] {remedy}",
        harmless(model)
    ))
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// What the options ask the price of.
fn query<'a>(
    args: &'a Args,
    model: &'a str,
    usage: &'a Usage,
    billing: &'a Billing,
    now: Timestamp,
) -> PriceQuery<'a> {
    PriceQuery {
        provider: args.provider.as_deref().unwrap_or_default(),
        server_address: args.host.as_deref(),
        response_model: None,
        request_model: Some(model),
        service_tier: args.tier.as_deref(),
        requested_service_tier: None,
        usage,
        usage_source: UsageSource::Provider,
        billing,
        at: SystemTime::UNIX_EPOCH + Duration::from_nanos(now.0.unsigned_abs()),
    }
}

/// The steps in which a price is found, numbered.
fn steps(args: &Args, model: &str, prices: &PriceTable, now: Timestamp) -> Vec<String> {
    let usage = Usage { input_tokens: Some(ASKED), output_tokens: Some(ASKED), ..Usage::default() };
    let steps = prices.explain(&query(args, model, &usage, Billing::NONE, now));
    steps.iter().enumerate().map(|(index, step)| format!("{}. {step}", index + 1)).collect()
}

fn rates(args: &Args, model: &str, prices: &PriceTable, now: Timestamp) -> Vec<Rate> {
    let hour = Billing::parse([format!("cache_write_1h={ASKED}")]);
    let price = |(usage, billing): (Usage, &Billing)| -> Cost {
        prices.price(&query(args, model, &usage, billing, now))
    };
    let asked = Some(ASKED);
    let input = Usage { input_tokens: asked, output_tokens: Some(0), ..Usage::default() };
    let kinds = [
        ("input", (input.clone(), Billing::NONE)),
        ("cache read", (Usage { cache_read_tokens: asked, ..input.clone() }, Billing::NONE)),
        ("cache write", (Usage { cache_write_tokens: asked, ..input.clone() }, Billing::NONE)),
        ("cache write, 1 h", (Usage { cache_write_tokens: asked, ..input }, &hour)),
        (
            "output",
            (Usage { input_tokens: Some(0), output_tokens: asked, ..Usage::default() }, Billing::NONE),
        ),
    ];
    let rate = |(tokens, usage)| {
        let cost = price(usage);
        Rate {
            tokens,
            usd_per_million: cost.usd.map(|usd| usd * SHOWN_PER_ASKED),
            status: cost.status.as_str(),
            price_source: cost.source.map(|source| source.to_string()),
        }
    };
    kinds.map(rate).into()
}

fn rates_text(args: &Args, model: &str, rates: &[Rate], terminal: Terminal) -> String {
    let mut table = Table::new(
        3,
        &[
            ("TOKENS", Align::Left),
            ("USD/MILLION", Align::Right),
            ("STATUS", Align::Left),
            ("TABLE", Align::Left),
        ],
    );
    for rate in rates {
        let usd = or_dash(rate.usd_per_million, |usd| format!("{usd:.4}"));
        let source = rate.price_source.clone().unwrap_or_default();
        table.push(vec![rate.tokens.to_owned(), usd, rate.status.to_owned(), source]);
    }
    let mut text = format!("{}\n", harmless(model));
    table.write(&mut text, terminal, 0);
    let estimated = rates.iter().any(|rate| rate.status == CostStatus::Estimated.as_str());
    if estimated && args.provider.is_none() && args.host.is_none() {
        text.push_str(
            "\nestimated: by the name of the model alone; --provider or --host names where it is called\n",
        );
    }
    text
}

/// Models of the time without a price; `None` where no call ended in it.
fn unpriced(
    querier: &dyn Querier,
    args: &Args,
    prices: &PriceTable,
    now: Timestamp,
) -> Result<Option<Vec<Unpriced>>, Failure> {
    let window = args.window.window(now)?;
    let groups = querier.breakdown(window, &Filter::default(), Dimension::Model, MOST_MODELS)?;
    if groups.is_empty() {
        return Ok(None);
    }
    let models = groups.into_iter().filter(|group| group.totals.unpriced > 0).map(|group| Unpriced {
        priced_now: prices.knows("", &group.name),
        calls: group.totals.calls,
        unpriced_calls: group.totals.unpriced,
        input_tokens: group.totals.input_tokens,
        output_tokens: group.totals.output_tokens,
        model: group.name,
    });
    Ok(Some(models.collect()))
}

fn unpriced_text(models: Option<&[Unpriced]>, terminal: Terminal) -> String {
    let Some(models) = models else { return "no call ended in this time\n".to_owned() };
    if models.is_empty() {
        return "every call with usage has a price\n".to_owned();
    }
    let mut columns = vec![
        ("MODEL WITHOUT A PRICE", Align::Left),
        ("CALLS", Align::Right),
        ("INPUT TOKENS", Align::Right),
        ("OUTPUT TOKENS", Align::Right),
    ];
    let some_now = models.iter().any(|model| model.priced_now);
    if some_now {
        columns.push(("NOW", Align::Left));
    }
    let mut table = Table::new(0, &columns);
    for model in models {
        let now = if model.priced_now { "in the table" } else { "" };
        let mut cells = vec![
            harmless(&model.model),
            count(model.unpriced_calls),
            count(model.input_tokens),
            count(model.output_tokens),
        ];
        cells.extend(some_now.then(|| now.to_owned()));
        table.push(cells);
    }
    let mut text = String::new();
    table.write(&mut text, terminal, 0);
    if some_now {
        text.push_str(
            "\nin the table: new calls have a price, but for those to hosts of one's own, which the name of a model does not price\n\
             (`spanledger prices MODEL --explain --host HOST` prints why)\n",
        );
    }
    text
}

#[cfg(test)]
mod tests;
