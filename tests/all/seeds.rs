//! What the fuzz targets of formats begin with: the exchanges of these tests. `fuzz/run` has them written to a folder.

use std::collections::BTreeMap;
use std::path::Path;

use crate::endpoints;
use crate::support::wire;

/// The variable that names the folder.
const FOLDER: &str = "SPANLEDGER_TEST_SEEDS";

/// The target of tables, whose inputs begin with the number of a URL.
const TABLES: &str = "endpoints";

type Seeds = BTreeMap<String, Vec<Vec<u8>>>;

/// The URLs in the source of each target.
fn targets() -> BTreeMap<String, Vec<String>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let urls = |source: &str| {
        source.split('"').filter(|text| text.starts_with("http")).map(str::to_owned).collect::<Vec<_>>()
    };
    std::fs::read_dir(sources)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, urls(&std::fs::read_to_string(path).unwrap()))
        })
        .collect()
}

fn host(url: &str) -> Option<&str> {
    url.split('/').nth(2)
}

/// The number of a URL among those of the tables: the same path, else the same host, else the first.
fn number(urls: &[String], url: &str) -> u8 {
    let path = url.split('?').next().unwrap();
    let same = urls.iter().position(|known| known == path);
    let number = same.or_else(|| urls.iter().position(|known| host(known) == host(url)));
    u8::try_from(number.unwrap_or_default()).unwrap()
}

fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut put = |target: &str, seed: Vec<u8>| seeds.entry(target.to_owned()).or_default().push(seed);
    for exchange in wire::all() {
        let words: Vec<_> = exchange.name.split(' ').collect();
        let targets = targets();
        // "ollama embeddings" and "anthropic messages on vertex" have no target of their own, and Vertex AI speaks Gemini.
        let named = |name: &str| targets.keys().find(|target| *target == name);
        let family = || targets.keys().find(|target| target.starts_with(words[0]));
        let target = named(&words.join("_")).or_else(|| named(words[0])).or_else(family);
        let target = target.map_or("gemini", String::as_str);
        put("hash", exchange.request(false));
        put(target, exchange.request(true));
        put(target, exchange.answer(false));
        put(target, exchange.error.to_string().into_bytes());
        if exchange.streams() {
            let kind = if exchange.content_type(true) == "text/event-stream" { "sse" } else { "frames" };
            for stream in [exchange.answer(true), exchange.failing_stream()] {
                put(kind, stream.clone());
                put(target, stream);
            }
        }
    }
    let urls = &targets()[TABLES];
    for (_, url, request, _, _, body) in endpoints::spelled() {
        let number = number(urls, &url);
        for seed in [request, body(&|document| document.to_string().into_bytes())] {
            put(TABLES, [&[number], seed.as_slice()].concat());
        }
    }
    seeds
}

#[test]
fn every_fuzz_target_of_a_format_has_seeds() {
    let (seeds, targets) = (seeds(), targets());
    for target in seeds.keys() {
        assert!(targets.contains_key(target), "fuzz/fuzz_targets/{target}.rs is missing");
    }
    for (target, urls) in targets {
        let enough = if urls.is_empty() { 0 } else { 3 };
        assert!(seeds.get(&target).map_or(0, Vec::len) >= enough, "{target} has no exchange");
    }
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    for (target, seeds) in seeds {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds.into_iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), seed).unwrap();
        }
    }
}
