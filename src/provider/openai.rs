//! OpenAI's formats, which most gateways speak, and Azure, which serves them.

mod chat;
pub(super) mod chunk;
mod common;
mod completions;
mod embeddings;
mod responses;
#[cfg(test)]
mod sweep;
mod usage;
mod usage_request;

use super::family::Family;
use super::target::hosts::Host;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family {
    hosts: HOSTS,
    formats: &[chat::recognise, completions::recognise, responses::recognise, embeddings::recognise],
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
