//! What the reader asks for: the query part of the address, read strictly and written back into links.

use std::collections::BTreeMap;

use spanledger::Outcome;

use crate::record::ids::parse_trace_id;
use crate::record::{ENVIRONMENT, Timestamp, Window, parse_tag};
use crate::store::Filter;
use crate::text::time::window;

/// The names a query may use besides those that choose.
const OTHERS: [&str; 4] = ["after", "refresh", "id", "matchers"];

/// The names a query may use.
fn known() -> impl Iterator<Item = &'static str> {
    TIME.into_iter().chain(FILTERS).chain(OTHERS)
}

/// What was wrong with a query, for the reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

/// The parameters of a page. Fields left empty in a form are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    pub(super) fn parse(query: &str) -> Result<Self, Wrong> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|error| Wrong(format!("the query string is not valid: {error}")))?;
        let mut read = BTreeMap::new();
        for (name, value) in pairs {
            let Some(known) = known().find(|known| *known == name) else {
                return Err(Wrong(format!(
                    "unknown parameter {name:?}; known parameters: {}",
                    known().collect::<Vec<_>>().join(", ")
                )));
            };
            if value.is_empty() {
                continue;
            }
            if read.insert(known, value).is_some() {
                return Err(Wrong(format!("parameter {known:?} is given more than once")));
            }
        }
        Ok(Self(read))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn window(&self, now: Timestamp) -> Result<Window, Wrong> {
        window(self.get("last"), self.get("from"), self.get("to"), now)
            .map_err(|error| Wrong(error.to_string()))
    }

    pub(super) fn filter(&self) -> Result<Filter, Wrong> {
        let text = |name| self.get(name).map(str::to_owned);
        let outcome = self.read("outcome", |text| {
            let known = Outcome::ALL.map(Outcome::as_str).join(", ");
            Outcome::parse(text).ok_or_else(|| format!("it is one of {known}"))
        })?;
        Ok(Filter {
            service: text("service"),
            model: text("model"),
            provider: text("provider"),
            user: text("user"),
            tags: self
                .read("tag", parse_tag)?
                .into_iter()
                .chain(text("environment").map(|name| (ENVIRONMENT, name)))
                .collect(),
            hash: text("hash"),
            trace_id: self.read("trace_id", parse_trace_id)?,
            error: text("error"),
            outcome,
            status_code: self.read("status", |text| {
                text.trim().parse::<u16>().map_err(|_| "it is a number such as 429".to_owned())
            })?,
            ..Filter::default()
        })
    }

    pub(super) fn after(&self) -> Result<Option<i64>, Wrong> {
        self.read("after", |text| {
            text.parse::<i64>().map_err(|_| "it is a number of an earlier page".to_owned())
        })
    }

    /// After how many seconds the page asks for itself again.
    pub(super) fn refresh(&self) -> Result<Option<u32>, Wrong> {
        self.read("refresh", |text| match text.parse::<u32>() {
            Ok(seconds @ 5..=3600) => Ok(seconds),
            _ => Err("it is a number of seconds from 5 to 3600".to_owned()),
        })
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Wrong> {
        let Some(text) = self.get(name) else { return Ok(None) };
        read(text).map(Some).map_err(|hint| Wrong(format!("{name} is {text:?}: {hint}")))
    }

    /// A link to `path` with these parameters, some of them changed or (`None`) left out.
    pub(super) fn link(&self, path: &str, changes: &[(&'static str, Option<&str>)]) -> String {
        let mut wanted: BTreeMap<&str, &str> =
            self.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (name, value) in changes {
            match value {
                Some(value) => wanted.insert(name, value),
                None => wanted.remove(name),
            };
        }
        // Pairs of texts always encode.
        let query = serde_urlencoded::to_string(wanted).unwrap_or_default();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// The parameters among `names` that are present, for the hidden fields of a form.
    pub(super) fn present<'a>(
        &'a self,
        names: &'a [&'static str],
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        names.iter().filter_map(|name| self.get(name).map(|value| (*name, value)))
    }
}

/// The parameters that choose the time.
pub(super) const TIME: [&str; 3] = ["last", "from", "to"];
/// The parameters that choose among the calls.
pub(super) const FILTERS: [&str; 11] = [
    "service",
    "environment",
    "provider",
    "model",
    "user",
    "tag",
    "error",
    "outcome",
    "status",
    "hash",
    "trace_id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_a_query() {
        for (query, message) in [
            ("lats=1h", "unknown parameter \"lats\"; known parameters: last, from"),
            ("model=a&model=b", "parameter \"model\" is given more than once"),
            ("status=ok", "status is \"ok\": it is a number such as 429"),
            ("outcome=fine", "outcome is \"fine\": it is one of completed, truncated"),
            ("trace_id=12", "trace_id is \"12\": a trace id has 32 hex digits"),
            ("tag=team", "tag is \"team\": \"team\": expected KEY=VALUE"),
            ("refresh=1", "refresh is \"1\": it is a number of seconds from 5"),
            ("after=x", "after is \"x\": it is a number"),
            ("last=soon", "\"soon\" is not a valid duration"),
            ("from=2026-11-02&to=2026-11-01", "the window is empty"),
        ] {
            let wrong = Parameters::parse(query)
                .and_then(|asked| {
                    asked.window(Timestamp(0))?;
                    asked.filter()?;
                    asked.refresh()?;
                    asked.after()
                })
                .unwrap_err();
            assert!(wrong.0.starts_with(message), "{query}: {}", wrong.0);
        }
    }

    #[test]
    fn empty_fields_of_a_form_filter_nothing() {
        let asked = Parameters::parse("model=&user=&status=&last=7d").unwrap();
        assert_eq!(asked.filter().unwrap(), Filter::default());
        assert_eq!(asked.get("last"), Some("7d"));
    }

    #[test]
    fn links_keep_what_they_do_not_change_and_encode_everything() {
        let asked = Parameters::parse("last=7d&model=a%26b%22%3E&after=9").unwrap();
        let link = asked.link("/calls", &[("after", None), ("user", Some("x&y=\u{202e}"))]);
        assert_eq!(link, "/calls?last=7d&model=a%26b%22%3E&user=x%26y%3D%E2%80%AE");
        assert_eq!(Parameters::default().link("/", &[]), "/");
    }
}
