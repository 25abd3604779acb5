//! Queries that would take much memory or time, to the parts of Prometheus' and Tempo's APIs and to the pages.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use prost::Message;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::limits::peak_kilobytes;
use super::process::{Server, call, pair, request, text};

/// What one query may take on top of an idle server, in KiB.
const MOST_KILOBYTES: u64 = 64 * 1024;
/// Far more than one may take on a machine that does nothing else; the bound on reading the ledger is 20 s.
const LONGEST: Duration = Duration::from_secs(60);

/// The status of a GET, whose target is percent-encoded here, or of a POST of the same as a form.
fn ask(address: SocketAddr, path: &str, parameters: &[(&str, &str)], post: bool) -> u16 {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            match byte.is_ascii_alphanumeric() {
                true => out.push(byte.into()),
                false => write!(out, "%{byte:02X}").unwrap(),
            }
            out
        })
    };
    let encoded: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let (form, rest) = (encoded.join("&"), format!("HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n"));
    let mut stream = TcpStream::connect(address).unwrap();
    match post {
        true => write!(
            stream,
            "POST {path} {rest}content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        ),
        false => write!(stream, "GET {path}?{form} {rest}\r\n"),
    }
    .unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    let mut rest = [0; 1 << 16];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
    String::from_utf8_lossy(&status[9..]).parse().unwrap()
}

/// Three thousand calls of the last two hours: 200 services, each with models and users of its own, half of them in one trace.
async fn filled() -> Server {
    let server = Server::start(&[]);
    for service in 0..200_u64 {
        let spans = (0..15_u64).map(|number| {
            let number = service * 15 + number;
            let mut span = call(number);
            let earlier = number * 2_000_000_000;
            span.start_time_unix_nano -= earlier + 3_000_000_000;
            span.end_time_unix_nano -= earlier;
            if number.is_multiple_of(2) {
                span.trace_id = vec![7; 16];
            }
            span.attributes.push(pair("user.id", text(&format!("user {number}"))));
            span.attributes.push(pair("gen_ai.response.model", text(&format!("model {service}"))));
            span
        });
        let mut request = request(spans.collect());
        let resource = request.resource_spans[0].resource.as_mut().unwrap();
        resource.attributes[0] = pair("service.name", text(&format!("service {service}")));
        let post =
            reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
        assert_eq!(post.body(request.encode_to_vec()).send().await.unwrap().status(), StatusCode::OK);
    }
    server
}

/// Name, path and parameters of a query.
type Query = (&'static str, &'static str, Vec<(&'static str, String)>);

fn bombs() -> Vec<Query> {
    let now = spanledger_companion::bench::now().0 / 1_000_000_000;
    let range = |query: String, step: &str, count: i64| {
        let step_seconds: i64 = step.parse().unwrap();
        vec![
            ("query", query),
            ("start", (now - count * step_seconds).to_string()),
            ("end", now.to_string()),
            ("step", step.to_owned()),
        ]
    };
    let (series, prometheus) = ("/api/v1/query_range", "/api/v1/query");
    let (tempo, over_time) = ("/api/search", "/api/metrics/query_range");
    let all = r#"{__name__=~".+"}"#;
    // Right-nested: each left side is held while the right one is computed.
    let nested =
        |of: &str, times: usize| format!("{}{of}{}", format!("{of} + (").repeat(times), ")".repeat(times));
    let matchers = |count: usize| {
        (0..count).fold(String::new(), |all, number| format!(r#"{all}l{number}=~"\\w{{140}}","#))
    };
    let instant = |query: String| vec![("query", query)];
    let search = |query: String| vec![("q", query), ("limit", "1000".into()), ("spss", "100".into())];
    vec![
        ("every series at 11,000 times", series, range(all.into(), "1", 10_999)),
        ("every series, a day at 8 s", series, range(all.into(), "8", 10_800)),
        (
            "half of the series, nested",
            series,
            range(nested("gen_ai_client_inference_duration_seconds_count", 90), "60", 120),
        ),
        (
            "sums of sums",
            series,
            range(nested("sum by (service_name) (gen_ai_client_inference_usage_input_tokens_total)", 90), "2", 5_000),
        ),
        ("a response as large as they come", series, range("spanledger_client_calls_total".into(), "1", 4_500)),
        ("the same, added twice", series, {
            let twice = "(spanledger_client_calls_total + spanledger_client_calls_total)";
            range(format!("{twice} + {twice}"), "2", 3_500)
        }),
        (
            "every bucket at 1,000 times",
            series,
            range("gen_ai_client_inference_duration_seconds_bucket".into(), "8", 1_000),
        ),
        ("every bucket at once", prometheus, instant("gen_ai_client_inference_duration_seconds_bucket".into())),
        ("the labels of all series", "/api/v1/series", vec![("match[]", all.into())]),
        ("a wide tree", prometheus, instant(format!("{all}{}", format!(" or {all}").repeat(90)))),
        (
            "buckets of all",
            series,
            range(r#"sum by (le, service_name) (rate({__name__=~".*_bucket"}[5m]))"#.into(), "2", 5_000),
        ),
        ("the largest patterns", prometheus, instant(format!("{{{}}}", matchers(1_500)))),
        (
            "a pattern in label_replace",
            prometheus,
            instant(r#"label_replace(vector(1), "a", "$1", "b", "(\\w{180})")"#.into()),
        ),
        (
            "patterns of TraceQL",
            tempo,
            search(format!("{{ {} }}", vec![r#"name =~ "\\w{140}""#; 450].join(" || "))),
        ),
        ("many sets", tempo, search(vec!["{}"; 600].join(" && "))),
        ("many stages", tempo, search(format!("{{}}{}", " | avg(duration) > 0".repeat(200)))),
        (
            "every attribute of every span",
            tempo,
            search(
                "{} | select(span.user.id, span.gen_ai.request.model, \
            span.gen_ai.response.model, span.gen_ai.provider.name, span.gen_ai.operation.name, \
            span.gen_ai.usage.input_tokens, span.gen_ai.usage.output_tokens, resource.service.name)"
                    .into(),
            ),
        ),
        ("a series per call", over_time, {
            let mut parameters =
                range("{} | rate() by (resource.service.name, span.user.id)".into(), "1", 10_999);
            parameters[0].0 = "q";
            parameters
        }),
        ("a quantile a thousand times", over_time, {
            let shares = (0..900).fold(String::new(), |all, share| format!("{all}, 0.{share:03}"));
            let mut parameters = range(
                format!("{{}} | quantile_over_time(duration{shares}) by (resource.service.name)"),
                "1",
                10_999,
            );
            parameters[0].0 = "q";
            parameters
        }),
        ("times at both ends", series, vec![
            ("query", "rate(spanledger_receiver_spans_total[9000y] offset 9000y)".into()),
            ("start", "-8999999999".into()),
            ("end", "8999999999".into()),
            ("step", "8999999999".into()),
        ]),
        ("the first time", prometheus, vec![
            ("query", "increase(spanledger_receiver_spans_total[9000y] offset 9000y) + gen_ai_client_inference_usage_input_tokens_total".into()),
            ("time", "-8999999999".into()),
        ]),
        ("all of time in TraceQL", over_time, vec![
            ("q", "{} | rate()".into()),
            ("start", i64::MIN.to_string()),
            ("end", i64::MAX.to_string()),
            ("step", "2000000h".into()),
        ]),
        ("all of time at once", "/api/metrics/query", vec![
            ("q", "{} | count_over_time()".into()),
            ("start", i64::MIN.to_string()),
            ("end", i64::MAX.to_string()),
        ]),
        ("a trace of half the calls", "/api/traces/07070707070707070707070707070707", Vec::new()),
        ("a large page", "/calls", vec![("limit", "1000000000".into()), ("from", "1970-01-01".into())]),
        ("all days", "/daily", vec![("from", "1970-01-01".into()), ("to", "9999-12-31".into())]),
        (
            "the report of all time in seconds",
            "/report.json",
            vec![("from", "1970-01-01".into()), ("to", "9999-12-31".into())],
        ),
    ]
}

#[tokio::test]
async fn no_query_takes_much_memory_or_time_and_health_and_metrics_answer_meanwhile() {
    let server = filled().await;
    for (name, path, parameters) in bombs() {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let before = peak_kilobytes(&server);
        let (address, began) = (server.admin, Instant::now());
        let post = path.starts_with("/api/v1/");
        let (status, slowest) = std::thread::scope(|scope| {
            let asked = scope.spawn(|| ask(address, path, &parameters, post));
            let mut slowest = Duration::ZERO;
            while !asked.is_finished() {
                let began = Instant::now();
                assert_eq!((server.get("/healthz").0, server.get("/metrics").0), (200, 200), "{name}");
                slowest = slowest.max(began.elapsed());
            }
            (asked.join().unwrap(), slowest)
        });
        // The kernel adds up the pages of threads with a delay, so the peak can be read a little lower than before.
        let (took, grown) = (began.elapsed(), peak_kilobytes(&server).saturating_sub(before));
        eprintln!("{name}: {status}, {took:?}, health and metrics within {slowest:?}, {grown} kB");
        assert!([200, 400, 414, 422, 431].contains(&status), "{name}: {status}");
        assert!(took < LONGEST, "{name}: {took:?}");
        assert!(grown < MOST_KILOBYTES, "{name}: {grown} kB");
    }
}
