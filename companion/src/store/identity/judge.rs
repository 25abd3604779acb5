//! The verdict on related accounts, and which response ids identify no call.

use super::known::Known;
use super::relation::{RESPONSE_WINDOW, end, is_witness, response_id};
use super::search::Related;
use super::verdict::{Verdict, verdicts};
use crate::record::CallRecord;

/// So many different calls within ten minutes with one response id, and it identifies none of them any more: a mock or
/// a broken gateway gives it to every call.
const REPEATED: usize = 8;

impl Known {
    /// The verdict on each of the accounts, in their order.
    pub(crate) fn judge(&mut self, related: &Related) -> Vec<Verdict> {
        let repeated: Vec<bool> =
            related.accounts.iter().map(|account| self.is_repeated(&account.call)).collect();
        let judged = if repeated.contains(&true) {
            without_ids(related, &repeated)
        } else {
            verdicts(&related.accounts, &related.links)
        };
        let calls = related.accounts.iter().zip(&judged).filter(|(_, verdict)| verdict.counted);
        let calls: Vec<&CallRecord> =
            calls.map(|(account, _)| &account.call).filter(|call| !is_witness(call)).collect();
        for call in &calls {
            let of_its_id = |other: &&&CallRecord| {
                response_id(call).is_some()
                    && response_id(other) == response_id(call)
                    && (0..=RESPONSE_WINDOW).contains(&end(call).saturating_sub(end(other)))
            };
            if calls.iter().filter(of_its_id).count() >= REPEATED {
                self.repeat(call);
            }
        }
        judged
    }
}

/// The verdicts when the ids of some accounts are none.
fn without_ids(related: &Related, repeated: &[bool]) -> Vec<Verdict> {
    let mut accounts = related.accounts.clone();
    for (account, repeated) in accounts.iter_mut().zip(repeated) {
        account.call.response_id.take_if(|_| *repeated);
    }
    let mut judged = verdicts(&accounts, &related.links);
    for ((verdict, account), _) in
        judged.iter_mut().zip(&related.accounts).zip(repeated).filter(|(_, repeated)| **repeated)
    {
        verdict.call.response_id.clone_from(&account.call.response_id);
        verdict.shared.keep_response_id();
    }
    judged
}
