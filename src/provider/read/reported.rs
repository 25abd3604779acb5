//! Costs that a gateway writes next to the members that an API has: at the top of a response, or one object deeper. One
//! that no reader took is a charge where its name gives the unit, and something that is not parsed otherwise.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::usage::{Amount, Key, Member, Named, Tally};
use crate::call::ResponseFacts;
use crate::charge::Charge;
use crate::coverage::Reason;

/// Words of names that speak of what is left, or of counts that the tables know, such as Cohere's `billed_units`.
const OTHERS: [&str; 9] =
    ["remaining", "limit", "balance", "left", "quota", "budget", "units", "tokens", "center"];

/// Names of amounts in US dollars.
const DOLLARS: [&str; 6] =
    ["cost", "total_cost", "cost_usd", "total_cost_usd", "cost_in_usd", "estimated_cost"];
/// Objects that hold a charge in US dollars next to the usage. Sources, 2026-11: docs.nano-gpt.com (`x_nanogpt_pricing`),
/// docs.exa.ai (`costDollars`), vercel.com/docs/ai-gateway (`provider_metadata`).
const OBJECTS: [(&str, Member); 4] = [
    ("x_nanogpt_pricing", NANO_GPT),
    ("costDollars", Member::Within(&[&[("total", DOLLAR)]])),
    ("provider_metadata", GATEWAY),
    ("providerMetadata", GATEWAY),
];
const DOLLAR: Member = Member::Charge(Amount::Charged, 1.0);
const NANO_GPT: Member = Member::Within(&[&[
    ("amount", DOLLAR),
    ("cost", DOLLAR),
    ("costUsd", DOLLAR),
    ("currency", Member::Standard(&["USD"])),
]]);
const GATEWAY: Member = Member::Within(&[&[("gateway", Member::Within(&[&[("cost", DOLLAR)]]))]]);
/// Charges beyond this are none of one call.
const MAX_USD: f64 = 1e6;
/// Bytes of a name.
const MAX_NAME: usize = 64;
/// Bytes of a value that is looked into.
const MAX_VALUE: usize = 4096;

/// Reads what a response reports that it costs, unless its own format has read that.
pub(in crate::provider) fn read(document: &[u8], facts: &mut ResponseFacts) {
    if facts.charge != Charge::default() || !mentions(document) {
        return;
    }
    let mut json = serde_json::Deserializer::from_slice(document);
    // What is no object, or not JSON to the letter, has been read otherwise.
    drop(json.deserialize_map(Members { facts, parent: None }));
}

/// Whether a member of the document, however deep, has such a name. Most documents have none, and are not parsed again.
fn mentions(document: &[u8]) -> bool {
    memchr::memchr_iter(b':', document).any(|colon| {
        let Some((b'"', before)) = document[..colon].trim_ascii_end().split_last() else { return false };
        let before = &before[before.len().saturating_sub(MAX_NAME)..];
        memchr::memrchr(b'"', before).is_some_and(|quote| is_cost(&before[quote + 1..]))
    })
}

/// Whether a name speaks of a cost.
fn is_cost(name: &[u8]) -> bool {
    if name.len() > MAX_NAME {
        return false;
    }
    if name == b"costDollars" {
        return true;
    }
    let (mut start, mut found) = (0, false);
    for (end, byte) in name.iter().enumerate() {
        if matches!(byte, b'_' | b'-') {
            found |= speaks_of_cost(&name[start..end]);
            start = end + 1;
        }
    }
    found |= speaks_of_cost(&name[start..]);
    let others = || name.split(|byte| matches!(byte, b'_' | b'-')).any(is_other);
    found && !others()
}

/// Whether a word of a name speaks of something else.
fn is_other(word: &[u8]) -> bool {
    OTHERS.iter().any(|other| other.as_bytes() == word)
}

/// Words of names that speak of what a call costs.
const WORDS: [&[u8]; 14] = [
    b"cost", b"costs", b"price", b"pricing", b"charge", b"charges", b"charged", b"credits", b"billing",
    b"billed", b"bill", b"spend", b"spent", b"fee",
];

/// Whether a word of a name speaks of what a call costs. By its first letters, as most do not.
fn speaks_of_cost(word: &[u8]) -> bool {
    let may = matches!(
        word,
        [b'b', b'i', b'l', b'l', ..]
            | [b'c', b'o', b's', b't', ..]
            | [b'c', b'h', b'a', b'r', ..]
            | [b'c', b'r', b'e', b'd', ..]
            | [b'f', b'e', b'e']
            | [b'p', b'r', b'i', b'c', ..]
            | [b's', b'p', b'e', b'n', ..]
    );
    may && WORDS.contains(&word)
}

struct Members<'f, 'p> {
    facts: &'f mut ResponseFacts,
    parent: Option<&'p str>,
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { facts, parent } = self;
        while let Some(name) = map.next_key_seed(Key)? {
            if parent.is_none()
                && let Some((name, member)) = OBJECTS.iter().find(|(known, _)| *known == name)
            {
                let mut tally = Tally::default();
                map.next_value_seed(Named { name, member, tally: &mut tally })?;
                tally.note(facts);
                continue;
            }
            let cost = is_cost(name.as_bytes());
            // The tables of usage objects know what is in them, and `metadata` is the caller's own.
            if !cost && (parent.is_some() || name.contains("sage") || name == "metadata") {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<&RawValue>()?.get();
            if cost {
                note(&name, parent, value, facts);
            } else if value.starts_with('{') {
                let mut inner = serde_json::Deserializer::from_str(value);
                drop(inner.deserialize_map(Members { facts: &mut *facts, parent: Some(&name) }));
            }
        }
        Ok(())
    }
}

fn note(name: &str, parent: Option<&str>, value: &str, facts: &mut ResponseFacts) {
    let usd = number(value).filter(|usd| *usd > 0.0 && *usd < MAX_USD);
    if parent.is_none()
        && DOLLARS.contains(&name)
        && let Some(usd) = usd
    {
        facts.charge(Charge { charged: Some(usd), ..Charge::default() });
    } else if value.len() > MAX_VALUE || serde_json::from_str(value).is_ok_and(|value| costs(&value)) {
        let path = parent.map_or_else(|| name.to_owned(), |parent| format!("{parent}.{name}"));
        facts.coverage.note(Reason::Member, printable(&path));
    }
}

/// A number, or a text that is one.
fn number(value: &str) -> Option<f64> {
    value.trim().trim_matches('"').trim_start_matches('$').parse().ok()
}

/// Whether a value holds a number that is not zero.
fn costs(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_none_or(|number| number != 0.0),
        Value::String(text) => number(text).is_some_and(|number| number != 0.0),
        Value::Array(values) => values.iter().any(costs),
        Value::Object(members) => members.values().any(costs),
        Value::Null | Value::Bool(_) => false,
    }
}

fn printable(path: &str) -> String {
    let shown = path.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' });
    shown.take(crate::coverage::MAX_PATH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(document: &str) -> ResponseFacts {
        let mut facts = ResponseFacts::default();
        read(document.as_bytes(), &mut facts);
        facts
    }

    #[test]
    fn a_cost_anywhere_near_the_top_is_not_silent() {
        for (document, path) in [
            (r#"{"price":0.5}"#, "price"),
            (r#"{"price":"0.5"}"#, "price"),
            (r#"{"price":"$0.5"}"#, "price"),
            (r#"{"credits_used" : 3}"#, "credits_used"),
            (r#"{"billing":{"items":[{"amount":0.5}]}}"#, "billing"),
            (r#"{"cost":{"amount":0.5}}"#, "cost"),
            (r#"{"usage_cost":0.5}"#, "usage_cost"),
            (r#"{"meta":{"cost":0.5}}"#, "meta.cost"),
            (r#"{"x":[1],"_gateway":{"total-cost":0.5}}"#, "_gateway.total-cost"),
            (r#"{"request_fee":1}"#, "request_fee"),
        ] {
            assert_eq!(facts(document).coverage.paths(), [path], "{document}");
        }
    }

    #[test]
    fn a_cost_in_dollars_is_a_charge() {
        for document in [r#"{"total_cost":0.5}"#, r#"{"cost_usd":"0.5"}"#, r#"{"a":{},"cost_in_usd":5e-1}"#] {
            let facts = facts(document);
            assert_eq!(facts.charge.charged, Some(0.5), "{document}");
            assert!(facts.coverage.is_whole());
        }
    }

    #[test]
    fn what_costs_nothing_or_is_no_cost_says_nothing() {
        for document in [
            r#"{"cost":0,"total_cost":"0","price":0,"credits":null,"billing":{"amount":"0.00","currency":"USD"}}"#,
            r#"{"choices":[{"message":{"content":"the cost","cost":3}}]}"#,
            r#"{"choices":[{"message":{"content":"what \"cost\": 5"}}]}"#,
            r#"{"usage":{"market_cost":3},"usageMetadata":{"price":2},"api_usage":{"spend":1}}"#,
            r#"{"text":"at any cost","priced_by":"us","costume":5}"#,
            r#"{"a":{"b":{"cost":3}}}"#,
            r#"{"meta":{"billed_units":{"input_tokens":3}},"credits_remaining":400,"cost_center":7}"#,
            r#"{"billing":{"payer":"developer"},"metadata":{"price":"5"}}"#,
            r#"[{"cost":3}]"#,
            r#"{"cost":"#,
        ] {
            let facts = facts(document);
            assert!(facts.coverage.is_whole() && facts.charge == Charge::default(), "{document}");
        }
    }

    #[test]
    fn what_the_format_has_read_is_not_read_again() {
        let mut facts = ResponseFacts::default();
        facts.charge.charged = Some(0.25);
        read(br#"{"price":0.5}"#, &mut facts);
        assert!(facts.coverage.is_whole());
    }
}
