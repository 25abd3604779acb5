//! The `[[budget]]` tables.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Budget;
use super::period::{Length, Period};
use crate::record::{NanoUsd, parse_tag};
use crate::rule::{By, Labels};
use crate::store::Filter;
use crate::text::text_enum::text_enum;

/// Steps of one budget.
const MOST_STEPS: usize = 10;
/// Percent of the largest step.
const LARGEST_STEP: u32 = 1_000;

text_enum! {
    /// How long a budget lasts.
    pub enum BudgetPeriod {
        /// From midnight to midnight.
        Day = "day",
        /// From `first_day` on.
        Week = "week",
        /// From `first_day` on.
        Month = "month",
    }
}

/// On which day a week or a month begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FirstDay {
    /// Of a month.
    Number(i8),
    /// Of a week.
    Name(String),
}

/// One `[[budget]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// Names it in alerts and reports.
    pub name: String,
    /// What may be spent in each period.
    pub usd: f64,
    /// How long a period is. Defaults to `month`.
    #[serde(default = "month")]
    pub period: BudgetPeriod,
    /// Where days begin. Defaults to `UTC`.
    #[serde(default = "utc")]
    pub timezone: String,
    /// A name of a day for weeks, a number for months. Defaults to Monday, and to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_day: Option<FirstDay>,
    /// Only calls of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only calls of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only calls of this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only calls with this tag, `KEY=VALUE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Percent of it that are reported, each once per period. Defaults to `[50, 80, 100]`.
    #[serde(default = "steps")]
    pub notify_at: Vec<u32>,
}

const fn month() -> BudgetPeriod {
    BudgetPeriod::Month
}

fn utc() -> String {
    "UTC".to_owned()
}

fn steps() -> Vec<u32> {
    vec![50, 80, 100]
}

impl BudgetConfig {
    /// The budget.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub(crate) fn budget(&self) -> Result<Budget, String> {
        if self.name.is_empty() || self.name.len() > 128 {
            return Err("name: must have 1 to 128 bytes".to_owned());
        }
        let limit = NanoUsd::from_usd(self.usd).filter(|usd| usd.0 > 0);
        let limit = limit.ok_or("usd: must be a number of dollars above 0")?;
        let zone = TimeZone::get(&self.timezone).map_err(|_| {
            format!(
                "timezone: {:?} is not a known time zone; expected an IANA name such as Europe/Berlin",
                self.timezone
            )
        })?;
        let mut steps = self.notify_at.clone();
        steps.sort_unstable();
        steps.dedup();
        if steps.is_empty()
            || steps.len() > MOST_STEPS
            || steps.iter().any(|step| !(1..=LARGEST_STEP).contains(step))
        {
            return Err(format!("notify_at: takes 1 to {MOST_STEPS} percentages from 1 to {LARGEST_STEP}"));
        }
        let tag =
            self.tag.as_deref().map(parse_tag).transpose().map_err(|message| format!("tag: {message}"))?;
        let mut labels = Labels::from([("budget".to_owned(), self.name.clone())]);
        for (name, value) in [("service", &self.service), ("user", &self.user), ("model", &self.model)] {
            labels.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
        }
        labels.extend(tag.iter().map(|(key, value)| (By::Tag(*key).label().into_owned(), value.clone())));
        let filter = Filter {
            service: self.service.clone(),
            user: self.user.clone(),
            model: self.model.clone(),
            tags: tag.into_iter().collect(),
            ..Filter::default()
        };
        let period = Period { length: self.length()?, zone };
        Ok(Budget { name: self.name.clone(), limit, period, filter, labels, steps })
    }

    fn length(&self) -> Result<Length, String> {
        let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        match (self.period, &self.first_day) {
            (BudgetPeriod::Day, None) => Ok(Length::Day),
            (BudgetPeriod::Day, Some(_)) => Err("first_day: a day has none".to_owned()),
            (BudgetPeriod::Week, None) => Ok(Length::Week(Weekday::Monday)),
            (BudgetPeriod::Week, Some(FirstDay::Name(name))) => {
                let days = (0_i8..).zip(names).find(|(_, day)| day.eq_ignore_ascii_case(name));
                let day = days.and_then(|(day, _)| Weekday::from_monday_zero_offset(day).ok());
                day.map(Length::Week)
                    .ok_or_else(|| format!("first_day: {name:?} is no day; expected one such as \"monday\""))
            }
            (BudgetPeriod::Week, Some(FirstDay::Number(_))) => {
                Err("first_day: a week begins on a day such as \"monday\"".to_owned())
            }
            (BudgetPeriod::Month, None) => Ok(Length::Month(1)),
            (BudgetPeriod::Month, Some(FirstDay::Number(day))) if (1..=31).contains(day) => {
                Ok(Length::Month(*day))
            }
            (BudgetPeriod::Month, Some(_)) => {
                Err("first_day: a month begins on a day from 1 to 31".to_owned())
            }
        }
    }
}
