//! What of PromQL can be answered without a history: numbers with their arithmetic, and one selector.

use promql_parser::parser::{self, Expr, VectorSelector, token};
use serde_json::{Value, json};

use super::samples::Sample;
use super::{Refusal, SAMPLES};
use crate::record::Timestamp;

/// Bytes of one expression.
const LONGEST: usize = 4096;
/// How far from now a query may be, in seconds.
const PRESENT: f64 = 300.0;
const SUPPORTED: &str = "supported are numbers with + - * /, and one selector such as spanledger_rule_state{rule=\"CostOverrun\"}";

/// One selector of series.
pub(super) struct Selector(VectorSelector);

impl Selector {
    pub(super) fn takes(&self, sample: &Sample) -> bool {
        self.0.name.as_deref().is_none_or(|name| name == sample.label("__name__"))
            && self.0.matchers.matchers.iter().all(|matcher| matcher.is_match(sample.label(&matcher.name)))
    }
}

/// Reads a selector.
pub(super) fn selector(text: &str) -> Result<Selector, Refusal> {
    match parsed(text)? {
        Expr::VectorSelector(selector) => checked(selector),
        _ => Err(Refusal(format!("{text:?} is no selector; {SUPPORTED}"))),
    }
}

/// Evaluates an expression over the present values.
pub(super) fn evaluate(text: &str, samples: &[Sample], now: Timestamp) -> Result<Value, Refusal> {
    let seconds = seconds(now);
    match parsed(text)? {
        Expr::VectorSelector(vector) => {
            let selector = checked(vector)?;
            let taken = samples.iter().filter(|sample| selector.takes(sample)).take(SAMPLES);
            let result: Vec<Value> = taken
                .map(|sample| json!({"metric": sample.labels, "value": [seconds, sample.value]}))
                .collect();
            Ok(json!({"resultType": "vector", "result": result}))
        }
        other => {
            let number =
                number(&other).ok_or_else(|| Refusal(format!("{text:?} is not supported; {SUPPORTED}")))?;
            Ok(json!({"resultType": "scalar", "result": [seconds, number.to_string()]}))
        }
    }
}

/// Refuses a time that is not the present one.
pub(super) fn present(time: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
    let Some(text) = time else { return Ok(()) };
    let seconds = text.parse::<f64>().ok().or_else(|| {
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(at.as_duration().as_secs_f64())
    });
    let seconds = seconds.ok_or_else(|| {
        Refusal(format!("parameter \"time\" is {text:?}: it is a number of seconds or RFC 3339"))
    })?;
    if (self::seconds(now) - seconds).abs() > PRESENT {
        return Err(Refusal("only the present is known here: leave \"time\" out".to_owned()));
    }
    Ok(())
}

/// To the millisecond, as Prometheus writes times.
fn seconds(now: Timestamp) -> f64 {
    let nanoseconds = now.0.unsigned_abs();
    std::time::Duration::from_millis(nanoseconds / 1_000_000).as_secs_f64()
}

fn parsed(text: &str) -> Result<Expr, Refusal> {
    if text.len() > LONGEST {
        return Err(Refusal(format!("an expression has at most {LONGEST} bytes")));
    }
    parser::parse(text).map_err(|error| Refusal(format!("{error}; {SUPPORTED}")))
}

fn checked(selector: VectorSelector) -> Result<Selector, Refusal> {
    if selector.offset.is_some() || selector.at.is_some() || !selector.matchers.or_matchers.is_empty() {
        return Err(Refusal(format!("offset, @ and or are not supported; {SUPPORTED}")));
    }
    Ok(Selector(selector))
}

fn number(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::NumberLiteral(literal) => Some(literal.val),
        Expr::Paren(inner) => number(&inner.expr),
        Expr::Unary(inner) => Some(-number(&inner.expr)?),
        Expr::Binary(both) => {
            let (left, right) = (number(&both.lhs)?, number(&both.rhs)?);
            match both.op.id() {
                token::T_ADD => Some(left + right),
                token::T_SUB => Some(left - right),
                token::T_MUL => Some(left * right),
                token::T_DIV => Some(left / right),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    const TEXT: &str =
        "rule_state{rule=\"CostOverrun\",service=\"a\"} 2\nrule_state{rule=\"RateLimited\"} 0\nother 1\n";
    const NOW: Timestamp = Timestamp(1_767_225_600_500_000_000);

    fn asked(text: &str) -> Result<Value, String> {
        evaluate(text, &samples::of(TEXT), NOW).map_err(|refusal| refusal.0)
    }

    #[test]
    fn answers_the_test_button_and_selectors() {
        assert_eq!(asked("1+1").unwrap(), json!({"resultType": "scalar", "result": [1_767_225_600.5, "2"]}));
        for (text, values) in [
            ("rule_state", vec!["2", "0"]),
            ("rule_state{rule=\"CostOverrun\"}", vec!["2"]),
            ("rule_state{rule!=\"CostOverrun\"}", vec!["0"]),
            ("rule_state{rule=~\"Cost.*|Rate.*\", service=\"\"}", vec!["0"]),
            ("{__name__=~\"oth.*\"}", vec!["1"]),
            ("absent", vec![]),
        ] {
            let result = asked(text).unwrap();
            let found: Vec<_> = result["result"]
                .as_array()
                .unwrap()
                .iter()
                .map(|series| series["value"][1].as_str().unwrap())
                .collect();
            assert_eq!(found, values, "{text}");
        }
    }

    #[test]
    fn says_what_is_supported_instead_of_guessing() {
        for text in [
            "rate(other[5m])",
            "sum(other)",
            "other offset 5m",
            "other @ 5",
            "other + 1",
            "other[5m]",
            "{{",
            "",
        ] {
            let refusal = asked(text).unwrap_err();
            assert!(refusal.contains("supported are numbers"), "{text}: {refusal}");
        }
        assert!(
            present(Some("1767225601"), NOW).is_ok() && present(Some("2026-01-01T00:00:01Z"), NOW).is_ok()
        );
        assert!(present(Some("1767220000"), NOW).is_err() && present(Some("noon"), NOW).is_err());
    }
}
