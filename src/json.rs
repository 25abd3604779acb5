//! A JSON document that borrows from the text it was read from: a request is read once per call, and most of it is
//! prompt, which only the hasher needs. Strings and numbers keep their own spelling until they are used.

mod parser;
mod plain;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

/// What the values of one document weigh at most, so that reading takes neither much time nor much memory: an element
/// of an array 1, a member of an object [`MEMBER_WEIGHT`], as its name is compared with others.
pub(crate) const WEIGHT: usize = 1 << 19;
pub(crate) const MEMBER_WEIGHT: usize = 8;

/// Members among which walking finds a name faster than halving.
const FEW: usize = 16;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    String(Text<'a>),
    Array(Vec<Self>),
    Object(Members<'a>),
}

/// A string as it is spelled between its quotes; its escapes are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    pub(crate) spelling: &'a str,
    pub(crate) escapes: Escapes,
}

/// The escapes in a string's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Escapes {
    /// None: the string is its spelling.
    None,
    /// Only the short ones of characters that must be escaped.
    Needed,
    /// Others, which have another spelling.
    Other,
}

/// A number as it is spelled. A double can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number<'a>(pub(crate) &'a str);

/// The members of an object in the order of their names' bytes, each name once: of a repeated one the last counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    /// Reads a document of UTF-8. `None` for what is no JSON, nests deeper than 127 levels, has a number that no
    /// double can hold or more values than [`WEIGHT`].
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        Self::read_in_part(bytes).filter(|(_, whole)| *whole).map(|(value, _)| value)
    }

    /// As [`Json::read`], and whether all values are there: of a document with too many those are that come first, and
    /// later ones at the top level that are neither arrays nor objects.
    pub(crate) fn read_in_part(bytes: &'a [u8]) -> Option<(Self, bool)> {
        parser::read(std::str::from_utf8(bytes).ok()?)
    }

    /// The member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::String(text) => Some(text.decoded()),
            _ => None,
        }
    }

    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.0.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    pub(crate) const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The value as one that owns all it holds.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => number.to_value(),
            Self::String(text) => text.decoded().into(),
            Self::Array(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(members) => {
                members.iter().map(|(name, value)| (name.to_owned(), value.to_value())).collect()
            }
        }
    }
}

/// Decodes the spelling of a string. `false` where an escape in it is none.
pub(crate) fn unescape(spelling: &str, decoded: &mut String) -> bool {
    decoded.clear();
    let mut rest = spelling;
    while let Some(place) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(place);
        let Some((character, length)) = parser::escape(escaped) else { return false };
        decoded.push_str(plain);
        decoded.push(character);
        rest = &escaped[length..];
    }
    decoded.push_str(rest);
    true
}

/// Where in an object's text the value of the member `name` is; of a repeated one the last counts.
pub(crate) fn place(object: &[u8], name: &str) -> Option<Range<usize>> {
    parser::place(std::str::from_utf8(object).ok()?, name)
}

impl<'a> Text<'a> {
    /// The string itself.
    pub(crate) fn decoded(self) -> Cow<'a, str> {
        if self.escapes == Escapes::None {
            return Cow::Borrowed(self.spelling);
        }
        let mut decoded = String::with_capacity(self.spelling.len());
        for piece in self.pieces() {
            match piece {
                Piece::Plain(text) => decoded.push_str(text),
                Piece::Escaped(character) => decoded.push(character),
            }
        }
        Cow::Owned(decoded)
    }

    /// The runs without an escape, and the characters between them.
    pub(crate) fn pieces(self) -> impl Iterator<Item = Piece<'a>> {
        let mut rest = self.spelling;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (piece, after) = match memchr::memchr(b'\\', rest.as_bytes()) {
                Some(0) => {
                    let (character, length) = parser::escape(rest)?;
                    (Piece::Escaped(character), rest.get(length..)?)
                }
                Some(place) => (Piece::Plain(rest.get(..place)?), rest.get(place..)?),
                None => (Piece::Plain(rest), ""),
            };
            rest = after;
            Some(piece)
        })
    }
}

/// A part of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Plain(&'a str),
    Escaped(char),
}

impl Number<'_> {
    pub(crate) fn as_f64(self) -> Option<f64> {
        self.0.parse().ok().filter(|double: &f64| double.is_finite())
    }

    /// A whole number that 64 bits can hold, or else the nearest double. The sign of `-0` is kept, which takes a double.
    fn to_value(self) -> Value {
        let whole = self.0.parse::<u64>().map(Value::from);
        let negative = || self.0.parse::<i64>().ok().filter(|number| *number != 0).map(Value::from);
        whole.ok().or_else(negative).unwrap_or_else(|| self.as_f64().into())
    }
}

impl<'a> Members<'a> {
    fn new(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        if !members.is_sorted_by(|(left, _), (right, _)| left < right) {
            // Stable, so that of equal names the last one read comes last; it is the one that stays.
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            members.dedup_by(|later, kept| {
                let repeated = later.0 == kept.0;
                if repeated {
                    std::mem::swap(later, kept);
                }
                repeated
            });
        }
        Self(members)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        // Most names differ in length, which takes no look at the bytes.
        let found = if self.0.len() <= FEW {
            self.0.iter().find(|(member, _)| member == name)
        } else {
            let place = self.0.binary_search_by(|(member, _)| member.as_ref().cmp(name)).ok();
            place.and_then(|place| self.0.get(place))
        };
        found.map(|(_, value)| value)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all names are ASCII.
    pub(crate) fn are_ascii(&self) -> bool {
        self.0.iter().all(|(name, _)| name.is_ascii())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> + Clone {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}
