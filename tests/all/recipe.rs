//! The checklist of CONTRIBUTING.md for a wire format: each has a whole response, an error and, where the API streams,
//! a stream and an error within it. That `docs/request-hash.md` has a row for every format is a test of the library's.

use crate::endpoints;
use crate::support::wire;

/// Whether a URL is one of those a row is about; the row has `MODEL` for any model.
fn matches(row: &str, url: &str) -> bool {
    match row.split_once("MODEL") {
        Some((before, after)) => url.starts_with(before) && url.ends_with(after),
        None => url == row,
    }
}

#[test]
fn every_format_has_an_exchange() {
    let page = include_str!("../../docs/request-hash.md");
    let exchanges = wire::all();
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(url, _)| url));
    let mut compared = 0;
    for row in rows.filter(|row| row.starts_with("http")) {
        let found = exchanges.iter().any(|exchange| exchange.urls.iter().any(|url| matches(row, url)))
            || endpoints::urls().iter().any(|url| url.split('?').next() == Some(row));
        assert!(found, "tests/all/support/wire and tests/fixtures/endpoints.json have no exchange of {row}");
        compared += 1;
    }
    assert!(compared > 0, "the page has a row per format");
}

#[test]
fn every_exchange_is_complete() {
    for exchange in wire::all() {
        let name = exchange.name;
        assert!(exchange.answer.is_object() && exchange.error.is_object(), "{name}");
        assert_eq!(exchange.streams(), !exchange.pieces.is_empty(), "{name}");
        assert_eq!(exchange.streams(), !exchange.stream_error.is_null(), "{name}");
    }
}
