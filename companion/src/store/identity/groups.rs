//! Which services' spans may be accounts of one call, where senders have tokens of their own: one sender cannot take another's
//! calls out of the totals, nor change them, by spans that it makes up around or below them.

use std::collections::HashMap;

/// Services that may be of one call are in one group. Those that no sender is bound to are one, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    of: HashMap<String, u64>,
    number: u64,
}

impl Groups {
    /// Of the services that are given together. Groups with a service in common are one.
    #[must_use]
    pub fn of<'a>(together: impl IntoIterator<Item = Vec<&'a str>>) -> Self {
        let mut groups: Vec<Vec<&str>> = Vec::new();
        for mut services in together {
            let joined = groups.extract_if(.., |group| group.iter().any(|known| services.contains(known)));
            let joined: Vec<&str> = joined.flatten().collect();
            services.extend(joined);
            groups.push(services);
        }
        let numbered = (1..).zip(&groups);
        let of =
            numbered.flat_map(|(number, group)| group.iter().map(move |name| ((*name).to_owned(), number)));
        Self { of: of.collect(), number: groups.len() as u64 }
    }

    /// The group of a service: 0 for those that no sender is bound to.
    pub(crate) fn group(&self, service: &str) -> u64 {
        if self.number == 0 { 0 } else { self.of.get(service).copied().unwrap_or(0) }
    }

    /// Every group.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> + use<> {
        0..=self.number
    }

    /// Whether all services are one group.
    pub(crate) const fn are_one(&self) -> bool {
        self.number == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_are_given_together_are_one_group() {
        let groups = Groups::of([vec!["a", "b"], vec!["c"], vec!["d", "e"], vec!["gateway", "b", "d"]]);
        assert!(["a", "d", "e", "gateway"].iter().all(|name| groups.group(name) == groups.group("b")));
        assert_ne!(groups.group("c"), groups.group("a"));
        assert_eq!((groups.group("x"), groups.group("y")), (0, 0));
        assert!(!groups.are_one() && Groups::default().are_one());
    }
}
