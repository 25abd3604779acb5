//! The names under which a model is looked for, in their order. Clouds and routers write more than the model's name.

use crate::semconv::provider;

/// Where a model is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// `gen_ai.provider.name`.
    pub(super) provider: &'a str,
    /// The host that was called; empty when unknown.
    pub(super) host: &'a str,
    /// Whether models on private hosts are priced by their names.
    pub(super) private_hosts: bool,
    /// Who served the model behind a router.
    pub(super) route: Option<&'a str>,
    /// What the host costs as a multiple of the list price, where the own table has it.
    pub(super) multiple: Option<f64>,
}

/// One name to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form<'m> {
    pub(super) name: &'m str,
    /// Whether this is the same model at the same price.
    pub(super) same: bool,
    /// What was taken away from the name as written.
    pub(super) step: &'static str,
}

/// Suffixes of routers that choose among hosts or add to the request, each at prices of its own.
const VARIANTS: [&str; 9] =
    ["nitro", "floor", "online", "exacto", "thinking", "extended", "beta", "fastest", "cheapest"];

/// The forms of a name, the name as written first.
pub(super) fn forms<'m>(model: &'m str) -> Vec<Form<'m>> {
    let mut forms = vec![Form { name: model, same: true, step: "as written" }];
    let mut whole = true;
    let mut add = |name: &'m str, same: bool, step: &'static str| {
        whole &= same;
        if !name.is_empty() && forms.iter().all(|form| form.name != name) {
            forms.push(Form { name, same: whole, step });
        }
    };
    // An ARN ends in the profile or model; `publishers/google/models/m` and `models/m` in the model.
    let mut name = model;
    if name.starts_with("arn:") {
        name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        add(name, true, "without the ARN");
    }
    if let Some((_, bare)) = name.rsplit_once("models/") {
        name = bare;
        add(name, true, "without `models/`");
    }
    if let Some((bare, variant)) = name.rsplit_once(':')
        && VARIANTS.contains(&variant)
    {
        name = bare;
        add(name, false, "without the router's variant");
    }
    if let Some((_, bare)) = name.split_once('/') {
        add(bare, true, "without the maker");
    }
    if let Some((bare, _)) = name.split_once('@') {
        add(bare, true, "without the version");
        if let Some((_, bare)) = bare.split_once('/') {
            add(bare, true, "without the maker and the version");
        }
    }
    forms
}

/// Whether a router gives the model away.
pub(super) fn is_free_variant(provider: &str, model: &str) -> bool {
    provider == provider::OPENROUTER && model.ends_with(":free")
}

/// Name and provider of `model:provider`, as Hugging Face's router takes it.
pub(super) fn routed<'m>(place: &Place<'m>, model: &'m str) -> Option<(&'m str, &'m str)> {
    if place.provider != provider::HUGGINGFACE {
        return None;
    }
    with_route(model).or_else(|| Some((model, place.route?)))
}

/// The provider that a request to Hugging Face's router names behind the model. Not every response repeats it.
pub(super) fn asked_route<'m>(provider: &str, model: &'m str) -> Option<&'m str> {
    let (_, route) = with_route(model).filter(|_| provider == provider::HUGGINGFACE)?;
    Some(route)
}

fn with_route(model: &str) -> Option<(&str, &str)> {
    model.rsplit_once(':').filter(|(_, route)| !VARIANTS.contains(route))
}

/// The provider to whom Cloudflare's AI Gateway passes a call on, and whose list has its price: by the path, or before the model
/// on its path for all. Source: developers.cloudflare.com, "AI Gateway: Unified API", 2026-11.
pub(super) fn passed_on<'m>(place: &Place<'m>, model: &'m str) -> Option<&'m str> {
    if place.provider != provider::CLOUDFLARE || place.host != "gateway.ai.cloudflare.com" {
        return None;
    }
    place.route.or_else(|| Some(model.split_once('/')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(model: &str) -> Vec<(&str, bool)> {
        forms(model).iter().map(|form| (form.name, form.same)).collect()
    }

    #[test]
    fn takes_away_what_clouds_and_routers_add() {
        assert_eq!(names("gpt-5"), [("gpt-5", true)]);
        assert_eq!(
            names("google/gemini-2.5-pro"),
            [("google/gemini-2.5-pro", true), ("gemini-2.5-pro", true)]
        );
        assert_eq!(names("models/gemini-x")[1], ("gemini-x", true));
        assert_eq!(names("publishers/google/models/gemini-x")[1], ("gemini-x", true));
        assert_eq!(
            names("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5")[1],
            ("us.anthropic.claude-opus-5", true)
        );
        assert_eq!(
            names("anthropic/claude-opus-5:nitro"),
            [
                ("anthropic/claude-opus-5:nitro", true),
                ("anthropic/claude-opus-5", false),
                ("claude-opus-5", false)
            ]
        );
        assert!(names("claude-opus-5@20260101").contains(&("claude-opus-5", true)));
        // A version of Bedrock's is part of the name.
        assert_eq!(names("amazon.nova-lite-v1:0").len(), 1);
    }
}
