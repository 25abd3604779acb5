//! Where in a TOML text each key is.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The keys of a TOML text, in its order.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<Place>);

#[derive(Debug)]
struct Place {
    /// Dotted, with indices for arrays of tables: `notify.webhook[0].url`.
    path: String,
    /// From the key to the end of its value, in bytes.
    span: Range<usize>,
}

impl Spans {
    /// The places of `text`; none when it is no TOML.
    pub(super) fn read(text: &str) -> Self {
        let mut spans = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            spans.table(table.get_ref(), "");
        }
        spans
    }

    fn table(&mut self, table: &DeTable<'_>, above: &str) {
        for (key, value) in table {
            let dot = if above.is_empty() { "" } else { "." };
            let path = format!("{above}{dot}{}", key.get_ref());
            let end = value.span().end.max(key.span().end);
            self.0.push(Place { path: path.clone(), span: key.span().start..end });
            self.value(value.get_ref(), &path);
        }
    }

    fn value(&mut self, value: &DeValue<'_>, path: &str) {
        match value {
            DeValue::Table(table) => self.table(table, path),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(item.get_ref(), &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    /// The innermost key at byte `at` of `text`. Errors about a whole table begin at the bracket of its header,
    /// before its key: then it is the last key of that header.
    pub(super) fn key_at(&self, text: &str, at: usize) -> Option<&str> {
        let header = text.get(at..).is_some_and(|rest| rest.starts_with('['));
        let end = at + text.get(at..)?.find('\n').unwrap_or(text.len() - at);
        let on_line = |place: &&Place| header && (at..end).contains(&place.span.start);
        let around = self.0.iter().filter(|place| place.span.contains(&at));
        let above = self.0.iter().filter(on_line).max_by_key(|place| place.path.len());
        above.or(around.min_by_key(|place| place.span.len())).map(|place| place.path.as_str())
    }

    /// The keys within lists of tables, and where they begin.
    pub(super) fn items(&self) -> impl Iterator<Item = (&str, usize)> {
        let items = self.0.iter().filter(|place| place.path.contains('['));
        items.map(|place| (place.path.as_str(), place.span.start))
    }

    /// Where the key `path`, or failing that its nearest ancestor, begins.
    pub(super) fn start_of(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.iter().find(|place| place.path == path) {
                return Some(place.span.start);
            }
            path = path.rsplit_once('.')?.0;
        }
    }
}

/// The line of byte `at`, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
