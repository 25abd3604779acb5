//! The names in rules and dashboard are names that the library emits. Needs no program.

use std::collections::BTreeSet;

use spanledger::semconv;
use spanledger_e2e::{Result, dashboard, names, root};

/// Words of a query that can be a metric or a label.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
}

fn is_ours(word: &str) -> bool {
    // What the companion exposes and what the rules record is checked against the running programs.
    let companion =
        ["spanledger_rule_", "spanledger_ledger_", "spanledger_receiver_", "spanledger_notifications_"];
    (word.starts_with("gen_ai_") || word.starts_with("spanledger_"))
        && !companion.iter().any(|prefix| word.starts_with(prefix))
}

fn unknown<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let known: BTreeSet<String> = names::series().into_iter().chain(names::labels()).collect();
    texts.into_iter().flat_map(words).filter(|word| is_ours(word) && !known.contains(*word)).collect()
}

#[test]
fn every_name_in_the_rules_is_emitted_by_the_library() -> Result<()> {
    let rules = std::fs::read_to_string(root().join("alerts/spanledger.rules.yml"))?;
    let code: Vec<&str> = rules.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    assert_eq!(unknown(code), BTreeSet::new());
    Ok(())
}

#[test]
fn every_name_in_the_rule_tests_is_emitted_by_the_library() -> Result<()> {
    for file in std::fs::read_dir(root().join("alerts/tests"))? {
        let path = file?.path();
        assert_eq!(
            unknown([std::fs::read_to_string(&path)?.as_str()]),
            BTreeSet::new(),
            "{}",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn every_name_in_the_dashboard_is_emitted_by_the_library() -> Result<()> {
    // Selectors by pattern cover the newer and the older conventions, and other operations than inference.
    let either = "_(inference|operation)_";
    let queries = dashboard::queries()?;
    let expressions = queries.iter().map(|query| &query.expression);
    let expanded: Vec<String> = expressions
        .flat_map(|text| ["_inference_", "_operation_"].map(|one| text.replace(either, one)))
        .collect();
    assert_eq!(unknown(expanded.iter().map(String::as_str)), BTreeSet::new());
    assert!(
        queries.iter().any(|query| query.expression.contains(either)),
        "no dashboard reads both conventions"
    );
    Ok(())
}

#[test]
fn every_span_attribute_the_trace_panel_reads_is_set_by_the_library() -> Result<()> {
    use semconv::attribute;
    let set = [
        attribute::PROVIDER_NAME,
        attribute::REQUEST_MODEL,
        attribute::RESPONSE_MODEL,
        attribute::OUTCOME,
        attribute::USAGE_INPUT_TOKENS,
        attribute::USAGE_OUTPUT_TOKENS,
        attribute::USAGE_COST,
        attribute::ERROR_TYPE,
        attribute::USER_ID,
    ];
    let queries = dashboard::trace_queries()?;
    assert!(!queries.is_empty());
    for query in &queries {
        assert!(
            query.ends_with(" with (most_recent=true)"),
            "{query}: Tempo returns any spans, not the newest"
        );
        let words = query.split([' ', ',', ')', '(']);
        let read: BTreeSet<&str> = words.filter_map(|word| word.strip_prefix("span.")).collect();
        assert_eq!(read, BTreeSet::from(set));
    }
    Ok(())
}
