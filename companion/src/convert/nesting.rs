//! Which third-party spans wrap a call that is counted by itself.
//!
//! A framework's `chat` span with our HTTP-level `chat` span below it is one call. Children end first, and may
//! arrive batches before their parents, so each call marks its ancestors, and a third-party span of the same kind that
//! is marked is a wrapper. Limits, so that a hostile sender cannot grow the memory: an ancestor is looked for
//! over [`DEPTH`] links (spans in between must pass through this ledger as well), and a mark is kept for 5 to 10
//! minutes or while at most 100,000 newer ones came. Beyond these limits, or when the parent arrives first, both
//! spans count. Marks are made by our calls and by third-party ones that report tokens, so that two
//! instrumentations of one application do not double either. An agent, a tool or a workflow in between ends the search:
//! what is below it is a call of its own.

use std::collections::{HashMap, HashSet};

use crate::record::Timestamp;

/// How many links above a call a wrapper is recognised.
const DEPTH: u8 = 4;
/// Marks in one generation; two are kept, 3.5 MB each.
const MOST_MARKS: usize = 100_000;
/// Age of a generation at which it is retired.
const GENERATION: i64 = 300 * Timestamp::SECOND;

/// What a call does, as far as nesting is concerned: a `chat` does not wrap an `embeddings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Generation,
    Embeddings,
}

/// A span as nesting sees it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    pub(super) parent: Option<[u8; 8]>,
    pub(super) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A call: our own or not, and whether it marks its ancestors.
    Call { kind: Kind, own: bool, marks: bool },
    /// Any span that may stand between a wrapper and its call.
    Passage,
    /// An agent, a tool or a workflow.
    Boundary,
}

/// Trace id and span id.
pub(super) type Key = ([u8; 16], [u8; 8]);

/// Which kinds of calls a span has below it, and how far below the nearest is.
#[derive(Debug, Clone, Copy)]
struct Mark {
    kinds: u8,
    depth: u8,
}

/// The bounded memory of marked ancestors that have not arrived yet.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    newer: HashMap<Key, Mark>,
    older: HashMap<Key, Mark>,
    since: Timestamp,
}

impl Nesting {
    /// The third-party calls of this batch that are wrappers.
    pub(super) fn wrappers(&mut self, batch: &[Seen], now: Timestamp) -> HashSet<Key> {
        self.retire(now);
        let mut wrappers = HashSet::new();
        // Our own spans are no wrappers and nothing lies between them and their calls.
        let links: HashMap<Key, &Seen> = batch
            .iter()
            .filter(|seen| !matches!(seen.role, Role::Call { own: true, .. }))
            .map(|seen| ((seen.trace, seen.span), seen))
            .collect();
        for seen in batch {
            if let Role::Call { kind, marks: true, .. } = seen.role {
                self.climb(seen, Mark { kinds: kind.bit(), depth: 1 }, &links, &mut wrappers);
            }
        }
        for seen in links.values() {
            let Some(mark) = self.recall(&(seen.trace, seen.span)) else { continue };
            if meets(seen, mark, &mut wrappers) {
                self.climb(seen, Mark { depth: mark.depth + 1, ..mark }, &links, &mut wrappers);
            }
        }
        wrappers
    }

    /// Follows the parents of `seen` through the batch, and marks the first one that is not in it.
    fn climb(
        &mut self,
        seen: &Seen,
        mut mark: Mark,
        links: &HashMap<Key, &Seen>,
        wrappers: &mut HashSet<Key>,
    ) {
        let (trace, mut parent) = (seen.trace, seen.parent);
        while mark.depth <= DEPTH
            && let Some(id) = parent
        {
            let Some(above) = links.get(&(trace, id)) else {
                self.remember((trace, id), mark);
                return;
            };
            if !meets(above, mark, wrappers) {
                return;
            }
            parent = above.parent;
            mark.depth += 1;
        }
    }

    fn remember(&mut self, key: Key, mark: Mark) {
        if self.newer.len() >= MOST_MARKS {
            self.older = std::mem::take(&mut self.newer);
        }
        let entry = self.newer.entry(key).or_insert(mark);
        entry.kinds |= mark.kinds;
        entry.depth = entry.depth.min(mark.depth);
    }

    fn recall(&self, key: &Key) -> Option<Mark> {
        self.newer.get(key).or_else(|| self.older.get(key)).copied()
    }

    fn retire(&mut self, now: Timestamp) {
        if now.0.saturating_sub(self.since.0) >= GENERATION {
            self.older = std::mem::take(&mut self.newer);
            self.since = now;
        }
    }
}

/// Notes `above` as a wrapper when it is one; returns whether the search goes on above it.
fn meets(above: &Seen, mark: Mark, wrappers: &mut HashSet<Key>) -> bool {
    match above.role {
        Role::Call { kind, .. } => {
            if mark.kinds & kind.bit() != 0 {
                wrappers.insert((above.trace, above.span));
            }
            true
        }
        Role::Passage => true,
        Role::Boundary => false,
    }
}

impl Kind {
    const fn bit(self) -> u8 {
        match self {
            Self::Generation => 1,
            Self::Embeddings => 2,
        }
    }
}
