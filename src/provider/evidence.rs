//! Whether a request's body shows a call, where host and path alone do not: `/v1/messages` is also how SMS gateways are
//! called, `/responses` how surveys are answered, and `/api/chat` any web application's own route.

use crate::call::RequestFacts;
use crate::json::Json;
use crate::provider::format::Recognised;
use crate::provider::read::field;

/// What the body must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Nothing: host and path decide.
    Path,
    /// A prompt: the path serves other things as well.
    Prompt,
    /// A model, which the path may name as well, and a prompt: the host is unknown.
    ModelAndPrompt,
}

/// Whether a value has the shape of a prompt.
type HasShape = fn(&Json<'_>) -> bool;

/// Members that carry a prompt, each with the shape that makes it one.
const PROMPTS: &[(&str, HasShape)] = &[
    ("messages", is_messages),
    // Tencent.
    ("Messages", is_messages),
    ("contents", is_contents),
    ("prompt", is_text_or_list),
    ("input", is_input),
    ("inputs", is_input),
    // Amazon's older models and agents.
    ("inputText", is_text),
    // Triton.
    ("text_input", is_text),
    ("texts", is_texts),
    // vLLM's scores.
    ("text_1", is_text_or_list),
    ("queries", is_text_or_list),
    ("instances", is_instances),
    // Azure ML.
    ("input_data", is_input),
    // Tencent's embeddings.
    ("Input", is_text),
    ("InputList", is_texts),
];

/// Elements of a list that are looked at.
const LOOKED_AT: usize = 4;

/// Every member that carries a prompt.
pub(super) const ANY_PROMPT: &[&str] = &[];

impl Recognised {
    /// Whether the body shows that this is a call. `facts` is what path and body say of it; `trusted` tells that the
    /// application named the host's provider. Without a body that can be read the path decides.
    pub(crate) fn is_shown(&self, body: Option<&Json<'_>>, facts: &RequestFacts, trusted: bool) -> bool {
        if body.is_some_and(|body| self.is_none.is_some_and(|is_none| is_none(body))) {
            return false;
        }
        let evidence = if self.known_host || trusted { self.evidence } else { Evidence::ModelAndPrompt };
        match (evidence, body) {
            (Evidence::Path, _) => true,
            (_, None) => self.distinct,
            (Evidence::Prompt, Some(body)) => carries_prompt(body, self.prompts),
            (Evidence::ModelAndPrompt, Some(body)) => {
                let page = !self.distinct && is_of_a_page(body);
                facts.model.is_some() && carries_prompt(body, self.prompts) && !page
            }
        }
    }
}

/// Whether one of these members, or any where none is named, holds a prompt.
fn carries_prompt(body: &Json<'_>, names: &[&str]) -> bool {
    let named = |name: &str| names.is_empty() || names.contains(&name);
    let ranked = named("query")
        && body.get("query").is_some_and(is_text)
        && (body.get("documents").is_some_and(is_list) || body.get("texts").is_some_and(is_list));
    ranked || PROMPTS.iter().any(|(name, has_shape)| named(name) && body.get(name).is_some_and(has_shape))
}

fn is_text(value: &Json<'_>) -> bool {
    matches!(value, Json::String(_))
}

fn is_list(value: &Json<'_>) -> bool {
    matches!(value, Json::Array(_))
}

fn is_texts(value: &Json<'_>) -> bool {
    is_list(value) && first(value).iter().all(is_text)
}

fn is_text_or_list(value: &Json<'_>) -> bool {
    matches!(value, Json::String(_) | Json::Array(_))
}

/// The first elements of a list.
fn first<'v, 'j>(value: &'v Json<'j>) -> &'v [Json<'j>] {
    let elements = value.as_array().unwrap_or_default();
    &elements[..elements.len().min(LOOKED_AT)]
}

/// Whether the messages are those of a web page to its own server: they have `parts`, in version 4 of the AI SDK next to their
/// content (`UIMessage` of `useChat`).
pub(super) fn is_of_a_page(body: &Json<'_>) -> bool {
    body.get("messages").is_some_and(|messages| first(messages).iter().any(|one| one.get("parts").is_some()))
}

/// Messages have a role, and content: a web page's own messages have `parts` instead.
fn is_messages(value: &Json<'_>) -> bool {
    let said =
        ["content", "Content", "tool_calls", "function_call", "reasoning_content", "audio", "contents"];
    let is_message = |message: &Json<'_>| {
        let role = message.get("role").or_else(|| message.get("Role"));
        role.is_some_and(is_text) && said.iter().any(|name| message.get(name).is_some())
    };
    is_list(value) && first(value).iter().all(is_message)
}

/// Google's contents, of which one may stand without a list.
fn is_contents(value: &Json<'_>) -> bool {
    let has_parts = |content: &Json<'_>| content.get("parts").is_some();
    if is_list(value) { first(value).iter().all(has_parts) } else { has_parts(value) }
}

/// A text, a list of texts, token numbers or items, or an object that holds a prompt.
fn is_input(value: &Json<'_>) -> bool {
    let nested = ["text", "texts", "contents", "input_string", "query", "image", "audio"];
    match value {
        Json::String(_) | Json::Array(_) => true,
        Json::Object(_) => {
            carries_prompt(value, ANY_PROMPT) || nested.iter().any(|name| value.get(name).is_some())
        }
        _ => false,
    }
}

/// Vertex AI's instances: features of any model, or a prompt.
fn is_instances(value: &Json<'_>) -> bool {
    let carries = |instance: &Json<'_>| {
        carries_prompt(instance, ANY_PROMPT)
            || ["content", "text", "image"].iter().any(|name| instance.get(name).is_some())
            || field::is(instance, "@requestFormat", "chatCompletions")
    };
    is_list(value) && first(value).iter().any(carries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::recognised;

    fn at(url: &str) -> Recognised {
        recognised(url).unwrap()
    }

    fn shown(evidence: Evidence, body: &str) -> bool {
        let known_host = evidence != Evidence::ModelAndPrompt;
        let recognised = Recognised {
            known_host,
            evidence,
            prompts: ANY_PROMPT,
            ..at("https://llm.example.com/v1/messages")
        };
        let body = Json::read(body.as_bytes()).unwrap();
        let model = field::string(&body, "model");
        recognised.is_shown(Some(&body), &RequestFacts { model, ..RequestFacts::default() }, false)
    }

    #[test]
    fn takes_bodies_that_name_a_model_and_carry_a_prompt() {
        for body in [
            r#"{"model": "m", "messages": []}"#,
            r#"{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}"#,
            r#"{"model": "m", "messages": [{"role": "assistant", "tool_calls": []}]}"#,
            r#"{"model": "m", "input": "Hi"}"#,
            r#"{"model": "m", "input": ["Hi", "there"]}"#,
            r#"{"model": "m", "input": {"messages": []}}"#,
            r#"{"model": "m", "prompt": "Hi"}"#,
            r#"{"model": "m", "prompt": [1, 2, 3]}"#,
            r#"{"model": "m", "contents": [{"parts": [{"text": "Hi"}]}]}"#,
            r#"{"model": "m", "query": "Hi", "documents": ["a"]}"#,
        ] {
            assert!(shown(Evidence::ModelAndPrompt, body), "{body}");
        }
    }

    #[test]
    fn leaves_bodies_of_other_apis_alone() {
        for body in [
            r#"{"to": "447700900123", "from": "Shop", "text": "Your parcel has arrived."}"#,
            r#"{"model": "m", "to": "447700900123", "text": "Your parcel has arrived."}"#,
            r#"{"messages": [{"role": "user", "content": "Hi"}]}"#,
            r#"{"model": "m", "messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}]}"#,
            r#"{"model": "m", "messages": [{"to": "447700900123", "content": "Hi"}]}"#,
            r#"{"model": "m", "messages": "Hi"}"#,
            r#"{"model": "", "messages": []}"#,
            r#"{"model": {"id": "m"}, "messages": []}"#,
            r#"{"model": "m", "input": 7}"#,
            r#"{"model": "m", "input": {"width": 7}}"#,
            r#"{"survey_id": "s1", "answers": {"q1": 5}}"#,
        ] {
            assert!(!shown(Evidence::ModelAndPrompt, body), "{body}");
        }
    }

    #[test]
    fn asks_no_model_where_the_host_is_known() {
        assert!(shown(Evidence::Prompt, r#"{"messages": []}"#));
        assert!(shown(Evidence::Prompt, r#"{"instances": [{"prompt": "Hi"}]}"#));
        assert!(shown(Evidence::Prompt, r#"{"instances": [{"@requestFormat": "chatCompletions"}]}"#));
        assert!(!shown(Evidence::Prompt, r#"{"instances": [{"age": 7, "income": 1}]}"#));
        assert!(!shown(Evidence::Prompt, r#"{"dataframe_split": {"columns": ["a"], "data": [[1]]}}"#));
        assert!(shown(Evidence::Path, r#"{}"#));
    }

    #[test]
    fn messages_of_a_web_page_are_no_prompt_where_other_apis_have_the_path() {
        let body = r#"{"model": "m", "messages": [{"role": "user", "content": "Hi", "parts": [{"type": "text", "text": "Hi"}]}]}"#;
        let of = |url: &str| {
            let body = Json::read(body.as_bytes()).unwrap();
            let facts = RequestFacts { model: Some("m".to_owned()), ..RequestFacts::default() };
            at(url).is_shown(Some(&body), &facts, false)
        };
        assert!(!of("https://app.example.com/api/chat"));
        assert!(!of("https://app.example.com/v1/messages"));
        assert!(of("https://llm.example.com/v1/chat/completions"));
    }

    #[test]
    fn decides_by_the_path_where_no_body_can_be_read() {
        let facts = RequestFacts::default();
        assert!(at("https://llm.example.com/v1/chat/completions").is_shown(None, &facts, false));
        assert!(!at("https://llm.example.com/v1/messages").is_shown(None, &facts, false));
        assert!(at("https://llm.example.com/v1/messages").is_shown(None, &facts, true));
        assert!(at("https://api.anthropic.com/v1/messages").is_shown(None, &facts, false));
        let endpoint = "https://w.cloud.databricks.com/serving-endpoints/e/invocations";
        assert!(!at(endpoint).is_shown(None, &facts, false));
    }
}
