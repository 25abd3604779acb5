//! One pass over a document that follows the paths of a table and builds no tree. Shapes that a path does not expect
//! are skipped, never an error.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use serde_json::value::RawValue;

use super::{Mapped, Say};
use crate::call::{ErrorFacts, MAX_IDENTIFIER};
use crate::coverage::Reason;
use crate::provider::format::Reading;
use crate::provider::read::document::{Unreadable, refuse};
use crate::provider::read::error;
use crate::provider::read::status::Status;
use crate::provider::read::usage::{Key, Named, Tally};

/// What a document brought, next to the facts.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Something that a response says and an error does not.
    pub(super) stated: bool,
    /// Counts.
    pub(super) counted: bool,
    pub(super) event: Option<String>,
    /// The state of the call is that it failed.
    failed: bool,
    /// The id of a task was found.
    task: bool,
}

/// Whether an object of counts is there, and whether it counts anything.
#[derive(Debug, Clone, Copy)]
struct Counted {
    there: bool,
    any: bool,
}

impl Counted {
    fn of(tally: &Tally<'_>) -> Self {
        Self { there: tally.is_there(), any: tally.counts_any() }
    }
}

impl Walked {
    fn note_counts(&mut self, found: Counted) {
        self.stated |= found.there || found.any;
        self.counted |= found.any;
    }
}

/// Reads a document into the facts: all that it says, once all of it was read.
pub(super) fn walk(
    api: &Mapped,
    document: &[u8],
    event: bool,
    reading: &mut Reading,
) -> Result<Walked, Unreadable> {
    let mut walk = Walk {
        api,
        event,
        walked: Walked::default(),
        said: Vec::new(),
        ended: false,
        tally: None,
        other_tally: None,
        error: ErrorFacts::default(),
    };
    let active: Vec<_> = api.response.iter().map(|(path, say)| (*path, *say)).collect();
    let mut json = serde_json::Deserializer::from_slice(document);
    let read = At { walk: &mut walk, active, choice: None, name: "" }.deserialize(&mut json);
    if read.and_then(|()| json.end()).is_err() {
        return refuse(document, reading).map(|()| Walked::default());
    }
    for (say, choice, text) in std::mem::take(&mut walk.said) {
        walk.note(say, choice, text, reading);
    }
    reading.facts.ended |= walk.ended;
    let Walk { walked, tally, other_tally, error, .. } = walk;
    let tally = tally.filter(|tally| tally.is_there() || tally.counts_any()).or(other_tally);
    // What a pending call asks for is billed when it is done; a stream counts what there is so far.
    if let Some(tally) = tally.filter(|_| event || !reading.facts.pending) {
        (api.note)(&tally, reading);
    }
    if error.code.is_some() {
        reading.facts.note_error(Some(error));
    } else if walked.failed {
        reading.facts.note_error(Some(error::read(document).unwrap_or(error)));
    }
    Ok(walked)
}

struct Walk<'r, 'a> {
    api: &'r Mapped,
    /// Whether the document is a piece of a stream.
    event: bool,
    walked: Walked,
    /// What was said of which choice, in the document's order.
    said: Vec<(Say, u64, Cow<'a, str>)>,
    /// A flag of the end is set.
    ended: bool,
    tally: Option<Box<Tally<'a>>>,
    /// What repeats the counts elsewhere in the document.
    other_tally: Option<Box<Tally<'a>>>,
    error: ErrorFacts,
}

/// A value, and the paths that lead to it or through it.
struct At<'w, 'r, 'a, 'n> {
    walk: &'w mut Walk<'r, 'a>,
    /// What is left of each path.
    active: Vec<(&'static str, Say)>,
    /// The place in the outermost array.
    choice: Option<u64>,
    name: &'n str,
}

/// What is left of a path behind the member `name`.
fn behind(path: &'static str, name: &str) -> Option<&'static str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() || rest.starts_with("[]") { Some(rest) } else { rest.strip_prefix('.') }
}

impl<'a> Walk<'_, 'a> {
    /// Takes over what one member says.
    fn note(&mut self, say: Say, choice: u64, text: Cow<'_, str>, reading: &mut Reading) {
        let facts = &mut reading.facts;
        if text.is_empty() {
            return;
        }
        let choice = if self.api.places_are_choices { choice } else { 0 };
        match say {
            Say::Id if self.walked.task => {}
            Say::Id => note(&mut facts.id, text),
            Say::TaskId => {
                self.walked.task = true;
                note(&mut facts.id, text);
            }
            Say::Model => note(&mut facts.model, text),
            Say::PartModel => {
                if facts.model.as_ref().is_some_and(|model| *model != text) {
                    facts.coverage.note(Reason::Member, "models".to_owned());
                }
                note(&mut facts.model, text);
            }
            Say::Tier => note(&mut facts.service_tier, text),
            Say::Kind(look) => look(&text, facts),
            Say::Event => self.walked.event = Some(text.into_owned()),
            Say::Status => {
                self.walked.stated = true;
                let status = Status::of(&text);
                self.walked.failed |= status == Status::Failed;
                status.note(facts);
            }
            Say::Finish => {
                self.walked.stated = true;
                if self.api.places_are_choices {
                    facts.choice(choice);
                }
                if !matches!(text.as_ref(), "null" | "not_finished" | "NOT_FINISHED") {
                    facts.finish(choice, &text);
                }
            }
            Say::WholeText if self.event => {}
            Say::Text | Say::WholeText => {
                self.walked.stated = true;
                if self.api.places_are_choices {
                    facts.choice(choice);
                }
                let known = if self.api.cumulative { facts.output_bytes } else { 0 };
                let new = usize::try_from(known).ok().and_then(|known| text.get(known..));
                reading.text(choice, new);
            }
            Say::Reasoning => {
                self.walked.stated = true;
                reading.reasoning(choice, Some(&text));
            }
            Say::ToolName => reading.whole_tool_call(choice, None, Some(&text), None),
            Say::ToolArguments => {
                let last = facts.whole_tool_calls.saturating_sub(1);
                reading.tool_call(choice, last, None, None, Some(&text));
            }
            Say::Output => {
                self.walked.stated = true;
                facts.generated(text.len());
            }
            // A code with a space is prose.
            Say::ErrorCode if !is_success(&text) && !text.contains(' ') => {
                self.error.code = Some(text.into_owned())
            }
            Say::ErrorMessage => self.error.message = Some(text.into_owned()),
            Say::Task => {
                self.walked.stated = true;
                note(&mut facts.id, text);
                facts.pending = true;
            }
            Say::Pending => {
                self.walked.stated = true;
                facts.pending = true;
            }
            Say::ErrorCode | Say::End | Say::Last | Say::Usage(_) | Say::UsageElse(_) | Say::Each(_) => {}
        }
    }

    /// Notes that a value is there, whatever it is.
    fn element(&mut self, active: &[(&'static str, Say)]) {
        for (_, say) in active.iter().filter(|(rest, _)| rest.is_empty()) {
            match say {
                Say::Each(slot) => {
                    self.walked.stated = true;
                    self.tally.get_or_insert_default().add(*slot, 1);
                }
                Say::Last => {
                    self.walked.stated = true;
                    self.ended = true;
                }
                _ => {}
            }
        }
    }

    /// The counts that a member belongs to.
    fn counts(&mut self, other: bool) -> &mut Tally<'a> {
        let tally = if other { &mut self.other_tally } else { &mut self.tally };
        tally.get_or_insert_default()
    }

    fn flag(&mut self, say: Say, set: bool) {
        if matches!(say, Say::End) {
            self.ended |= set;
        }
    }
}

/// Codes of responses that are none of an error.
fn is_success(code: &str) -> bool {
    matches!(code, "0" | "200" | "Success" | "success" | "OK" | "ok")
}

fn note(old: &mut Option<String>, new: Cow<'_, str>) {
    if new.len() <= MAX_IDENTIFIER {
        *old = Some(new.into_owned());
    }
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for At<'_, '_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { walk, active, name, .. } = self;
        walk.element(&active);
        let count = active.iter().find_map(|(rest, say)| match say {
            Say::Usage(member) if rest.is_empty() => Some((*member, false)),
            Say::UsageElse(member) if rest.is_empty() => Some((*member, true)),
            _ => None,
        });
        let Some((member, other)) = count else {
            return deserializer.deserialize_any(Self { walk, active, ..self });
        };
        // Other paths may lead into an object of counts: it is read once for each.
        if active.len() > 1 {
            let raw = <&RawValue>::deserialize(deserializer)?;
            let mut counts = serde_json::Deserializer::from_str(raw.get());
            let tally = walk.counts(other);
            Named { name, member, tally: &mut *tally }.deserialize(&mut counts).map_err(D::Error::custom)?;
            let found = Counted::of(tally);
            walk.walked.note_counts(found);
            let active = active.into_iter().filter(|(rest, _)| !rest.is_empty()).collect();
            let mut others = serde_json::Deserializer::from_str(raw.get());
            others
                .deserialize_any(Self { walk, active, choice: self.choice, name })
                .map_err(D::Error::custom)?;
            return Ok(());
        }
        let tally = walk.counts(other);
        Named { name, member, tally: &mut *tally }.deserialize(deserializer)?;
        let found = Counted::of(tally);
        walk.walked.note_counts(found);
        Ok(())
    }
}

impl<'de: 'a, 'a> Visitor<'de> for At<'_, '_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { walk, active, choice, .. } = self;
        let mut seen = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let inner: Vec<_> =
                active.iter().filter_map(|(path, say)| Some((behind(path, &key)?, *say))).collect();
            if inner.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else if seen.contains(&key) {
                return Err(A::Error::custom("a member that is given twice"));
            } else {
                seen.push(key.clone());
                map.next_value_seed(At { walk: &mut *walk, active: inner, choice, name: &key })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { walk, active, choice, name } = self;
        let inner: Vec<_> = active
            .iter()
            .filter_map(|(path, say)| {
                let rest = path.strip_prefix("[]")?;
                Some((rest.strip_prefix('.').unwrap_or(rest), *say))
            })
            .collect();
        let mut place = 0;
        loop {
            let choice = choice.or(Some(place));
            let element = At { walk: &mut *walk, active: inner.clone(), choice, name };
            let more = if inner.is_empty() {
                seq.next_element::<IgnoredAny>()?.is_some()
            } else {
                seq.next_element_seed(element)?.is_some()
            };
            if !more {
                return Ok(());
            }
            place += 1;
        }
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        for (_, say) in self.active.iter().filter(|(rest, _)| rest.is_empty()) {
            self.walk.said.push((*say, self.choice.unwrap_or(0), Cow::Borrowed(text)));
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        for (_, say) in self.active.iter().filter(|(rest, _)| rest.is_empty()) {
            self.walk.said.push((*say, self.choice.unwrap_or(0), Cow::Owned(text.to_owned())));
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, set: bool) -> Result<(), E> {
        for (_, say) in self.active.iter().filter(|(rest, _)| rest.is_empty()) {
            self.walk.flag(*say, set);
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
