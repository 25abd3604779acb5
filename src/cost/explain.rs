//! How a price is found, step by step, for people.

use super::bundled::finding::{BY_MODEL_ALONE, runs_here};
use super::{Bundled, PriceQuery, PriceTable};

impl PriceTable {
    /// Each step of the lookup of a price in its order, one line per step, up to the one that finds it.
    #[must_use]
    pub fn explain(&self, query: &PriceQuery<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        let models = [("response model", query.answered()), ("request model", query.request_model)];
        let named = || models.into_iter().filter_map(|(kind, model)| Some((kind, model?)));
        if let Some(own) = self.own.as_deref() {
            for (kind, model) in named() {
                if own.has(model, query) {
                    lines.push(format!("prices.toml: {kind} `{model}`: found"));
                    return lines;
                }
                lines.push(format!("prices.toml: {kind} `{model}`: no entry"));
            }
        }
        for (kind, model) in named() {
            let meant = self.own.as_deref().and_then(|own| own.alias(model));
            if let Some(meant) = meant {
                lines.push(format!("prices.toml: `{model}` is an alias of `{meant}`"));
            }
            let place = self.place_of(query);
            for step in Bundled::get().steps(&place, meant.unwrap_or(model)) {
                let list = match step.list {
                    BY_MODEL_ALONE => "by the name of the model alone".to_owned(),
                    list => format!("list of {list}"),
                };
                let found = match Bundled::get().take(&step) {
                    Some(found) if found.is_exact_at(&place) => format!("found as `{}`", found.model),
                    Some(found) => format!("found as `{}`, an estimate", found.model),
                    None => "no entry".to_owned(),
                };
                let done = found != "no entry";
                lines.push(format!(
                    "genai-prices: {kind} `{}` ({}), {list}: {found}",
                    step.form.name, step.form.step
                ));
                if done {
                    lines.extend(place.multiple.map(|multiple| {
                        format!("prices.toml: the host costs {multiple} times the list price")
                    }));
                    return lines;
                }
            }
        }
        if runs_here(&self.place_of(query)) {
            lines.push(
                "genai-prices: the model runs on a host of one's own, and is not looked for by its name alone"
                    .to_owned(),
            );
        }
        lines.push(match self.own.as_deref() {
            Some(own) if own.has_default() => "prices.toml: the default price, an estimate".to_owned(),
            _ => "no table has a price".to_owned(),
        });
        lines
    }
}
