//! The usage objects of one API: their tables, as a field that serde reads.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer};

use super::path::Path;
use super::tally::Tally;
use super::{Member, Value};

/// One member of a response that decides prices.
pub(in crate::provider) trait Dialect {
    /// The member's own name, which begins the paths of what it holds.
    const NAME: &'static str;
    /// What it holds.
    const MEMBER: Member;
}

/// What an object of the dialect holds; `None` where there is none. Boxed, because most chunks of a stream have none.
pub(in crate::provider) struct Tallied<'a, D> {
    pub(in crate::provider) tally: Option<Box<Tally<'a>>>,
    dialect: PhantomData<D>,
}

impl<D> Default for Tallied<'_, D> {
    fn default() -> Self {
        Self { tally: None, dialect: PhantomData }
    }
}

impl<D> fmt::Debug for Tallied<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tally.fmt(f)
    }
}

impl<'a, D> Tallied<'a, D> {
    /// Whether anything is there.
    pub(in crate::provider) const fn is_some(&self) -> bool {
        self.tally.is_some()
    }

    pub(in crate::provider) fn as_ref(&self) -> Option<&Tally<'a>> {
        self.tally.as_deref()
    }
}

impl<'de: 'a, 'a, D: Dialect> Deserialize<'de> for Tallied<'a, D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        // Most chunks say `"usage": null`, which costs nothing here.
        let there = Option::<There<'a, D>>::deserialize(deserializer)?;
        let tally = there.and_then(|there| there.0.tally);
        Ok(Self { tally, dialect: PhantomData })
    }
}

/// A value that is not null.
struct There<'a, D>(Tallied<'a, D>);

impl<'de: 'a, 'a, D: Dialect> Deserialize<'de> for There<'a, D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        let mut tally = Box::<Tally<'a>>::default();
        let path = Path { parent: None, name: D::NAME };
        let member = Some(const { &D::MEMBER });
        Value { member, tally: &mut tally, path: &path }.deserialize(deserializer)?;
        let tally = tally.is_there().then_some(tally);
        Ok(Self(Tallied { tally, dialect: PhantomData }))
    }
}
