//! APIs that differ from others in nothing but the names of their members: each is a table of paths, and one reader
//! walks them all. A path names members from the outside in; `[]` is every element of an array, whose place is the
//! choice.

mod walk;

use http::HeaderMap;

use self::walk::walk;
use super::format::{Event, Framing, Reading, WireFormat};
use super::openai::{prompts, read_messages};
use super::read::usage::{Member, Slot, Tally};
use super::read::{error, field, part};
use crate::call::{ErrorFacts, RequestFacts, ResponseFacts};
use crate::content::InputContent;
use crate::json::Json;

/// What a member of a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Model,
    Stream,
    MaxTokens,
    Temperature,
    TopP,
    TopK,
    Stop,
    Seed,
    Choices,
    FrequencyPenalty,
    PresencePenalty,
    Dimensions,
    ReasoningLevel,
    PreviousResponse,
    Tier,
    /// A text of which each character is billed, or a list of them.
    Characters,
    /// A prompt that may hold sound, in parts of the types `audio` and `video`.
    Sound,
}

/// What a member of a response says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Say {
    Id,
    Model,
    /// The model of one part of a response: the tokens of several cannot be separated.
    PartModel,
    Tier,
    /// A count, or an object of counts.
    Usage(&'static Member),
    /// The same, of documents that have no [`Usage`](Self::Usage): several places may repeat one object.
    UsageElse(&'static Member),
    /// The finish reason of the choice.
    Finish,
    Text,
    /// The text of a response in one piece, which the last event of a stream repeats.
    WholeText,
    Reasoning,
    ToolName,
    ToolArguments,
    /// Generated output that is no text, such as base64: its bytes count.
    Output,
    /// Each element of an array counts one.
    Each(Slot),
    /// The id of a call that is accepted only: its response comes later.
    Task,
    /// The id of a task, which is what fetches its response: it counts before any other.
    TaskId,
    /// A member that only calls have that are accepted.
    Pending,
    /// Whether the call is accepted, done, failed or cancelled.
    Status,
    /// A flag that is set in the last piece of a stream.
    End,
    /// A member that only the last piece of a stream has.
    Last,
    /// What kind of event this is.
    Event,
    /// What kind of part this is, which its API looks at.
    Kind(fn(&str, &mut ResponseFacts)),
    ErrorCode,
    ErrorMessage,
}

/// A path and what its member says.
pub(super) type Said = (&'static str, Say);

/// The messages of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// `messages` in OpenAI's shape, within these members.
    Chat(&'static [&'static str]),
    /// Prompts, each at a path of its own.
    Prompts(&'static [&'static [&'static str]]),
}

/// One API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapped {
    /// Of a stream.
    pub(super) framing: Framing,
    pub(super) request: &'static [(&'static [&'static str], Ask)],
    pub(super) fields_not_hashed: &'static [&'static str],
    pub(super) input: Input,
    pub(super) response: &'static [Said],
    /// The events after which nothing follows.
    pub(super) last_events: &'static [&'static str],
    /// Whether the piece of a stream that brings the usage is the last.
    pub(super) usage_is_last: bool,
    /// Whether a response may be nothing but what the model wrote or spoke.
    pub(super) plain: bool,
    /// Whether a stream ends without a mark.
    pub(super) unmarked: bool,
    /// Whether the place in an array is the choice; else all is one choice without a finish reason.
    pub(super) places_are_choices: bool,
    /// Whether each piece repeats the text of those before it.
    pub(super) cumulative: bool,
    /// Merges the counts where they do not mean what everyone's do.
    pub(super) note: fn(&Tally<'_>, &mut Reading),
    pub(super) read_headers: fn(&HeaderMap, &mut Reading),
    pub(super) read_request_headers: fn(&HeaderMap, &mut RequestFacts),
}

/// Parameters as most APIs name them.
pub(super) const COMMON_PARAMETERS: &[(&[&str], Ask)] = &[
    (&["model"], Ask::Model),
    (&["stream"], Ask::Stream),
    (&["max_tokens"], Ask::MaxTokens),
    (&["temperature"], Ask::Temperature),
    (&["top_p"], Ask::TopP),
    (&["top_k"], Ask::TopK),
    (&["stop"], Ask::Stop),
    (&["seed"], Ask::Seed),
    (&["n"], Ask::Choices),
    (&["frequency_penalty"], Ask::FrequencyPenalty),
    (&["presence_penalty"], Ask::PresencePenalty),
];

impl Mapped {
    /// A chat in OpenAI's parameters, streamed as server-sent events, that says nothing.
    pub(super) const CHAT: Self = Self {
        framing: Framing::Sse,
        request: COMMON_PARAMETERS,
        fields_not_hashed: &["stream", "user", "metadata"],
        input: Input::Chat(&[]),
        response: &[],
        last_events: &[],
        usage_is_last: false,
        plain: false,
        unmarked: false,
        places_are_choices: true,
        cumulative: false,
        note: note_usage,
        read_headers: |_, _| {},
        read_request_headers: |_, _| {},
    };
}

/// Overlays the counts as they are.
pub(super) fn note_usage(tally: &Tally<'_>, reading: &mut Reading) {
    tally.note(&mut reading.facts);
    reading.facts.count(tally.usage());
}

impl Mapped {
    /// Reads a document that holds another; whether it says anything.
    pub(super) fn read_envelope(&self, document: &[u8], reading: &mut Reading) -> bool {
        walk(self, document, false, reading).is_ok_and(|walked| walked.stated)
    }
}

/// The member at the end of a path.
fn at<'v, 'j>(body: &'v Json<'j>, path: &[&str]) -> Option<&'v Json<'j>> {
    path.iter().try_fold(body, |value, name| value.get(name))
}

impl WireFormat for Mapped {
    fn stream_framing(&self) -> Framing {
        self.framing
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        for (path, ask) in self.request {
            let Some((name, parents)) = path.split_last() else { continue };
            if let Some(object) = at(body, parents) {
                ask.read(object, name, facts);
            }
        }
    }

    fn read_request_headers(&self, headers: &HeaderMap, facts: &mut RequestFacts) {
        (self.read_request_headers)(headers, facts);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        self.fields_not_hashed
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        match self.input {
            Input::Chat(path) => at(body, path).map(read_messages).unwrap_or_default(),
            Input::Prompts(paths) => {
                let found = paths.iter().filter_map(|path| {
                    let (name, parents) = path.split_last()?;
                    Some(prompts(at(body, parents)?, name))
                });
                InputContent { messages: found.flatten().collect(), ..InputContent::default() }
            }
        }
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        let Ok(walked) = walk(self, body, false, reading) else { return };
        if !walked.stated {
            reading.facts.note_error(error::read(body));
        }
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        if event.data.trim_ascii() == b"[DONE]" {
            reading.facts.ended = true;
            return;
        }
        let Ok(walked) = walk(self, event.data, true, reading) else { return };
        let name = walked.event.as_deref().or(event.name).unwrap_or_default();
        let failed = event.exception || name == "error";
        if failed || !walked.stated {
            let error = error::read(event.data);
            reading.facts.note_error(error.or_else(|| failed.then(ErrorFacts::default)));
        }
        reading.facts.ended |= self.last_events.contains(&name) || (self.usage_is_last && walked.counted);
    }

    fn writes_text(&self) -> bool {
        self.plain
    }

    fn ends_unmarked(&self) -> bool {
        self.unmarked
    }

    fn read_headers(&self, headers: &HeaderMap, reading: &mut Reading) {
        (self.read_headers)(headers, reading);
    }
}

/// Whether a prompt, or a part of it, is of a type that has sound.
fn holds_sound(value: &Json<'_>) -> bool {
    match value {
        Json::Array(parts) => parts.iter().any(holds_sound),
        Json::Object(_) => {
            let mime_type = value.get("mime_type").and_then(Json::as_str);
            mime_type.is_some_and(|kind| part::is_sound(&kind))
                || ["audio", "video"].iter().any(|kind| field::is(value, "type", kind))
                || value.get("content").is_some_and(holds_sound)
        }
        _ => false,
    }
}

impl Ask {
    fn read(self, object: &Json<'_>, name: &str, facts: &mut RequestFacts) {
        use super::read::field::{float, int, is_true, string, strings};
        match self {
            Self::Model => facts.model = string(object, name).or(facts.model.take()),
            Self::Stream => facts.stream |= is_true(object, name),
            Self::MaxTokens => facts.max_tokens = int(object, name).or(facts.max_tokens),
            Self::Temperature => facts.temperature = float(object, name).or(facts.temperature),
            Self::TopP => facts.top_p = float(object, name).or(facts.top_p),
            Self::TopK => facts.top_k = int(object, name).or(facts.top_k),
            Self::Stop => facts.stop_sequences.extend(strings(object, name)),
            Self::Seed => facts.seed = int(object, name).or(facts.seed),
            Self::Choices => facts.choice_count = int(object, name).or(facts.choice_count),
            Self::FrequencyPenalty => {
                facts.frequency_penalty = float(object, name).or(facts.frequency_penalty);
            }
            Self::PresencePenalty => {
                facts.presence_penalty = float(object, name).or(facts.presence_penalty);
            }
            Self::Dimensions => facts.dimensions = int(object, name).or(facts.dimensions),
            Self::ReasoningLevel => {
                facts.reasoning_level = string(object, name).or(facts.reasoning_level.take());
            }
            Self::PreviousResponse => {
                facts.previous_response_id = string(object, name).or(facts.previous_response_id.take());
            }
            Self::Characters => {
                let characters = strings(object, name).iter().map(|text| text.chars().count() as u64).sum();
                facts.characters = Some(facts.characters.unwrap_or(0).saturating_add(characters));
            }
            Self::Sound => facts.sound |= object.get(name).is_some_and(holds_sound),
            Self::Tier => facts.service_tier = string(object, name).or(facts.service_tier.take()),
        }
    }
}
