//! Under which provider of the table a model is found, and by which name.

use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError};

use genai_prices::{PriceCalculation, PriceRequest, Usage};

use super::Bundled;
use super::rates::Rates;
use crate::cost::PriceQuery;
use crate::cost::lookup::{self, Form, Place};
use crate::cost::parts::Parts;
use crate::private_host;
use crate::semconv::provider;

/// The id under which `genai-prices` reads `anthropic/claude-...` as a provider and its model, and finds the
/// provider of a bare model name by the name alone.
pub(in crate::cost) const BY_MODEL_ALONE: &str = "litellm";

/// Resolutions kept, so that a call costs one lookup. Names come from outside; a full cache is emptied.
pub(in crate::cost) const RESOLUTIONS: usize = 512;

/// One list to look for one form of a name in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cost) struct Step<'m> {
    /// The table's id of the provider, or [`BY_MODEL_ALONE`].
    pub(in crate::cost) list: &'static str,
    pub(in crate::cost) form: Form<'m>,
}

/// Under which of the table's providers a model is found, and by which name.
#[derive(Debug)]
pub(in crate::cost) struct Resolution {
    pub(in crate::cost) provider: &'static str,
    /// The form of the name that was found.
    name: Arc<str>,
    /// The table's own name.
    pub(in crate::cost) model: Arc<str>,
    /// Whether this is the provider that was called, and it has a price of its own for the model.
    exact: bool,
    /// Whether the name means this very model.
    same: bool,
    pub(super) parts: Parts,
    pub(super) rates: Rates,
}

/// What was asked for, and what was found.
pub(super) struct Asked {
    provider: Box<str>,
    host: Box<str>,
    route: Option<Box<str>>,
    private_hosts: bool,
    model: Box<str>,
    found: Option<Arc<Resolution>>,
}

impl Asked {
    fn is(&self, place: &Place<'_>, model: &str) -> bool {
        *self.model == *model
            && *self.provider == *place.provider
            && *self.host == *place.host
            && self.route.as_deref() == place.route
            && self.private_hosts == place.private_hosts
    }
}

impl Resolution {
    /// Whether this is what the model costs at a place. A host whose multiple is configured costs what the list of the
    /// maker says, times that.
    pub(in crate::cost) const fn is_exact_at(&self, place: &Place<'_>) -> bool {
        self.exact || (self.same && place.multiple.is_some())
    }

    pub(super) fn request<'a>(&'a self, query: &PriceQuery<'_>, usage: &'a Usage) -> PriceRequest<'a> {
        PriceRequest::new(&self.name, usage).with_provider_id(self.provider).with_timestamp(query.at)
    }
}

impl Bundled {
    /// Finds the provider to price `model` under, and remembers it.
    pub(super) fn resolution(&self, place: &Place<'_>, model: &str) -> Option<Arc<Resolution>> {
        let key = (place.provider, place.host, place.route, place.private_hosts, model);
        let key = self.hasher.hash_one(key);
        if let Some(asked) = self.resolutions.read().unwrap_or_else(PoisonError::into_inner).get(&key)
            && asked.is(place, model)
        {
            return asked.found.clone();
        }
        let found = self.steps(place, model).iter().find_map(|step| self.take(step)).map(Arc::new);
        let mut resolutions = self.resolutions.write().unwrap_or_else(PoisonError::into_inner);
        if resolutions.len() >= RESOLUTIONS {
            resolutions.clear();
        }
        let asked = Asked {
            provider: place.provider.into(),
            host: place.host.into(),
            route: place.route.map(Into::into),
            private_hosts: place.private_hosts,
            model: model.into(),
            found: found.clone(),
        };
        resolutions.insert(key, asked);
        found
    }

    /// Where a model is looked for, in order: behind a router or a gateway, with the provider by its name, else by the host; else,
    /// for gateways the table does not know, with the maker of a model of that name.
    pub(in crate::cost) fn steps<'m>(&self, place: &Place<'m>, model: &'m str) -> Vec<Step<'m>> {
        let mut steps = Vec::new();
        if let Some((name, route)) = lookup::routed(place, model) {
            let list = self.names.get_key_value(["huggingface_", route].concat().as_str());
            let form = Form { name, same: true, step: "behind the router" };
            steps.extend(list.map(|(list, _)| Step { list, form }));
        }
        let forms = lookup::forms(model);
        let all = |list: &'static str| forms.iter().map(move |form| Step { list, form: form.clone() });
        // Which account pays, and by which contract, is the gateway's business.
        let behind = lookup::passed_on(place, model).and_then(|route| self.names.get_key_value(id_of(route)));
        let passed_on = |(list, _): (&&'static str, _)| {
            let behind = |form: &Form<'m>| Form { same: false, step: "behind the gateway", ..form.clone() };
            let list = *list;
            forms.iter().map(move |form| Step { list, form: behind(form) }).collect::<Vec<_>>()
        };
        steps.extend(behind.map(passed_on).into_iter().flatten());
        let called = self.names.get_key_value(id_of(place.provider)).map(|(id, _)| *id);
        steps.extend(called.into_iter().flat_map(all));
        let url = format!("https://{}", place.host);
        let by_host = self.calculator.find_provider(None, Some(&url)).ok().flatten().map(|found| found.id());
        let Some(by_host) = by_host else {
            if !runs_here(place) {
                steps.extend(all(BY_MODEL_ALONE));
            }
            return steps;
        };
        if called != Some(by_host) {
            steps.extend(all(by_host));
        }
        steps
    }

    /// What a step finds. Some providers' prices are completed by others': Azure's by OpenAI's, say.
    pub(in crate::cost) fn take(&self, step: &Step<'_>) -> Option<Resolution> {
        let found = self.find(step.list, step.form.name)?;
        let own =
            self.names.get(step.list).is_some_and(|models| models.contains(&found.model_id.to_lowercase()));
        Some(Resolution {
            provider: step.list,
            name: step.form.name.into(),
            model: found.model_id.into(),
            exact: own && step.form.same,
            same: step.form.same,
            parts: Parts::of(self.calculator, step.list, step.form.name),
            rates: Rates::default(),
        })
    }

    fn find(&self, id: &str, model: &str) -> Option<PriceCalculation> {
        let nothing = Usage::new();
        self.calculator.calculate(&PriceRequest::new(model, &nothing).with_provider_id(id)).ok()
    }
}

/// The table's id of a provider the conventions name; other providers mostly go by the same name in both.
pub(super) fn id_of(name: &str) -> &str {
    match name {
        provider::AWS_BEDROCK => "aws",
        provider::AZURE_AI_INFERENCE | provider::AZURE_AI_OPENAI => "azure",
        provider::GCP_GEMINI | provider::GCP_VERTEX_AI => "google",
        provider::MISTRAL_AI => "mistral",
        provider::MOONSHOT_AI => "moonshotai",
        provider::X_AI => "x-ai",
        other => other,
    }
}

/// Whether a model runs on one's own machines: it bears the name of what others sell, and not their price.
pub(in crate::cost) fn runs_here(place: &Place<'_>) -> bool {
    let private = !place.host.is_empty() && private_host::is_private(place.host);
    place.provider == provider::OLLAMA || (private && !place.private_hosts)
}
