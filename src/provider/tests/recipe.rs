//! The checklist of CONTRIBUTING.md for a wire format, over the list of formats: each has a fuzz target and a row in
//! `docs/request-hash.md`. `tests/all/recipe.rs` compares the rows with the fixtures.

use std::collections::BTreeMap;
use std::fs;

use super::*;

fn file(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Family and place in its list of the format that takes a request.
fn format_of(url: &str) -> (usize, usize) {
    let url = url.parse().unwrap();
    let target = Target::new(&url, host_provider).unwrap();
    let mut formats = formats();
    formats
        .find_map(|(place, recognise)| recognise(&target).map(|_| place))
        .unwrap_or_else(|| panic!("{url}"))
}

type Recognise = fn(&Target<'_>) -> Option<Recognised>;

fn formats() -> impl Iterator<Item = ((usize, usize), Recognise)> {
    FAMILIES.iter().enumerate().flat_map(|(family, of)| {
        of.formats.iter().enumerate().map(move |(format, recognise)| ((family, format), *recognise))
    })
}

/// Fails for a format that none of `urls` belongs to.
fn assert_complete(urls: &BTreeMap<String, String>, what: &str) {
    let known: Vec<_> = urls.values().map(|url| format_of(url)).collect();
    for (place @ (family, format), _) in formats() {
        assert!(
            known.contains(&place),
            "format {format} of FAMILIES[{family}] has no {what}, only {urls:#?}"
        );
    }
}

#[test]
fn every_format_has_a_fuzz_target() {
    let manifest = file("fuzz/Cargo.toml");
    let mut urls = BTreeMap::new();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let source = file(&format!("fuzz/fuzz_targets/{name}"));
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}\"")),
            "fuzz/Cargo.toml names {name}"
        );
        // One URL, or a list of them.
        let addresses = source.split('"').filter(|text| text.starts_with("http"));
        urls.extend(addresses.map(|url| (format!("{name} {url}"), url.to_owned())));
    }
    assert_complete(&urls, "fuzz target");
}

#[test]
fn every_format_has_a_row_for_what_its_hash_leaves_out() {
    let page = file("docs/request-hash.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `http")?.strip_suffix(" |"));
    let mut urls = BTreeMap::new();
    for row in rows {
        let (url, members) = row.split_once("` | ").unwrap();
        let url = format!("http{url}");
        let fields = of(&url).unwrap().format.fields_not_hashed();
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        assert_eq!(members, fields.join(", "), "{url}");
        urls.insert(url.clone(), url);
    }
    assert_complete(&urls, "row in docs/request-hash.md");
}
