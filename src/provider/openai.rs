//! OpenAI's formats, which most gateways speak, and Azure, which serves them.

mod audio;
pub(super) mod chat;
pub(super) mod chunk;
mod common;
mod completions;
mod deferred;
mod embeddings;
mod images;
mod responses;
mod runs;
#[cfg(test)]
mod sweep;
pub(super) mod usage;
mod usage_request;
mod videos;

pub(super) use chat::read_messages;
pub(super) use common::prompts;

use super::family::Family;
use super::target::hosts::Host;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family {
    hosts: HOSTS,
    formats: &[
        deferred::recognise,
        chat::recognise,
        completions::recognise,
        responses::recognise,
        embeddings::recognise,
        images::recognise,
        audio::recognise,
        videos::recognise,
        runs::recognise,
    ],
    fetches: &[
        responses::recognise_fetch,
        videos::recognise_fetch,
        deferred::recognise_fetch,
        runs::recognise_fetch,
    ],
};

const HOSTS: &[(Host, &str)] = &[
    (Host::Name("api.openai.com"), provider::OPENAI),
    (Host::Name("chatgpt.com"), provider::OPENAI),
    (Host::Suffix(".api.openai.com"), provider::OPENAI),
    (Host::Suffix(".openai.azure.com"), provider::AZURE_AI_OPENAI),
    (Host::Suffix(".openai.azure.us"), provider::AZURE_AI_OPENAI),
    (Host::Suffix(".openai.azure.cn"), provider::AZURE_AI_OPENAI),
    (Host::Suffix(".cognitiveservices.azure.com"), provider::AZURE_AI_OPENAI),
    (Host::Suffix(".services.ai.azure.com"), provider::AZURE_AI_INFERENCE),
    (Host::Suffix(".models.ai.azure.com"), provider::AZURE_AI_INFERENCE),
    (Host::Suffix(".inference.ai.azure.com"), provider::AZURE_AI_INFERENCE),
];
