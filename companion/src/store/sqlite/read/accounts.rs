//! Accounts of calls by the beginning of an id. No index leads to ids, so every row of the window is looked at.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use crate::record::Window;
use crate::store::sqlite::file::call_id::{end_id, end_of, first_id};
use crate::store::sqlite::file::row::{columns, read_account};
use crate::store::sqlite::read::scan::Snapshot;
use crate::store::{CallAccount, CallId};

impl Snapshot<'_> {
    pub(crate) fn accounts(
        &self,
        window: Window,
        id: &CallId,
        limit: usize,
    ) -> rusqlite::Result<Vec<CallAccount>> {
        let mut found = Vec::new();
        let window = self.kept(window);
        if window.from >= window.to || id.text.is_empty() {
            return Ok(found);
        }
        let (condition, values) = condition(id);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM calls WHERE id >= ? AND id < ? AND ({condition}) ORDER BY id DESC",
            columns(self.connection)?
        ))?;
        let range = [first_id(window.from), end_id(window.to, self.watermarks.spill_us)];
        let mut rows =
            statement.query(params_from_iter(range.into_iter().map(Value::Integer).chain(values)))?;
        while found.len() < limit
            && let Some(row) = rows.next()?
        {
            let end = end_of(row.get(2)?, row.get(3)?);
            if end < window.from.0 || end >= window.to.0 {
                continue;
            }
            let account = read_account(row, self.names, self.connection)?;
            let own = account.shared.own(account.call.clone());
            found.push(CallAccount { call: account.call, own, counted: account.counted });
        }
        Ok(found)
    }
}

/// Which rows match, as SQL and its values.
fn condition(id: &CallId) -> (String, Vec<Value>) {
    if let Some((trace_id, span_id)) = id.pair {
        let pair = [trace_id.to_vec(), span_id.to_vec()].map(Value::Blob);
        return (
            "trace_id = ? AND span_id = ? OR response_id = ?".to_owned(),
            pair.into_iter().chain([Value::Text(id.text.clone())]).collect(),
        );
    }
    let mut condition = "substr(response_id, 1, ?) = ?".to_owned();
    let length = i64::try_from(id.text.chars().count()).unwrap_or(i64::MAX);
    let mut values = vec![Value::Integer(length), Value::Text(id.text.clone())];
    if let Some(digits) = id.digits() {
        let (from, to) = bounds(&digits);
        for column in ["trace_id", "span_id"] {
            condition.push_str(&format!(" OR {column} BETWEEN ? AND ?"));
            values.extend([Value::Blob(from.clone()), Value::Blob(to.clone())]);
        }
    }
    (condition, values)
}

/// The first and the last id that begin with `digits`. Bytes compare in their order, and a shorter id before a longer.
fn bounds(digits: &str) -> (Vec<u8>, Vec<u8>) {
    let bytes = |fill: char| -> Vec<u8> {
        let padded: Vec<char> = digits.chars().chain(std::iter::repeat_n(fill, 34 - digits.len())).collect();
        let nibble = |digit: char| u8::try_from(digit.to_digit(16).unwrap_or(0)).unwrap_or(0);
        padded.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
    };
    let mut from = bytes('0');
    from.truncate(digits.len().div_ceil(2));
    (from, bytes('f'))
}
