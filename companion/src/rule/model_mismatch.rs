use std::collections::{BTreeMap, HashMap};

use super::config::{Key, Settings};
use super::past::minutes::{Newest, PAIRINGS, Pairs};
use super::{Absent, By, Compare, Evaluation, Inputs, Rule, RuleName, Sample, Scope, TOP, Unit, Verdict, count};
use crate::store::StoreError;
use crate::text::seconds::Seconds;
use crate::text::terminal::plural;

/// Responses name another model than the requests, and no version of it: a fallback, a wrong route, a model that was
/// withdrawn. What a model has been served as for half a day is an alias.
pub(super) const RULE: Rule = Rule {
    name: RuleName::ModelMismatch,
    advice: "look at the routes of the gateway, and whether the model still exists",
    unit: Unit::Calls,
    compare: Compare::AtLeast,
    absent: Absent::Calm,
    by: None,
    defaults: Settings {
        threshold: 10.0,
        window: Seconds(900),
        keep_firing_for: Seconds(900),
        ..Settings::WARNING
    },
    fixed: None,
    before: Seconds(120),
    grain: Seconds::MINUTE,
    keys: &[Key::Threshold, Key::Models],
    summary,
    evaluate,
};

fn summary(_settings: &Settings) -> String {
    "LLM calls are served by another model than they ask for".to_owned()
}

fn evaluate(scope: &Scope, inputs: &Inputs<'_>) -> Result<Evaluation, StoreError> {
    let length = scope.settings.window;
    let samples = inputs.pasts.pairs(RULE.name, &scope.filter, |pairs| {
        pairs.extend(&scope.filter, inputs, length, |querier, window| {
            querier.served_models(window, &scope.filter, PAIRINGS)
        })?;
        Ok::<_, StoreError>(judge(scope, inputs, pairs))
    })?;
    Ok(scope.judged(samples))
}

/// A sample for each service.
fn judge(scope: &Scope, inputs: &Inputs<'_>, pairs: &Pairs) -> Vec<Sample> {
    let mut by_service: BTreeMap<&str, (u64, Vec<Newest<'_>>)> = BTreeMap::new();
    let mut words_of: HashMap<&str, Vec<String>> = HashMap::new();
    let newest = pairs.newest();
    // Those of one model follow each other.
    for of_model in
        newest.chunk_by(|one, other| (one.deployment, one.subject) == (other.deployment, other.subject))
    {
        let [Newest { deployment, subject, .. }, ..] = *of_model else { continue };
        let asked = Asked::new(subject, pairs.usual(deployment, subject, inputs.now));
        let (calls, found) = by_service.entry(deployment).or_default();
        for pair in of_model {
            *calls += pair.calls;
            // Many models that are asked for are served by few.
            let served = words_of.entry(pair.value).or_insert_with(|| words(pair.value));
            if asked.is_mismatch(pair.value, served) {
                found.push(*pair);
            }
        }
    }
    let within = scope.settings.window.words();
    let samples = by_service.into_iter().map(|(service, (calls, mut found))| {
        found.sort_by_key(|pair| std::cmp::Reverse(pair.calls));
        let other: u64 = found.iter().map(|pair| pair.calls).sum();
        let named: Vec<String> = found
            .iter()
            .take(TOP)
            .map(|pair| format!("{} as {} ({})", pair.subject, pair.value, pair.calls))
            .collect();
        let served = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
        Sample {
            labels: scope.labels_of(By::Service, service),
            value: count(other),
            threshold: scope.settings.threshold,
            learned: false,
            verdict: Verdict::of(count(other) >= scope.settings.threshold),
            description: format!(
                "{other} of {calls} {} within {within} served by another model{served}",
                plural(calls, "call")
            ),
        }
    });
    samples.collect()
}

/// A model that was asked for.
struct Asked<'a> {
    name: &'a str,
    words: Vec<String>,
    /// What it was served as for half a day, and the same without versions.
    usual: Vec<&'a str>,
    unversioned: Vec<Vec<String>>,
}

impl<'a> Asked<'a> {
    fn new(name: &'a str, usual: Vec<&'a str>) -> Self {
        let unversioned = usual.iter().map(|known| without_version(known)).collect();
        Self { name, words: words(name), usual, unversioned }
    }

    /// Whether a served model is news. What was served as something for half a day may only be served as that, and as itself.
    /// One that is new may be an alias, unless its name has a version.
    fn is_mismatch(&self, served: &str, words: &[String]) -> bool {
        if served == self.name || self.usual.contains(&served) || self.is_version(words) {
            return false;
        }
        // A new snapshot of what an alias means.
        if !self.usual.is_empty() {
            return !self.unversioned.contains(&without_version(served));
        }
        self.name.bytes().any(|byte| byte.is_ascii_digit())
    }

    /// Whether `served` is this model, perhaps with the date or number of its snapshot: `gpt-4o-2024-08-06` is `gpt-4o`,
    /// and `gpt-4o-mini` is not. Providers before a slash, regions and `latest` count for nothing, and `gpt-35-turbo` is
    /// `gpt-3.5-turbo`.
    fn is_version(&self, served: &[String]) -> bool {
        let asked = &self.words;
        // Names from gateways and clouds begin with more than one of the two knows.
        (0..=served.len()).any(|skip| is_prefix(asked, &served[skip..], skip > 0))
            || (1..=asked.len()).any(|skip| is_prefix(&asked[skip..], served, true))
    }
}

/// Whether `served` is `asked` and what may follow, however the two are divided into words. Without its beginning a name must
/// still be one of several words.
fn is_prefix(asked: &[String], served: &[String], cut: bool) -> bool {
    if asked.is_empty() || cut && asked.len() < 2 {
        return false;
    }
    let mut name = asked.iter().flat_map(|word| word.bytes()).peekable();
    for (number, word) in served.iter().enumerate() {
        if !word.bytes().all(|byte| name.next() == Some(byte)) {
            return false;
        }
        if name.peek().is_none() {
            return served[number + 1..].iter().all(|word| is_version(word));
        }
    }
    false
}

/// A date, a build or a version: `2024`, `08`, `0613`, `001`, `v1`. One digit alone is another model: `gpt-4.1`.
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all && (digits.len() > 1 || digits.len() < word.len()) || matches!(word, "preview" | "latest" | "0")
}

/// The words of a name without the version at its end.
fn without_version(name: &str) -> Vec<String> {
    let mut words = words(name);
    while words.len() > 1 && words.last().is_some_and(|word| is_version(word)) {
        words.pop();
    }
    words
}

/// The words of a name in lower case, without what only says which version is wanted.
fn words(name: &str) -> Vec<String> {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    // Bedrock ends the names of its models with `-v2:0`.
    let revision = |(_, after): &(&str, &str)| after.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let name = name.rsplit_once("-v").filter(revision).map_or(name.as_str(), |(before, _)| before);
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    while words.last().is_some_and(|word| matches!(word.as_str(), "latest" | "free" | "online")) && words.len() > 1 {
        words.pop();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_version_of(served: &str, asked: &str) -> bool {
        Asked::new(asked, Vec::new()).is_version(&words(served))
    }

    #[test]
    fn snapshots_and_spellings_are_the_same_model_and_siblings_are_not() {
        for (asked, served) in [
            ("gpt-4o", "gpt-4o"),
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("gpt-4", "gpt-4-0613"),
            ("gpt-4", "gpt-4-1106-preview"),
            ("gpt-35-turbo", "gpt-3.5-turbo-0125"),
            ("openai/gpt-4o", "gpt-4o-2024-11-20"),
            ("gpt-4o", "openai/gpt-4o"),
            ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
            ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet-20241022"),
            ("gemini-1.5-flash", "models/gemini-1.5-flash-002"),
            ("mistral-large-latest", "mistral-large-2411"),
            ("Qwen-Plus", "qwen-plus-2025-01-25"),
            ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct"),
        ] {
            assert!(is_version_of(served, asked), "{asked} {served}");
        }
        for (asked, served) in [
            ("gpt-4o", "gpt-4o-mini"),
            ("gpt-4o", "gpt-4o-mini-2024-07-18"),
            ("gpt-4", "gpt-4.1"),
            ("gpt-4", "gpt-4-32k"),
            ("gpt-4-turbo", "gpt-4"),
            ("claude-3-opus", "claude-3-5-sonnet-20241022"),
            ("claude-3", "claude-3-5-sonnet"),
            ("o1", "o1-mini"),
            ("gemini-1.5-pro", "gemini-1.5-flash"),
            ("llama-3.1-70b", "llama-3.1-8b"),
            ("mini", "gpt-4o-mini"),
        ] {
            assert!(!is_version_of(served, asked), "{asked} {served}");
        }
    }
}
