//! DashScope's own API: generation of text and of other things, embeddings, ranks, applications, and tasks whose
//! response is fetched later. Source: help.aliyun.com, Model Studio API reference, 2026-10.

use http::HeaderMap;

use super::family::Family;
use super::format::{Reading, Recognised};
use super::mapped::{Ask, Input, Mapped, Said, Say};
use super::openai::usage::{self, INPUT, OUTPUT};
use super::read::usage::{Member, Name, Slot, Table, Tally};
use super::target::Target;
use super::target::hosts::Host;
use crate::billing::Pass;
use crate::call::{Operation, RequestFacts};
use crate::semconv::provider;
use crate::usage::Usage;

pub(super) const FAMILY: Family =
    Family { hosts: HOSTS, formats: &[services, applications], fetches: &[recognise_fetch] };

const HOSTS: &[(Host, &str)] = &[(Host::Pattern(is_model_service), provider::ALIBABA_CLOUD)];

/// Alibaba Cloud's model services. Its domain carries all its other services as well.
fn is_model_service(host: &str) -> bool {
    host.strip_suffix(".aliyuncs.com").is_some_and(|service| {
        service.split('.').any(|label| label.starts_with("dashscope") || matches!(label, "maas" | "pai-eas"))
    })
}

const COUNTS: Table = &[
    ("input_tokens", Member::Count(Slot::Input)),
    ("output_tokens", Member::Count(Slot::Output)),
    ("total_tokens", Member::Count(Slot::Total)),
    ("input_tokens_details", Member::Object(&[INPUT])),
    ("output_tokens_details", Member::Object(&[OUTPUT])),
    ("prompt_tokens_details", Member::Object(&[INPUT])),
    ("image_tokens", Member::Count(Slot::InputImage)),
    ("audio_tokens", Member::Count(Slot::InputAudio)),
    ("video_tokens", Member::Count(Slot::InputVideo)),
    ("image_count", Member::Count(Slot::OutputImages)),
    ("width", Member::Free),
    ("height", Member::Free),
    ("video_duration", Member::Count(Slot::OutputVideoSeconds)),
    ("output_video_duration", Member::Count(Slot::OutputVideoSeconds)),
    ("input_video_duration", Member::Unpriced),
    ("duration", Member::Count(Slot::InputAudioSeconds)),
    ("seconds", Member::Count(Slot::InputAudioSeconds)),
    ("video_count", Member::Free),
    ("video_ratio", Member::Free),
    ("SR", Member::Free),
    ("size", Member::Free),
    ("characters", Member::Count(Slot::InputCharacters)),
    ("plugins", Member::Unpriced),
    ("models", Member::Each(MODEL, model)),
];

/// Of an application: which model used how much.
const MODEL: Table = &[
    ("model_id", Member::Text(Name::Model)),
    ("input_tokens", Member::Count(Slot::Input)),
    ("output_tokens", Member::Count(Slot::Output)),
    ("total_tokens", Member::Free),
];

fn model(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    let model = element.name(Name::Model).filter(|model| crate::billing::is_word(model)).map(str::to_owned);
    let usage = element.usage();
    tally.add(Slot::Input, usage.input_tokens.unwrap_or(0));
    tally.add(Slot::Output, usage.output_tokens.unwrap_or(0));
    model.is_some() && tally.push(Pass { kind: "model".to_owned(), usage, model, cache_write_1h: 0 })
}

const RESPONSE: &[Said] = &[
    ("request_id", Say::Id),
    ("usage", Say::Usage(&Member::Object(&[COUNTS]))),
    ("output.task_id", Say::TaskId),
    ("output.task_status", Say::Status),
    ("output.finish_reason", Say::Finish),
    ("output.text", Say::Text),
    ("output.choices[].finish_reason", Say::Finish),
    ("output.choices[].message.content", Say::Text),
    ("output.choices[].message.content[].text", Say::Text),
    ("output.choices[].message.content[].image", Say::Output),
    ("output.choices[].message.reasoning_content", Say::Reasoning),
    ("output.choices[].message.tool_calls[].function.name", Say::ToolName),
    ("output.choices[].message.tool_calls[].function.arguments", Say::ToolArguments),
    ("output.audio.url", Say::Output),
    ("output.results[].url", Say::Output),
    ("output.video_url", Say::Output),
    ("output.code", Say::ErrorCode),
    ("output.message", Say::ErrorMessage),
    ("code", Say::ErrorCode),
    ("message", Say::ErrorMessage),
];

const GENERATION: Mapped = Mapped {
    request: &[
        (&["model"], Ask::Model),
        (&["parameters", "temperature"], Ask::Temperature),
        (&["parameters", "top_p"], Ask::TopP),
        (&["parameters", "top_k"], Ask::TopK),
        (&["parameters", "max_tokens"], Ask::MaxTokens),
        (&["parameters", "seed"], Ask::Seed),
        (&["parameters", "stop"], Ask::Stop),
        (&["parameters", "n"], Ask::Choices),
        (&["parameters", "presence_penalty"], Ask::PresencePenalty),
        (&["parameters", "dimension"], Ask::Dimensions),
    ],
    fields_not_hashed: &["stream"],
    input: Input::Chat(&["input"]),
    response: RESPONSE,
    cumulative: true,
    note: note_counts,
    read_request_headers: read_stream,
    ..Mapped::CHAT
};

static SERVICES: Mapped = GENERATION;

/// `/api/v1/services/GROUP/TASK/FUNCTION`.
fn services(target: &Target<'_>) -> Option<Recognised> {
    let at = target.segments.iter().position(|segment| segment == "services")?;
    let [group, task, ..] = target.segments.get(at + 1..)? else { return None };
    if !target.is_of(provider::ALIBABA_CLOUD) {
        return None;
    }
    let operation = match (group.as_ref(), task.as_ref()) {
        ("embeddings", _) => Operation::Embeddings,
        ("rerank", _) => Operation::Rerank,
        ("audio", "asr") => Operation::Transcription,
        ("audio", _) => Operation::Speech,
        ("aigc", "text-generation" | "multimodal-generation") => Operation::Chat,
        ("aigc", task) if task.contains("video") => Operation::VideoGeneration,
        ("aigc", _) => Operation::ImageGeneration,
        _ => return None,
    };
    Some(Recognised::new(&SERVICES, operation).provider(target.provider).kept())
}

static APPLICATIONS: Mapped =
    Mapped { request: &[], input: Input::Prompts(&[&["input", "prompt"]]), ..GENERATION };

/// `/api/v1/apps/ID/completion`.
fn applications(target: &Target<'_>) -> Option<Recognised> {
    let path = target.after("apps").is_some() && target.ends_with(&["completion"]);
    let recognised = Recognised::new(&APPLICATIONS, Operation::InvokeAgent).provider(target.provider);
    (path && target.is_of(provider::ALIBABA_CLOUD)).then_some(recognised)
}

/// `/api/v1/tasks/ID`.
fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let id = target.last_after(&["api", "v1", "tasks"])?;
    let recognised = Recognised::new(&SERVICES, Operation::ImageGeneration).provider(target.provider);
    target.is_of(provider::ALIBABA_CLOUD).then(|| recognised.fetches(id))
}

/// A stream is asked for in a header, and so is a task.
fn read_stream(headers: &HeaderMap, facts: &mut RequestFacts) {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|header| header == value);
    facts.stream |= is("x-dashscope-sse", "enable") || is("accept", "text/event-stream");
}

/// Embeddings and ranks have a total alone.
fn note_counts(tally: &Tally<'_>, reading: &mut Reading) {
    usage::note(tally, &mut reading.facts);
    let usage = &mut reading.facts.usage;
    if usage.is_empty() {
        usage.merge(Usage { input_tokens: tally.get(Slot::Total), ..Usage::default() });
    }
}
