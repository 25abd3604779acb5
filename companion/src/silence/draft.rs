//! A silence as it is asked for, and what it must have.

use super::{Silence, Via};
use crate::alert::Matcher;
use crate::record::Timestamp;

/// The longest silence: one that is forgotten must end.
const LONGEST: i64 = 90 * 86_400;
/// Bytes of a comment and of a name.
const TEXT_BYTES: usize = 1_024;
/// Matchers of one silence.
const MOST_MATCHERS: usize = 20;

/// What a silence is made of.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) matchers: Vec<Matcher>,
    /// Now, unless given.
    pub(crate) from: Option<Timestamp>,
    pub(crate) seconds: i64,
    pub(crate) by: String,
    pub(crate) comment: String,
    pub(crate) via: Via,
}

/// Which part of a silence is wrong, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) part: &'static str,
    pub(crate) reason: String,
}

impl Draft {
    /// The silence, without its number.
    ///
    /// # Errors
    /// [`Wrong`] when it would silence everything or for too long, or does not say who decided it and why.
    pub(crate) fn silence(self, now: Timestamp) -> Result<Silence, Wrong> {
        let wrong = |part, reason: String| Err(Wrong { part, reason });
        if !(1..=LONGEST).contains(&self.seconds) {
            return wrong("for", "must be from 1s to 90d".to_owned());
        }
        check_text("comment", &self.comment)?;
        check_text("by", &self.by)?;
        if self.matchers.len() > MOST_MATCHERS {
            return wrong("matchers", format!("at most {MOST_MATCHERS}"));
        }
        if self.matchers.iter().all(|matcher| matcher.matches("")) {
            return wrong("matchers", "match every alert; name a label and a value".to_owned());
        }
        let from = self.from.unwrap_or(now);
        Ok(Silence {
            id: 0,
            matchers: self.matchers,
            from,
            until: from.plus_seconds(self.seconds),
            created: now,
            by: self.by,
            comment: self.comment,
            via: self.via,
            expired: None,
        })
    }
}

/// Whether a text of people, which is kept and shown, has something and not too much in it.
///
/// # Errors
/// [`Wrong`] when it does not.
pub(crate) fn check_text(part: &'static str, text: &str) -> Result<(), Wrong> {
    if text.trim().is_empty() || text.len() > TEXT_BYTES {
        return Err(Wrong { part, reason: format!("must have 1 to {TEXT_BYTES} bytes") });
    }
    Ok(())
}
