//! Rows of a store, each read once and only so many of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::{Account, Accounts, Each};

/// What one search reads. Past its limit there are no further rows.
pub(super) struct Once<'a, A> {
    accounts: &'a A,
    left: Cell<usize>,
    rows: RefCell<HashMap<i64, Option<Account>>>,
    ranges: RefCell<Vec<(RangeInclusive<i64>, String)>>,
}

impl<'a, A: Accounts> Once<'a, A> {
    pub(super) fn new(accounts: &'a A, limit: usize) -> Self {
        Self { accounts, left: Cell::new(limit), rows: RefCell::default(), ranges: RefCell::default() }
    }

    fn take(&self, rows: usize) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(rows));
        left > 0
    }
}

impl<A: Accounts> Accounts for Once<'_, A> {
    type Error = A::Error;

    fn account(&self, id: i64) -> Result<Option<Account>, A::Error> {
        if let Some(account) = self.rows.borrow().get(&id) {
            return Ok(account.clone());
        }
        if !self.take(1) {
            return Ok(None);
        }
        let account = self.accounts.account(id)?;
        self.rows.borrow_mut().insert(id, account.clone());
        Ok(account)
    }

    /// The rows of a range that was not asked for before.
    fn with_response(
        &self,
        rows: RangeInclusive<i64>,
        response_id: &str,
        limit: usize,
    ) -> Result<Vec<Account>, A::Error> {
        let known = |(known, id): &(RangeInclusive<i64>, String)| *known == rows && id == response_id;
        if self.ranges.borrow().iter().any(known) || !self.take(1) {
            return Ok(Vec::new());
        }
        self.ranges.borrow_mut().push((rows.clone(), response_id.to_owned()));
        let found = self.accounts.with_response(rows, response_id, limit.min(self.left.get()))?;
        self.take(found.len());
        Ok(found)
    }

    fn newest(&self, limit: usize, each: &mut Each<'_, A::Error>) -> Result<(), A::Error> {
        self.accounts.newest(limit, each)
    }
}
