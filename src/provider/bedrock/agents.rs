//! Agents on AWS: Bedrock's agents, flows and knowledge bases, and AgentCore. What an agent's model used is in the trace
//! of the response, where the application asks for one: each call of a model adds to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::headers;
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::mapped::{Ask, Input, Mapped, Said, Say};
use crate::provider::read::document::document;
use crate::provider::read::lenient::Text;
use crate::provider::read::usage::{Member, Slot, Table, Tally};
use crate::provider::served::{self, SERVED};
use crate::provider::target::Target;
use crate::semconv::provider;
use crate::usage::Usage;

#[derive(Debug)]
struct Agents;

const COUNTS: Table = &[
    ("inputTokens", Member::Count(Slot::Input)),
    ("outputTokens", Member::Count(Slot::Output)),
    ("cacheReadInputTokens", Member::Count(Slot::CacheRead)),
    ("cacheWriteInputTokens", Member::Count(Slot::CacheWrite)),
];
const USAGE: Say = Say::Usage(&Member::Object(&[COUNTS]));

const RESPONSE: &[Said] = &[
    ("sessionId", Say::Id),
    ("output.text", Say::Text),
    ("text", Say::Text),
    ("trace.orchestrationTrace.modelInvocationOutput.metadata.usage", USAGE),
    ("trace.preProcessingTrace.modelInvocationOutput.metadata.usage", USAGE),
    ("trace.postProcessingTrace.modelInvocationOutput.metadata.usage", USAGE),
    ("trace.routingClassifierTrace.modelInvocationOutput.metadata.usage", USAGE),
    ("trace.orchestrationTrace.modelInvocationInput.foundationModel", Say::Model),
    ("trace.guardrailTrace.action", Say::Event),
    // Ranks.
    ("results[].relevanceScore", Say::Event),
];

static MEMBERS: Mapped = Mapped {
    framing: Framing::EventStream,
    request: &[
        (&["retrieveAndGenerateConfiguration", "knowledgeBaseConfiguration", "modelArn"], Ask::Model),
        (&["retrieveAndGenerateConfiguration", "externalSourcesConfiguration", "modelArn"], Ask::Model),
        (&["foundationModel"], Ask::Model),
    ],
    fields_not_hashed: &["sessionId", "enableTrace", "endSession"],
    input: Input::Prompts(&[&["inputText"], &["input", "text"]]),
    response: RESPONSE,
    places_are_choices: false,
    note: add_counts,
    ..Mapped::CHAT
};

/// `/agents/A/agentAliases/B/sessions/C/text`, `/agents/A/sessions/C` (inline), `/flows/F/aliases/A`,
/// `/retrieveAndGenerate` and its stream, `/rerank`; AgentCore's `/runtimes/ARN/invocations`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.is_of(provider::AWS_BEDROCK) {
        return None;
    }
    let path: Vec<_> = target.segments.iter().map(AsRef::as_ref).collect();
    let (operation, stream) = match path.as_slice() {
        ["agents", _, "agentAliases", _, "sessions", _, "text"] => (Operation::InvokeAgent, true),
        ["agents", _, "sessions", _] => (Operation::InvokeAgent, true),
        ["flows", _, "aliases", _] => (Operation::InvokeAgent, true),
        ["retrieveAndGenerate"] => (Operation::Chat, false),
        ["retrieveAndGenerateStream"] => (Operation::Chat, true),
        ["rerank"] => (Operation::Rerank, false),
        ["runtimes", .., "invocations"] => {
            let recognised = served::call(&SERVED, None).provider(target.provider);
            return Some(Recognised { operation: Operation::InvokeAgent, operation_of: None, ..recognised });
        }
        _ => return None,
    };
    Some(Recognised::new(&Agents, operation).provider(target.provider).stream(stream))
}

/// A piece of the text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

impl WireFormat for Agents {
    fn stream_framing(&self) -> Framing {
        Framing::EventStream
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        MEMBERS.read_request(body, facts);
        // An ARN names the model at its end.
        let model = facts.model.take();
        facts.model =
            model.map(|model| model.rsplit_once('/').map_or(model.clone(), |(_, name)| name.to_owned()));
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        MEMBERS.fields_not_hashed()
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        MEMBERS.read_input(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        MEMBERS.read_body(body, reading);
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        if event.exception {
            return super::converse::read_event(event, reading);
        }
        // The text of a chunk is in base64.
        let Ok(chunk) = document::<Chunk<'_>>(event.data, reading) else { return };
        let bytes = chunk.as_ref().and_then(|chunk| chunk.bytes.some());
        match bytes.and_then(|bytes| STANDARD.decode(bytes).ok()) {
            Some(text) => reading.text(0, std::str::from_utf8(&text).ok()),
            None => MEMBERS.read_event(event, reading),
        }
    }

    fn ends_unmarked(&self) -> bool {
        true
    }

    fn read_headers(&self, headers: &http::HeaderMap, reading: &mut Reading) {
        headers::read_headers(headers, reading);
    }
}

/// Each event is one call of a model.
fn add_counts(tally: &Tally<'_>, reading: &mut Reading) {
    tally.note(&mut reading.facts);
    let (known, new) = (&reading.facts.usage, tally.usage());
    let add = |known: Option<u64>, new: Option<u64>| match (known, new) {
        (Some(known), Some(new)) => Some(known.saturating_add(new)),
        (known, new) => known.or(new),
    };
    let total = Usage {
        input_tokens: add(known.input_tokens, new.input_tokens),
        output_tokens: add(known.output_tokens, new.output_tokens),
        cache_read_tokens: add(known.cache_read_tokens, new.cache_read_tokens),
        cache_write_tokens: add(known.cache_write_tokens, new.cache_write_tokens),
        ..Usage::default()
    };
    reading.facts.usage.merge(total);
}
