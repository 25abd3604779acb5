//! `spanledger hourly | daily | weekly | monthly`: usage and cost by period.

mod csv;
mod json;
mod table;

use std::io::Write;

use jiff::tz::TimeZone;

use super::calls::with_environment;
use super::{Failure, write_all};
use crate::periods::{calendar, usage as view};
use crate::record::{ENVIRONMENT, TagKey, Timestamp, parse_tag};
use crate::store::{Dimension, Filter, Querier};
use crate::text::terminal::Terminal;
use crate::text::time::{checked_duration, duration_seconds};

pub(crate) use calendar::Period;

/// The view with the dimensions of the command line.
mod usage {
    pub(super) use crate::periods::usage::{Figures, basis};

    pub(super) type Usage = crate::periods::usage::Usage<super::By>;
    pub(super) type OfPeriod = crate::periods::usage::OfPeriod<super::By>;
}

/// Which periods to list, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A call belongs to the period in which it ended. Weeks begin on Monday. The first and the last period may be cut by --from and --to. \
Without --from and --last the table does not begin before the first call. \
Costs are the totals of `spanledger report` over the same time; the last line names what they rest on.

Examples:
  spanledger daily
  spanledger daily --by model,user --last 7d
  spanledger monthly --by tag:team
  spanledger weekly --service checkout --json | jq '.periods[].cost_usd'
  spanledger monthly --timezone Europe/Berlin --from 2026-01-01 --csv > costs.csv")]
pub(super) struct Args {
    /// Periods up to now, such as 12h, 7d or 90d [default: 24 hours, 30 days, 12 weeks, 12 months].
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "to"], value_parser = checked_duration())]
    last: Option<String>,
    /// Start of the first period (inclusive): a date, which begins at midnight of the time zone, or RFC 3339
    /// [default: as far back as --last].
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End of the last period (exclusive) [default: now].
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Where days begin: an IANA name such as Europe/Berlin.
    #[arg(long, value_name = "NAME", default_value = "UTC", value_parser = calendar::time_zone)]
    timezone: TimeZone,
    /// Totals within each period as well, by one or more of model, user, service, environment, provider and tag:KEY, with
    /// commas between them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    by: Vec<By>,
    /// Only calls of this model.
    #[arg(long)]
    model: Option<String>,
    /// Only calls of this provider.
    #[arg(long)]
    provider: Option<String>,
    /// Only calls of this service.
    #[arg(long)]
    service: Option<String>,
    /// Only calls of this user.
    #[arg(long)]
    user: Option<String>,
    /// Only calls of services in this environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Only calls with this tag; several must all match.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<(TagKey, String)>,
    /// Only calls, all tokens and cost.
    #[arg(long)]
    compact: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: PeriodsFormat,
    /// Short for --format json.
    #[arg(long, conflicts_with_all = ["csv", "format"])]
    json: bool,
    /// Short for --format csv.
    #[arg(long, conflicts_with = "format")]
    csv: bool,
}

/// A dimension of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Model,
    User,
    Service,
    Provider,
    Tag(TagKey),
}

impl By {
    pub(super) const fn dimension(self) -> Dimension {
        match self {
            Self::Model => Dimension::Model,
            Self::User => Dimension::User,
            Self::Service => Dimension::Service,
            Self::Provider => Dimension::Provider,
            Self::Tag(key) => Dimension::Tag(key),
        }
    }
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Model => f.write_str("model"),
            Self::User => f.write_str("user"),
            Self::Service => f.write_str("service"),
            Self::Provider => f.write_str("provider"),
            Self::Tag(ENVIRONMENT) => f.write_str("environment"),
            Self::Tag(key) => write!(f, "tag:{key}"),
        }
    }
}

impl std::str::FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "model" => Ok(Self::Model),
            "user" => Ok(Self::User),
            "service" => Ok(Self::Service),
            "provider" => Ok(Self::Provider),
            "environment" => Ok(Self::Tag(ENVIRONMENT)),
            _ => match text.strip_prefix("tag:") {
                Some(key) => key.parse().map(Self::Tag),
                None => Err("expected model, user, service, environment, provider or tag:KEY".to_owned()),
            },
        }
    }
}

/// Of the commands by period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum PeriodsFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For programs; fields are added, never renamed.
    Json,
    /// For spreadsheets.
    Csv,
}

/// Writes usage and cost of each period to `out`.
///
/// # Errors
/// `Failure` when a time cannot be read, the periods are too many, the ledger cannot answer, or `out` cannot be written.
pub(super) fn run(
    args: &Args,
    period: Period,
    querier: &dyn Querier,
    now: Timestamp,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let last = args.last.as_deref().map(duration_seconds).transpose()?;
    let ends = calendar::Ends { last, from: args.from.as_deref(), to: args.to.as_deref() };
    let slots = calendar::slots(period, ends, &args.timezone, now).map_err(Failure)?;
    let filter = Filter {
        service: args.service.clone(),
        model: args.model.clone(),
        provider: args.provider.clone(),
        user: args.user.clone(),
        tags: with_environment(&args.tags, args.environment.as_ref()),
        ..Filter::default()
    };
    let by: Vec<(By, Dimension)> = args.by.iter().map(|by| (*by, by.dimension())).collect();
    let mut usage = view::gather(querier, slots, &filter, &by, now)?;
    let format = match (args.json, args.csv) {
        (true, _) => PeriodsFormat::Json,
        (_, true) => PeriodsFormat::Csv,
        _ => args.format,
    };
    let text = match format {
        PeriodsFormat::Text => {
            if args.last.is_none() && args.from.is_none() {
                usage.periods.drain(..leading(&usage.periods));
            }
            table::render(&usage, period, args.compact, terminal)
        }
        PeriodsFormat::Json => json::render(&usage, period, &args.timezone)?,
        PeriodsFormat::Csv => csv::render(&usage),
    };
    write_all(out, &text)
}

/// How many periods come before the first call; one is left in any case.
fn leading(periods: &[usage::OfPeriod]) -> usize {
    let first = periods.iter().position(|one| one.figures.totals.calls > 0);
    first.unwrap_or(periods.len().saturating_sub(1))
}

#[cfg(test)]
mod tests;
