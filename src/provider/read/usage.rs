//! Usage objects, read by tables. A table names every member that is known, and what becomes of it; any other member
//! that is not null, zero, false or empty may cost something, and is noted by its path. So a cost is never called
//! exact from what was understood while something was not.

pub(in crate::provider) mod common;
pub(in crate::provider) mod copilot;
mod dialect;
mod path;
mod tally;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

pub(in crate::provider) use self::dialect::{Dialect, Tallied};
use self::path::Path;
pub(in crate::provider) use self::tally::{Amount, Name, Slot, Tally};
use super::lenient::COUNT_LIMIT;

/// The known members of an object.
pub(in crate::provider) type Table = &'static [(&'static str, Member)];

/// What becomes of one member.
#[derive(Debug, Clone, Copy)]
pub(in crate::provider) enum Member {
    /// A count. Of several members of one slot the largest counts: gateways repeat a count under other names, some
    /// of them as zero. One that is neither zero nor the same is as unknown as a member without an entry.
    Count(Slot),
    /// A count, or an object that breaks it down.
    CountOr(Slot, &'static [Table]),
    /// A charge, and what one unit of it is in US dollars.
    Charge(Amount, f64),
    /// A text that is kept.
    Text(Name),
    /// Whether the caller's own key was used at the provider behind a gateway.
    OwnKey,
    /// An object with members of its own, by several tables.
    Object(&'static [Table]),
    /// An object that holds much else: members without an entry decide no price.
    Within(&'static [Table]),
    /// An object whose every member is this, whatever its name.
    Every(&'static Member),
    /// A charge, or an object that holds it.
    ChargeOr(Amount, f64, &'static [Table]),
    /// An array of objects, or one object. Each is read by the table and handed over with what contains it; `false`
    /// is an element that is not understood.
    Each(Table, fn(&Tally<'_>, &mut Tally<'_>) -> bool),
    /// Costs something, at a price that is not known: an estimate, unless the response reports its whole charge.
    Unpriced,
    /// Decides no price: times, and what repeats or breaks down other members.
    Free,
    /// A text that decides no price when it is one of these.
    Standard(&'static [&'static str]),
}

/// Reads the members of an object by its tables.
struct Members<'t, 'p, 'a> {
    tables: &'static [Table],
    /// What a member without an entry is.
    others: Option<&'static Member>,
    tally: &'t mut Tally<'a>,
    path: &'p Path<'p>,
}

impl<'a> Members<'_, '_, 'a> {
    fn read<'de: 'a, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // A bit per entry: which of two values of one member is billed is not known.
        let mut seen = 0_u128;
        while let Some(key) = map.next_key_seed(Key)? {
            let mut entries = self.tables.iter().flat_map(|table| table.iter()).zip(0_u32..);
            let found = entries.find(|((name, _), _)| *name == key);
            if let Some((_, place)) = found {
                let bit = 1_u128.checked_shl(place).unwrap_or_default();
                if seen & bit != 0 {
                    return Err(A::Error::custom("a member that is given twice"));
                }
                seen |= bit;
            }
            let named = found.map(|((_, member), _)| member);
            let below = Path { parent: Some(self.path), name: &key };
            // Names that say nothing, such as ids, are no part of a path.
            let path = if named.is_none() && self.others.is_some() { self.path } else { &below };
            map.next_value_seed(Value { member: named.or(self.others), tally: &mut *self.tally, path })?;
        }
        Ok(())
    }
}

/// One value of a document, read as a member under its name.
#[derive(Debug)]
pub(in crate::provider) struct Named<'t, 'a> {
    pub(in crate::provider) name: &'t str,
    pub(in crate::provider) member: &'static Member,
    pub(in crate::provider) tally: &'t mut Tally<'a>,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Named<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let path = Path { parent: None, name: self.name };
        Value { member: Some(self.member), tally: self.tally, path: &path }.deserialize(deserializer)
    }
}

/// A member's name, borrowed where it has no escapes.
pub(in crate::provider) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// One value. Shapes that a member does not have are as unknown as a member without an entry.
struct Value<'t, 'p, 'a> {
    member: Option<&'static Member>,
    tally: &'t mut Tally<'a>,
    path: &'p Path<'p>,
}

impl<'a> Value<'_, '_, 'a> {
    fn unknown(self) {
        match self.member {
            Some(Member::Unpriced) => self.tally.note_unpriced(self.path),
            _ => self.tally.note_unparsed(self.path),
        }
    }

    fn text(self, text: Cow<'a, str>) {
        let trimmed = text.trim();
        match self.member {
            Some(Member::Free) => {}
            _ if trimmed.is_empty() => {}
            Some(Member::Count(slot) | Member::CountOr(slot, _)) => match trimmed.parse() {
                Ok(count) if count < COUNT_LIMIT && self.tally.count(*slot, count) => {}
                _ => self.unknown(),
            },
            Some(Member::Charge(amount, unit) | Member::ChargeOr(amount, unit, _)) => {
                match trimmed.parse::<f64>() {
                    Ok(number) if self.tally.charge(*amount, number * unit) => {}
                    _ => self.unknown(),
                }
            }
            Some(Member::Text(name)) => self.tally.text(*name, text),
            Some(Member::Standard(known))
                if known.iter().any(|known| known.eq_ignore_ascii_case(trimmed)) => {}
            _ => self.unknown(),
        }
    }
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Value<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Value<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        match self.member {
            Some(Member::OwnKey) => self.tally.own_key = Some(flag),
            Some(Member::Free) => {}
            _ if !flag => {}
            _ => self.unknown(),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match self.member {
            Some(Member::Count(slot) | Member::CountOr(slot, _))
                if number < COUNT_LIMIT && self.tally.count(*slot, number) => {}
            #[expect(clippy::cast_precision_loss, reason = "amounts beyond 2^53 units are refused")]
            Some(Member::Charge(amount, unit) | Member::ChargeOr(amount, unit, _))
                if self.tally.charge(*amount, number as f64 * unit) => {}
            // Google's `enum-encoding=int`.
            Some(Member::Text(name)) => self.tally.text(*name, Cow::Owned(number.to_string())),
            Some(Member::Free) => {}
            _ if number == 0 => {}
            _ => self.unknown(),
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        match self.member {
            Some(Member::Free) => {}
            _ if number == 0 => {}
            _ => self.unknown(),
        }
        Ok(())
    }

    /// Cohere and some gateways write whole counts as `12.0`.
    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        match self.member {
            Some(Member::Count(slot) | Member::CountOr(slot, _))
                if whole(number).is_some_and(|count| self.tally.count(*slot, count)) => {}
            Some(Member::Charge(amount, unit) | Member::ChargeOr(amount, unit, _))
                if self.tally.charge(*amount, number * unit) => {}
            Some(Member::Free) => {}
            _ if number == 0.0 => {}
            _ => self.unknown(),
        }
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // An element is what its array is, so that unknown arrays are walked as well; an array within an array of
        // objects is not understood.
        let member = match self.member {
            Some(
                Member::Each(..) | Member::Within(_) | Member::Every(_) | Member::Unpriced | Member::Free,
            ) => self.member,
            _ => None,
        };
        while seq.next_element_seed(Value { member, tally: &mut *self.tally, path: self.path })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Self { member, tally, path } = self;
        match member {
            Some(Member::Object(tables) | Member::CountOr(_, tables) | Member::ChargeOr(.., tables)) => {
                tally.object = true;
                Members { tables, others: None, tally, path }.read(map)
            }
            Some(Member::Within(tables)) => {
                Members { tables, others: Some(&Member::Free), tally, path }.read(map)
            }
            Some(Member::Every(member)) => {
                Members { tables: &[], others: Some(member), tally, path }.read(map)
            }
            Some(Member::Each(table, take)) => {
                let mut element = Tally::default();
                Members { tables: std::slice::from_ref(table), others: None, tally: &mut element, path }
                    .read(map)?;
                tally.unparsed.append(&mut element.unparsed);
                tally.unpriced.append(&mut element.unpriced);
                if !take(&element, tally) {
                    tally.note_unparsed(path);
                }
                Ok(())
            }
            Some(Member::Free) => {
                let mut map = map;
                while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(())
            }
            // Within what is unpriced every number is; within what is unknown likewise.
            Some(Member::Unpriced) => {
                let mut inner = Tally::default();
                Members { tables: &[], others: None, tally: &mut inner, path }.read(map)?;
                tally.unpriced.append(&mut inner.unparsed);
                Ok(())
            }
            _ => Members { tables: &[], others: None, tally, path }.read(map),
        }
    }
}

fn whole(number: f64) -> Option<u64> {
    let is_whole = number.fract() == 0.0 && (0.0..9.0e15).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    is_whole.then_some(number as u64)
}
