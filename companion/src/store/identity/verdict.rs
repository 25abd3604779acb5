//! Which of some related accounts count, and with which facts. The verdict depends on the accounts alone: not on the
//! order in which they came, and not on what was counted before, except that a witness stays counted once it was.
//!
//! 1. Accounts with the same response are one call.
//! 2. An account around exactly one other call is the same call. One around several is the total of them: it is left
//!    out, unless it alone has tokens, and then it counts for all of them.
//! 3. Of what is left, an account within another's time is the same call when nothing contradicts, each once at most
//!    for each sender.
//!
//! Of the accounts of one call the richest counts; see [`rank`].

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Account;
use super::relation::{
    contradict, end, has_usage, is_own, is_witness, known_tokens, nested, same_response, unlinked,
    usage_rank, witnessed,
};
use super::shared::{Shared, shared};
use crate::record::CallRecord;

/// What becomes of an account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) counted: bool,
    /// The call as it counts: the account's own facts and those taken over.
    pub(crate) call: CallRecord,
    pub(crate) shared: Shared,
}

/// The richest first: how complete its tokens are, whether this project's library saw it, how many kinds of tokens it
/// knows, whether it has a cost and an HTTP status, and then what is nearest to the provider: below most others (`depth`),
/// and the shortest. The ids decide at last.
fn rank(call: &CallRecord, depth: usize) -> impl Ord + use<> {
    (
        Reverse(usage_rank(call)),
        Reverse(is_own(call)),
        Reverse(known_tokens(call)),
        Reverse(call.cost.is_some()),
        Reverse(call.status_code.is_some()),
        Reverse(depth),
        call.duration_ns,
        call.trace_id,
        call.span_id,
    )
}

/// The verdict on each of `accounts`. `links` holds the pairs (outer, inner) of one kind that a trace connects, by their
/// places in `accounts`.
pub(crate) fn verdicts(accounts: &[Account], links: &BTreeSet<(usize, usize)>) -> Vec<Verdict> {
    let calls: Vec<&CallRecord> = accounts.iter().map(|account| &account.call).collect();
    let mut order: Vec<usize> = (0..calls.len()).collect();
    let depth = |place: usize| links.iter().filter(|(_, inner)| *inner == place).count();
    order.sort_by_key(|place| rank(calls[*place], depth(*place)));
    let (clients, witnesses): (Vec<usize>, Vec<usize>) =
        order.into_iter().partition(|place| !is_witness(calls[*place]));

    let mut grouping =
        Grouping { calls: &calls, links, classes: vec![None; calls.len()], left_out: BTreeSet::new() };
    grouping.by_response(&clients);
    grouping.by_nesting(&clients);
    grouping.by_time(&clients);
    let mut verdicts: Vec<Verdict> = calls
        .iter()
        .map(|call| Verdict { counted: false, call: (*call).clone(), shared: Shared::default() })
        .collect();
    for class in grouping.members(&clients) {
        let Some((first, others)) = class.split_first() else { continue };
        let around = grouping.around(&class);
        let others: Vec<&CallRecord> = others.iter().chain(&around).map(|place| calls[*place]).collect();
        let (call, shared) = shared(calls[*first], &others);
        verdicts[*first] = Verdict { counted: true, call, shared };
    }
    for place in grouping.alone(&clients, &witnesses, accounts) {
        verdicts[place].counted = true;
    }
    verdicts
}

/// The accounts by call. A class is named by the place of one of its members.
struct Grouping<'a> {
    calls: &'a [&'a CallRecord],
    links: &'a BTreeSet<(usize, usize)>,
    classes: Vec<Option<usize>>,
    /// Accounts that are totals of other calls.
    left_out: BTreeSet<usize>,
}

impl Grouping<'_> {
    /// Puts accounts of the same response into one class. Each joins the one nearest in time of which no member
    /// contradicts it.
    fn by_response(&mut self, places: &[usize]) {
        for place in places {
            let call = self.calls[*place];
            let mut nearest: Option<(u64, usize)> = None;
            for other in places.iter().take_while(|other| *other != place) {
                let Some(class) = self.classes[*other] else { continue };
                let distance = (end(self.calls[*other]).abs_diff(end(call)), class);
                if same_response(self.calls[*other], call)
                    && nearest.is_none_or(|nearest| distance < nearest)
                    && !self.contradicts(class, call)
                {
                    nearest = Some(distance);
                }
            }
            self.classes[*place] = Some(nearest.map_or(*place, |(_, class)| class));
        }
    }

    fn contradicts(&self, class: usize, call: &CallRecord) -> bool {
        let mut members = self.calls.iter().zip(&self.classes).filter(|(_, of)| **of == Some(class));
        members.any(|(member, _)| contradict(member, call))
    }

    /// Joins accounts with the one call within them, and leaves out those that are totals of several. The innermost
    /// come first.
    fn by_nesting(&mut self, clients: &[usize]) {
        let mut order: Vec<(usize, usize)> = clients
            .iter()
            .map(|place| (self.links.range((*place, 0)..(*place + 1, 0)).count(), *place))
            .collect();
        order.sort_by_key(|(below, _)| *below);
        for (_, outer) in order {
            let inner = self.inner(outer);
            let within: BTreeSet<usize> = inner.iter().filter_map(|place| self.classes[*place]).collect();
            let known = inner.iter().any(|place| has_usage(self.calls[*place]));
            if within.len() > 1 && (known || !has_usage(self.calls[outer])) {
                self.leave_out(outer);
            } else if let Some(class) = self.classes[outer] {
                for other in within {
                    self.join(class, other);
                }
            }
        }
    }

    /// The accounts of clients within `outer` that are the same call or a part of it.
    fn inner(&self, outer: usize) -> Vec<usize> {
        self.links
            .range((outer, 0)..(outer + 1, 0))
            .map(|(_, inner)| *inner)
            .filter(|inner| !is_witness(self.calls[*inner]) && !self.left_out.contains(inner))
            .filter(|inner| nested(self.calls[outer], self.calls[*inner]))
            .collect()
    }

    /// The class that `place` gave its name gets another one.
    fn leave_out(&mut self, place: usize) {
        self.left_out.insert(place);
        self.classes[place] = None;
        let heir = self.classes.iter().position(|class| *class == Some(place));
        if let Some(heir) = heir {
            self.join(heir, place);
        }
    }

    fn join(&mut self, into: usize, other: usize) {
        for class in self.classes.iter_mut().filter(|class| **class == Some(other)) {
            *class = Some(into);
        }
    }

    /// Joins accounts without a link, the closest pair first.
    fn by_time(&mut self, clients: &[usize]) {
        let mut pairs = Vec::new();
        for (number, a) in clients.iter().enumerate() {
            for b in &clients[number + 1..] {
                if !self.links.contains(&(*a, *b))
                    && !self.links.contains(&(*b, *a))
                    && let Some(gap) = unlinked(self.calls[*a], self.calls[*b])
                {
                    pairs.push((gap, number, *a, *b));
                }
            }
        }
        pairs.sort_unstable();
        for (_, _, a, b) in pairs {
            if let (Some(first), Some(second)) = (self.classes[a], self.classes[b])
                && first != second
                && self.senders(first).is_disjoint(&self.senders(second))
            {
                self.join(first, second);
            }
        }
    }

    /// The instrumentations that a class has accounts of.
    fn senders(&self, class: usize) -> BTreeSet<&str> {
        let members = self.calls.iter().zip(&self.classes).filter(|(_, of)| **of == Some(class));
        members.map(|(call, _)| call.scope.as_str()).collect()
    }

    /// The members of each class, in the order of `places`.
    fn members(&self, places: &[usize]) -> Vec<Vec<usize>> {
        let mut classes: Vec<(usize, Vec<usize>)> = Vec::new();
        for place in places {
            let Some(class) = self.classes[*place] else { continue };
            match classes.iter_mut().find(|(name, _)| *name == class) {
                Some((_, members)) => members.push(*place),
                None => classes.push((class, vec![*place])),
            }
        }
        classes.into_iter().map(|(_, members)| members).collect()
    }

    /// What was left out around the members of a class.
    fn around(&self, class: &[usize]) -> Vec<usize> {
        let encloses = |outer: usize| class.iter().any(|inner| self.links.contains(&(outer, *inner)));
        self.left_out.iter().copied().filter(|outer| encloses(*outer)).collect()
    }

    /// The witnesses that count: of each call without an account of a client the richest, if one of them counts already.
    fn alone(&mut self, clients: &[usize], witnesses: &[usize], accounts: &[Account]) -> Vec<usize> {
        let linked = |a: usize, b: usize| self.links.contains(&(a, b)) || self.links.contains(&(b, a));
        let same = |a: usize, b: usize| linked(a, b) || same_response(self.calls[a], self.calls[b]);
        let alone: Vec<usize> = witnesses
            .iter()
            .copied()
            .filter(|witness| {
                let of = |client: &usize| {
                    same(*witness, *client) || witnessed(self.calls[*witness], self.calls[*client])
                };
                !clients.iter().any(of)
            })
            .collect();
        let mut classes: Vec<Vec<usize>> = Vec::new();
        for witness in alone {
            let of = |class: &Vec<usize>| {
                class.iter().any(|other| {
                    same(witness, *other)
                        || witnessed(self.calls[witness], self.calls[*other])
                        || witnessed(self.calls[*other], self.calls[witness])
                })
            };
            // A witness may connect what seemed to be two calls.
            let (mut joined, apart): (Vec<_>, Vec<_>) = classes.into_iter().partition(of);
            let mut class: Vec<usize> = joined.drain(..).flatten().collect();
            class.push(witness);
            class.sort_by_key(|place| witnesses.iter().position(|witness| witness == place));
            classes = apart;
            classes.push(class);
        }
        let counts = |class: &Vec<usize>| class.iter().any(|place| accounts[*place].counted);
        classes.into_iter().filter(counts).filter_map(|class| class.first().copied()).collect()
    }
}
