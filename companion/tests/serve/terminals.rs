//! Names that a terminal would obey, in what every command prints.

use prost::Message;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use spanledger::semconv::attribute;

use super::process::{Server, call, pair, request, run, spanledger, text};

/// A title, a cleared screen, a colour by the one-byte form, a deleted and an overwritten character.
const HOSTILE: &str = "x\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{7f}\r\u{202e}\u{200b}y";

/// Characters that a terminal obeys.
fn obeyed(bytes: &[u8], csv: bool) -> Vec<char> {
    let text = String::from_utf8_lossy(bytes);
    // Lines of CSV end with both.
    let text = if csv { text.replace("\r\n", "\n") } else { text.into_owned() };
    let hidden = |character: &char| matches!(character, '\u{200b}' | '\u{202e}');
    let obeyed = |character: &char| character.is_control() && !matches!(character, '\n' | '\t');
    text.chars().filter(|character| obeyed(character) || hidden(character)).collect()
}

/// `text` as a string of TOML.
fn basic(text: &str) -> String {
    let escaped = |character: char| format!("\\U{:08x}", u32::from(character));
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[tokio::test]
async fn no_command_prints_what_a_terminal_obeys() {
    let server = Server::start(&[]);
    let spans = (0..5).map(|number| {
        let mut span = call(number);
        let hostile = [
            attribute::PROVIDER_NAME,
            attribute::REQUEST_MODEL,
            attribute::RESPONSE_MODEL,
            attribute::RESPONSE_ID,
            attribute::ERROR_TYPE,
            attribute::USER_ID,
            attribute::CONVERSATION_ID,
            attribute::RESPONSE_PREVIEW,
        ];
        span.attributes
            .retain(|pair| !hostile.contains(&pair.key.as_str()) && pair.key != attribute::OUTCOME);
        span.attributes.extend(hostile.map(|name| pair(name, text(&format!("{HOSTILE}{number}")))));
        span.attributes.push(pair(attribute::OUTCOME, text("failed")));
        span.name = HOSTILE.to_owned();
        span
    });
    let mut request = request(spans.collect());
    request.resource_spans[0].resource.as_mut().unwrap().attributes[0] = pair("service.name", text(HOSTILE));
    let post =
        reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, "application/x-protobuf");
    assert_eq!(post.body(request.encode_to_vec()).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(server.calls().len(), 5);

    let id = format!("{}{:016x}", "ab".repeat(8), 3);
    let matcher = format!("service=\"{HOSTILE}\"");
    let elsewhere = server.folder.path().join(HOSTILE);
    let elsewhere = elsewhere.to_str().unwrap();
    let config = server.folder.path().join("hostile.toml");
    let lines = format!("[rules.CostOverrun.services.{}]\nthreshold = 1\n", basic(HOSTILE))
        + &format!("[[notify.webhook]]\nname = {}\nurl = \"http://127.0.0.1:1/\"\n", basic(HOSTILE));
    std::fs::write(&config, lines).unwrap();
    let config = config.to_str().unwrap();
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["config", "--config", config],
        vec!["notify", "--config", config],
        vec!["notify", "--config", config, "--test", HOSTILE],
        vec!["export", "--all", elsewhere],
        vec!["call", &id],
        vec!["call", &id, "--json"],
        vec!["call", HOSTILE],
        vec!["call", "x"],
        vec!["calls"],
        vec!["calls", "--format", "csv"],
        vec!["calls", "--format", "json"],
        vec!["report"],
        vec!["report", "--format", "json"],
        vec!["report", "--format", "html"],
        vec!["check"],
        vec!["check", "--format", "json"],
        vec!["rules"],
        vec!["rules", "--format", "json"],
        vec!["verify"],
        vec!["prices"],
        vec!["backtest", "--last", "1h"],
        vec!["silence", "add", &matcher, "--for", "1h", "--comment", HOSTILE],
        vec!["silence", "list"],
        vec!["silence", "list", "--format", "json"],
        // What was given is named in errors.
        vec!["silence", "expire", HOSTILE],
        vec!["silence", "add", HOSTILE, "--for", "1h", "--comment", "x"],
        vec!["calls", "--service", HOSTILE],
        vec!["calls", "--from", HOSTILE],
        vec!["calls", "--config", HOSTILE],
        vec!["daily", "--timezone", HOSTILE],
        vec!["daily", "--by", HOSTILE],
        vec!["backup", elsewhere],
        vec!["backup", elsewhere],
        vec!["import", HOSTILE],
        vec!["recover", HOSTILE],
        vec!["verify", "--journal", HOSTILE],
        vec!["health", "--url", HOSTILE],
        vec!["serve", "--otlp-grpc", HOSTILE],
        vec!["serve", "--config", HOSTILE],
        vec![HOSTILE],
        vec!["report", "--x", HOSTILE],
    ];
    for period in ["hourly", "daily", "weekly", "monthly"] {
        commands.extend(
            ["text", "json", "csv"]
                .map(|format| vec![period, "--by", "model,user,service,provider", "--format", format]),
        );
    }
    for command in commands {
        let ledger = server.ledger();
        let ledger = (command[0] != "health" && command[0] != HOSTILE)
            .then(|| ["--ledger".as_ref(), ledger.as_os_str()]);
        let output = run(spanledger().args(&command).args(ledger.into_iter().flatten()));
        let csv = command.contains(&"csv");
        let (out, err) = (obeyed(&output.stdout, csv), obeyed(&output.stderr, false));
        assert!(out.is_empty() && err.is_empty(), "{command:?}: {out:?} {err:?}");
        assert!(!(output.stdout.is_empty() && output.stderr.is_empty()), "{command:?} printed nothing");
    }
}
