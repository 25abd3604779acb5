//! What each question reads as the ledger grows: rows and bytes from the engine's own statistics, time, and the most memory that
//! the engine's process had meanwhile. A day has at most [`OF_A_DAY`] calls, as a billion per month have; more are of more days.
//!
//! `SPANLEDGER_TEST_CALLS=1000000 cargo test -p spanledger-companion --lib clickhouse::tests::cost -- --ignored --nocapture`

use std::time::Instant;

use super::super::schema;
use super::*;
use crate::record::Window;
use crate::store::{
    Appender as _, Dimension, Filter, OverviewQuestion, Page, Querier as _, RepetitionQuestion,
};

/// A name, and what asks.
type Question<'a> = (&'a str, Box<dyn Fn() + 'a>);

/// Calls of one day: a billion per month.
const OF_A_DAY: u64 = 33_400_000;
/// The last day ends here.
pub(super) const END: Timestamp = Timestamp(1_793_577_600 * Timestamp::SECOND);
const DAY: i64 = 86_400;

/// Calls of one day, `after` those of the days before it, made within the engine: 20 services with three models and a team each, 5,000 users, one hash in 20 again.
pub(super) fn generate(database: &str, from: Timestamp, calls: u64, after: u64) -> String {
    let step = DAY * Timestamp::SECOND / i64::try_from(calls).unwrap();
    let end = format!("toInt64({} + (number - {after}) * {step})", from.0);
    let columns = [
        ("end", end.clone()),
        ("trace_id", "toFixedString(unhex(hex(MD5(toString(number)))), 16)".to_owned()),
        ("span_id", "toFixedString(reinterpretAsString(sipHash64(number)), 8)".to_owned()),
        ("version", "number".to_owned()),
        ("counted", "true".to_owned()),
        ("start", format!("{end} - length_ns")),
        ("length_ns", "toInt64(200000000 + rand(1) % 8000000000)".to_owned()),
        ("first_chunk_ns", "toInt64(100000000 + rand(2) % 900000000)".to_owned()),
        ("duration_bucket", "toUInt16(700 + rand(3) % 160)".to_owned()),
        ("first_chunk_bucket", "toUInt16(640 + rand(4) % 100)".to_owned()),
        ("service", "concat('service-', toString(rand(5) % 20))".to_owned()),
        ("provider", "if((rand(5) + rand(6) % 3) % 3 = 0, 'anthropic', 'openai')".to_owned()),
        ("model", "concat('model-', toString((rand(5) + rand(6) % 3) % 12))".to_owned()),
        ("outcome", "if(rand(7) % 50 = 0, 'failed', 'completed')".to_owned()),
        ("cost_status", "'exact'".to_owned()),
        ("error", "if(rand(7) % 50 = 0, '=rate_limited', '')".to_owned()),
        ("request_model", "model".to_owned()),
        ("response_model", "model".to_owned()),
        ("status_code", "toUInt16(if(rand(7) % 50 = 0, 429, 200))".to_owned()),
        ("user", "concat('user-', toString(rand(8) % 5000))".to_owned()),
        ("tags", "[concat('team=', toString(rand(5) % 20 % 8))]".to_owned()),
        ("request_hash", "lower(hex(MD5(toString(if(rand(10) % 20 = 0, number % 1000, number)))))".to_owned()),
        ("response_id", "concat('chatcmpl-', lower(hex(sipHash64(number))))".to_owned()),
        ("succeeded", "toUInt64(outcome = 'completed')".to_owned()),
        ("failed", "toUInt64(outcome = 'failed')".to_owned()),
        ("rate_limited", "failed".to_owned()),
        ("input_tokens", "toUInt64(rand(11) % 8000)".to_owned()),
        ("output_tokens", "toUInt64(rand(12) % 1500)".to_owned()),
        ("cost", "toInt64(rand(13) % 40000000)".to_owned()),
        (
            "rest",
            "concat('{\"parent_span_id\":[', toString(rand(14) % 256), ',1,2,3,4,5,6,', toString(rand(15) % 256), \
             '],\"origin\":0,\"operation\":\"chat\",\"stream\":true,\"finish_reasons\":[\"stop\"],\
             \"usage_source\":\"provider\",\"price_source\":\"bundled 2026-10\",\"server_address\":\
             \"api.openai.com\",\"instance\":\"', lower(hex(rand(16) % 64)), '\",\"sequence\":', toString(number), '}')"
                .to_owned(),
        ),
    ];
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<String> = columns.iter().map(|(name, of)| format!("{of} AS {name}")).collect();
    format!(
        "INSERT INTO {database}.calls ({}) SELECT {} FROM numbers({after}, {calls})",
        names.join(", "),
        values.join(", ")
    )
}

/// Drops what was answered.
fn done<T>(_: T) {}

#[test]
#[ignore = "measures; see the head of the file"]
fn what_each_question_reads() {
    let calls: u64 = std::env::var("SPANLEDGER_TEST_CALLS").map_or(100_000, |calls| calls.parse().unwrap());
    let options = Options { timeout: Duration::from_secs(3_600), rows: 1_000_000_000, ..options() };
    let _keep = engine::Database::of(&options);
    let connection = connection::Connection::new(&options).unwrap();
    schema::migrate(&connection, &options.database).unwrap();
    let began = Instant::now();
    let days = calls.div_ceil(OF_A_DAY);
    let generator = Options { memory_bytes: 6 << 30, ..options.clone() };
    let generator = connection::Connection::new(&generator).unwrap();
    // Parts that were merged go at once, since they take as much room again.
    generator
        .execute(&format!("ALTER TABLE {}.calls MODIFY SETTING old_parts_lifetime = 1", options.database))
        .unwrap();
    for day in 0..days {
        let (first, next) = (day * calls / days, (day + 1) * calls / days);
        let from = END.plus_seconds((i64::try_from(day).unwrap() - i64::try_from(days).unwrap()) * DAY);
        generator.execute(&generate(&options.database, from, next - first, first)).unwrap();
    }
    // They have landed.
    connection
        .execute(&format!("INSERT INTO {}.state VALUES ('rolled', {calls}, 1)", options.database))
        .unwrap();
    println!("{calls} calls of {days} days generated in {:.1} s", began.elapsed().as_secs_f64());
    let mut appender = ClickHouseAppender::open(&options).unwrap();
    engine::statistics();
    let mut steps = Vec::new();
    let peak = engine::peak_memory(|| {
        let mut more = true;
        while more {
            let began = Instant::now();
            more = appender.maintain(END.plus_seconds(600)).unwrap().more;
            steps.push(began.elapsed().as_secs_f64());
        }
    });
    let (rows, bytes) = engine::statistics();
    let took: f64 = steps.iter().sum();
    let longest = steps.iter().copied().fold(0.0, f64::max);
    println!(
        "| the rollups made in {} steps, the longest {longest:.1} s | {rows} | {bytes} | {:.0} | {peak} |",
        steps.len(),
        1e3 * took
    );
    #[derive(clickhouse::Row, serde::Deserialize)]
    struct Size {
        table: String,
        rows: u64,
        bytes: u64,
    }
    let sizes: Vec<Size> = connection
        .rows(&format!(
            "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts \
             WHERE active AND database = '{}' GROUP BY table ORDER BY bytes DESC",
            options.database
        ))
        .unwrap();
    for size in sizes {
        println!("| table {} | {} | {} | |", size.table, size.rows, size.bytes);
    }

    let querier = ClickHouseQuerier::open(&options).unwrap();
    let any = Filter::default();
    let service = Filter { service: Some("service-3".to_owned()), ..Filter::default() };
    let (five, hour) = (Window::last(300, END), Window::last(3_600, END));
    let day = Window::last(DAY, END);
    let ever = Window::last(i64::try_from(days).unwrap() * DAY, END);
    let by = [(Dimension::Model, 10), (Dimension::User, 10), (Dimension::Error, 10)];
    let report = OverviewQuestion { window: day, step_seconds: 3_600, by: &by, repeated: 10 };
    let each = RepetitionQuestion { by: Some(Dimension::Service), groups: 10, more_than: 3, hashes: 10 };
    let id = crate::store::CallId::new("ab12");
    let questions: Vec<Question<'_>> = vec![
        ("totals, 5 min", Box::new(|| done(querier.totals(five, &any).unwrap()))),
        ("totals of one service, 5 min", Box::new(|| done(querier.totals(five, &service).unwrap()))),
        ("by model, 5 min", Box::new(|| done(querier.breakdown(five, &any, Dimension::Model, 10).unwrap()))),
        ("by user, 5 min", Box::new(|| done(querier.breakdown(five, &any, Dimension::User, 10).unwrap()))),
        ("largest calls, 5 min", Box::new(|| done(querier.largest_calls(five, &any, 9_000, 10).unwrap()))),
        ("repeated, 5 min", Box::new(|| done(querier.repeated(five, &any, 3, 10).unwrap()))),
        ("repetition by service, 5 min", Box::new(|| done(querier.repetition(five, &any, &each).unwrap()))),
        ("latency, 1 h", Box::new(|| done(querier.latency(hour, &any).unwrap()))),
        ("cost, 1 h", Box::new(|| done(querier.totals(hour, &any).unwrap()))),
        ("served models, 1 h", Box::new(|| done(querier.served_models(hour, &any, 10).unwrap()))),
        ("keys, 1 h", Box::new(|| done(querier.key_uses(hour, 10).unwrap()))),
        ("last call", Box::new(|| done(querier.last_call(END, &service).unwrap()))),
        ("gaps, 1 h", Box::new(|| done(querier.sequence_gaps(hour, END, &any, 10).unwrap()))),
        (
            "newest 50 calls",
            Box::new(|| done(querier.calls(day, &any, Page { limit: 50, after: None }).unwrap())),
        ),
        (
            "five minutes by service, 24 h",
            Box::new(|| done(querier.five_minutes(day, &any, Some(Dimension::Service)).unwrap())),
        ),
        ("totals, 24 h", Box::new(|| done(querier.totals(day, &any).unwrap()))),
        ("series by hour, 24 h", Box::new(|| done(querier.series(day, &any, 3_600).unwrap()))),
        ("totals, all days", Box::new(|| done(querier.totals(ever, &any).unwrap()))),
        ("users, all days", Box::new(|| done(querier.breakdown(ever, &any, Dimension::User, 10).unwrap()))),
        ("report, 24 h", Box::new(|| done(querier.overview(&report).unwrap()))),
        ("an id, 24 h", Box::new(|| done(querier.accounts(day, &id, 10).unwrap()))),
    ];
    println!("| question | rows read | bytes read | ms | most MB of memory |");
    for (name, ask) in questions {
        ask();
        engine::statistics();
        let mut took = 0.0;
        let peak = engine::peak_memory(|| {
            let began = Instant::now();
            ask();
            took = 1e3 * began.elapsed().as_secs_f64();
        });
        let (rows, bytes) = engine::statistics();
        println!("| {name} | {rows} | {bytes} | {took:.0} | {peak} |");
    }
}
