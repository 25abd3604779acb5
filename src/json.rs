//! A JSON document that borrows its texts from the bytes it was read from: a request is read once a call, and most
//! of it is prompt.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Members<'a>),
}

/// The members of an object in the order of their names' bytes, each name once: of a repeated one the last counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// What can be read of a JSON value, whether it borrows or owns.
pub(crate) trait Node: Sized {
    /// The member of an object.
    fn get(&self, name: &str) -> Option<&Self>;
    fn as_str(&self) -> Option<&str>;
    fn as_i64(&self) -> Option<i64>;
    fn as_f64(&self) -> Option<f64>;
    fn as_bool(&self) -> Option<bool>;
    fn as_array(&self) -> Option<&[Self]>;
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
        let place = self.0.binary_search_by(|(member, _)| member.as_ref().cmp(name)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> + Clone {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl Json<'_> {
    /// The member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }
}

impl Node for Json<'_> {
    fn get(&self, name: &str) -> Option<&Self> {
        self.get(name)
    }

    fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

impl Node for Value {
    fn get(&self, name: &str) -> Option<&Self> {
        self.get(name)
    }

    fn as_str(&self) -> Option<&str> {
        self.as_str()
    }

    fn as_i64(&self) -> Option<i64> {
        self.as_i64()
    }

    fn as_f64(&self) -> Option<f64> {
        self.as_f64()
    }

    fn as_bool(&self) -> Option<bool> {
        self.as_bool()
    }

    fn as_array(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(whole_number(&members).unwrap_or_else(|| Json::Object(Members::new(members))))
    }
}

/// The number that serde_json hands over as an object when the application builds it with `arbitrary_precision`. It
/// does so for every number then, so that another build never takes an object for one.
fn whole_number<'a>(members: &[(Cow<'_, str>, Json<'_>)]) -> Option<Json<'a>> {
    const NAME: &str = "$serde_json::private::Number";
    let [(name, Json::String(text))] = members else { return None };
    if name != NAME || !holds_any_number() {
        return None;
    }
    text.parse().ok().map(Json::Number)
}

/// Whether serde_json is built with `arbitrary_precision`: only then is there a number no double can hold.
fn holds_any_number() -> bool {
    "1e400".parse::<Number>().is_ok()
}

/// A member's name.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Shape)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Json, Node};

    #[test]
    fn borrows_texts_without_escapes_and_owns_the_others() {
        let read: Json<'_> = serde_json::from_str(r#"{"plain": "a", "escaped\u0021": "a\n"}"#).unwrap();
        let is_borrowed = |name| matches!(read.get(name), Some(Json::String(std::borrow::Cow::Borrowed(_))));
        assert!(is_borrowed("plain"));
        assert!(!is_borrowed("escaped!"));
        assert_eq!(read.get("escaped!").and_then(Node::as_str), Some("a\n"));
    }

    #[test]
    fn of_a_repeated_member_the_last_counts() {
        let read: Json<'_> = serde_json::from_str(r#"{"b": 1, "a": 1, "b": 2, "a": 3, "b": 4}"#).unwrap();
        let again: Json<'_> = serde_json::from_str(r#"{"a": 3, "b": 4}"#).unwrap();
        assert_eq!(read, again);
    }

    #[test]
    fn reads_what_the_owning_kind_reads() {
        let text = r#"{"n": null, "t": true, "i": -9007199254740993, "u": 18446744073709551615, "f": 0.1,
            "s": "\ud83e\udd80", "a": [[], {}, [1]], "o": {"z": 1, "y": {"x": "w"}}}"#;
        let (ours, theirs): (Json<'_>, Value) =
            (serde_json::from_str(text).unwrap(), serde_json::from_str(text).unwrap());
        assert!(same(&ours, &theirs));
        assert!(!same(&ours, &json!({})));
    }

    fn same(ours: &Json<'_>, theirs: &Value) -> bool {
        match (ours, theirs) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(ours), Value::Bool(theirs)) => ours == theirs,
            (Json::Number(ours), Value::Number(theirs)) => ours == theirs,
            (Json::String(ours), Value::String(theirs)) => ours == theirs,
            (Json::Array(ours), Value::Array(theirs)) => {
                ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
            }
            (Json::Object(ours), Value::Object(theirs)) => {
                ours.iter().count() == theirs.len()
                    && ours
                        .iter()
                        .all(|(name, ours)| theirs.get(name).is_some_and(|theirs| same(ours, theirs)))
            }
            _ => false,
        }
    }

    #[test]
    fn an_object_that_looks_like_a_number_of_another_build_is_an_object() {
        let read: Json<'_> = serde_json::from_str(r#"{"$serde_json::private::Number": "1"}"#).unwrap();
        assert!(matches!(read, Json::Object(_)));
    }
}
