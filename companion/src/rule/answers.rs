//! What the rules of one evaluation have asked: a question that several of them ask is put to the ledger once.

use std::sync::{Arc, Mutex, PoisonError};

use super::scope::Group;
use super::{By, Labels};
use crate::record::Window;
use crate::store::{Dimension, Filter, GroupRepetition, Querier, RepetitionQuestion, StoreError, Totals};

/// The questions of one evaluation with what the ledger said.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    totals: Asked<(Window, Filter), Totals>,
    groups: Asked<(Window, Filter, By, Labels), Arc<[Group]>>,
    repetition: Asked<(Window, Filter, Option<Dimension>, usize), Repetition>,
}

/// What was asked of repetition, and what there is.
type Repetition = (RepetitionQuestion, Arc<[GroupRepetition]>);

impl Answers {
    pub(super) fn totals(
        &self,
        querier: &dyn Querier,
        window: Window,
        filter: &Filter,
    ) -> Result<Totals, StoreError> {
        let ask = || querier.totals(window, filter);
        self.totals.once((window, filter.clone()), |_| true, ask)
    }

    /// The groups of calls that `ask` gives, by what they are judged apart and the labels that all of them have.
    pub(super) fn groups(
        &self,
        window: Window,
        filter: &Filter,
        by: By,
        labels: &Labels,
        ask: impl FnOnce() -> Result<Arc<[Group]>, StoreError>,
    ) -> Result<Arc<[Group]>, StoreError> {
        self.groups.once((window, filter.clone(), by, labels.clone()), |_| true, ask)
    }

    pub(super) fn repetition(
        &self,
        querier: &dyn Querier,
        window: Window,
        filter: &Filter,
        question: RepetitionQuestion,
    ) -> Result<Arc<[GroupRepetition]>, StoreError> {
        let ask = || Ok((question, querier.repetition(window, filter, &question)?.into()));
        // One who asks for no hashes can do with those that another has asked for.
        let fits = |(asked, _): &(RepetitionQuestion, _)| question.hashes == 0 || *asked == question;
        let key = (window, filter.clone(), question.by, question.groups);
        Ok(self.repetition.once(key, fits, ask)?.1)
    }
}

/// Questions of one kind. Each has a lock of its own: a rule that asks what another is asking waits for it.
#[derive(Debug)]
struct Asked<K, V>(Mutex<Vec<(K, Place<V>)>>);

/// Where what the ledger said is put.
type Place<V> = Arc<Mutex<Option<V>>>;

impl<K, V> Default for Asked<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: PartialEq, V: Clone> Asked<K, V> {
    /// What is known and `fits`, or what `ask` gives. A failure is not remembered.
    fn once(
        &self,
        key: K,
        fits: impl Fn(&V) -> bool,
        ask: impl FnOnce() -> Result<V, StoreError>,
    ) -> Result<V, StoreError> {
        let place = {
            let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match asked.iter().find(|(known, _)| *known == key) {
                Some((_, place)) => Arc::clone(place),
                None => {
                    let place = Arc::default();
                    asked.push((key, Arc::clone(&place)));
                    place
                }
            }
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = place.as_ref().filter(|known| fits(known)) {
            return Ok(known.clone());
        }
        Ok(place.insert(ask()?).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_once_unless_the_answer_does_not_fit_or_failed() {
        let (asked, count) = (Asked::<u8, u8>::default(), std::cell::Cell::new(0));
        let ask = |value: Option<u8>| {
            count.set(count.get() + 1);
            value.ok_or(StoreError::Missing { path: "ledger.db".into() })
        };
        assert!(asked.once(1, |_| true, || ask(None)).is_err());
        assert_eq!(asked.once(1, |_| true, || ask(Some(7))).ok(), Some(7));
        assert_eq!(asked.once(1, |_| true, || ask(Some(8))).ok(), Some(7));
        assert_eq!(count.get(), 2);
        assert_eq!(asked.once(1, |known| *known > 7, || ask(Some(9))).ok(), Some(9));
        assert_eq!(asked.once(2, |_| true, || ask(Some(3))).ok(), Some(3));
    }
}
