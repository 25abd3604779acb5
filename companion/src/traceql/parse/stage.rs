//! What follows `|`: choices, aggregates with a comparison, and metrics over time.

use super::Parser;
use crate::traceql::Refusal;
use crate::traceql::lexer::Token;
use crate::traceql::query::{Measure, Over, Reduce, Stage};

impl Parser {
    pub(super) fn stage(&mut self) -> Result<Option<Stage>, Refusal> {
        let Some(Token::Name(name)) = self.next() else { return Err(Refusal::unsupported("what follows |")) };
        let reduce = match name.trim_end_matches("_over_time") {
            "sum" => Some(Reduce::Sum),
            "avg" => Some(Reduce::Average),
            "min" => Some(Reduce::Least),
            "max" => Some(Reduce::Greatest),
            _ => None,
        };
        match (name.as_str(), reduce) {
            ("select", _) => {
                let chosen = self.attributes()?;
                self.listed.extend(chosen.into_iter().map(|(_, attribute)| attribute));
                Ok(None)
            }
            ("count", _) => {
                self.wants("(")?;
                self.wants(")")?;
                let compare =
                    self.compare().ok_or_else(|| Refusal::unsupported("count() without a comparison"))?;
                Ok(Some(Stage::Count(compare, self.number()?)))
            }
            ("rate" | "count_over_time", _) => {
                self.wants("(")?;
                self.wants(")")?;
                let of = if name == "rate" { Measure::Rate } else { Measure::Count };
                self.over(name, of).map(Some)
            }
            ("quantile_over_time", _) => {
                self.wants("(")?;
                let (_, attribute) = self.attribute()?;
                let mut shares = Vec::new();
                while self.takes(",") {
                    shares.push(self.number()?);
                }
                self.wants(")")?;
                if shares.is_empty() || shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
                    return Err(Refusal::Query(
                        "quantile_over_time takes an attribute and shares from 0 to 1".to_owned(),
                    ));
                }
                self.over(name, Measure::Quantile(attribute, shares)).map(Some)
            }
            (_, Some(reduce)) => {
                self.wants("(")?;
                let (_, attribute) = self.attribute()?;
                self.wants(")")?;
                if name.ends_with("_over_time") {
                    return self.over(name, Measure::Reduce(reduce, attribute)).map(Some);
                }
                let compare = self
                    .compare()
                    .ok_or_else(|| Refusal::unsupported("an aggregate without a comparison"))?;
                Ok(Some(Stage::Reduce(reduce, attribute, compare, self.number()?)))
            }
            (other, None) => Err(Refusal::unsupported(&format!("| {other}"))),
        }
    }

    /// `by(...)`, and `| topk(n)`, after a metric.
    fn over(&mut self, name: String, of: Measure) -> Result<Stage, Refusal> {
        let mut over = Over { name, of, by: Vec::new(), best: None };
        if matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name == "by") {
            self.at += 1;
            over.by = self.attributes()?;
        }
        if self.takes("|") {
            let largest = match self.next() {
                Some(Token::Name(name)) if name == "topk" => true,
                Some(Token::Name(name)) if name == "bottomk" => false,
                _ => return Err(Refusal::unsupported("what follows a metric")),
            };
            self.wants("(")?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
            let count = self.number()?.max(0.0) as usize;
            self.wants(")")?;
            over.best = Some((count, largest));
        }
        Ok(Stage::Over(over))
    }
}
