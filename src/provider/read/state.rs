//! Documents of status 200 that hold no response: an error in whatever form, or the state of one that comes later.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::lenient::{Object, Text};
use super::{error, repair};
use crate::call::ResponseFacts;

/// What APIs call a response that is to be fetched later.
const PENDING: [&str; 18] = [
    "queued",
    "in_progress",
    "pending",
    "processing",
    "running",
    "starting",
    "started",
    "created",
    "accepted",
    "submitted",
    "scheduled",
    "waiting",
    "not_started",
    "validating",
    "in_queue",
    "preparing",
    "queueing",
    "rerunning",
];

/// Whether a word is what APIs call a response that is to be fetched later, whatever its case.
pub(super) fn is_pending(word: &str) -> bool {
    PENDING.iter().any(|pending| pending.eq_ignore_ascii_case(word))
}

/// Where APIs put the state, and the names of what is to be fetched.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    state: Text<'a>,
    /// DashScope within `output`, Z.ai.
    #[serde(borrow)]
    task_status: Text<'a>,
    #[serde(borrow)]
    task_id: Text<'a>,
    /// xAI's deferred completions have nothing else.
    #[serde(borrow)]
    request_id: Text<'a>,
    #[serde(borrow)]
    output: Object<Output<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    task_status: Text<'a>,
    #[serde(borrow)]
    task_id: Text<'a>,
}

/// Reads a document that a wire format found nothing of a response in.
pub(crate) fn read(document: &[u8], facts: &mut ResponseFacts) {
    if !facts.is_bare() || facts.cancelled {
        return;
    }
    let mended;
    let mut state = serde_json::from_slice::<Object<State<'_>>>(document);
    if state.is_err()
        && let Some(text) = repair::repair_short(document)
    {
        mended = text;
        state = serde_json::from_slice(&mended);
    }
    let state = state.unwrap_or_default().0;
    let state = state.as_deref();
    if facts.pending || state.is_some_and(State::is_pending) {
        facts.pending = true;
        return;
    }
    facts.error = error::read(document);
    facts.pending = facts.error.is_none() && state.is_some_and(|state| state.is_task(document));
}

impl State<'_> {
    /// The state, wherever it is.
    fn given(&self) -> Option<&str> {
        let output = self.output.0.as_deref().and_then(|output| output.task_status.some());
        [&self.status, &self.state, &self.task_status].into_iter().find_map(Text::some).or(output)
    }

    /// Whether a state is given, and it is one before the end.
    fn is_pending(&self) -> bool {
        self.given().is_some_and(is_pending)
    }

    /// Whether nothing but the name of a task is given.
    fn is_task(&self, document: &[u8]) -> bool {
        if self.given().is_some() {
            return false;
        }
        let output = self.output.0.as_deref().and_then(|output| output.task_id.some());
        let alone = || {
            let members = serde_json::from_slice::<BTreeMap<Cow<'_, str>, IgnoredAny>>(document);
            members.is_ok_and(|members| members.len() == 1)
        };
        self.task_id.some().or(output).is_some() || (self.request_id.some().is_some() && alone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(document: &str) -> ResponseFacts {
        let mut facts = ResponseFacts::default();
        read(document.as_bytes(), &mut facts);
        facts
    }

    #[test]
    fn knows_what_is_to_be_fetched_later() {
        for document in [
            r#"{"id":"r","status":"queued","error":null}"#,
            r#"{"id":"r","status":"in_progress"}"#,
            r#"{"id":"7","model":"m","task_status":"PROCESSING"}"#,
            r#"{"output":{"task_id":"t","task_status":"PENDING"},"request_id":"q"}"#,
            r#"{"request_id":"q"}"#,
            r#"{"task_id":"t","base_resp":{"status_code":0,"status_msg":"success"}}"#,
            r#"{"id":"p","status":"starting","urls":{}}"#,
        ] {
            let facts = facts(document);
            assert!(facts.pending && facts.error.is_none(), "{document}: {facts:?}");
        }
        for document in [r#"{"id":"r","status":"completed"}"#, r#"{"request_id":"q","id":"r"}"#, "{}", "[]"] {
            assert!(!facts(document).pending, "{document}");
        }
    }

    #[test]
    fn an_error_in_a_success_is_an_error_in_every_form() {
        for (document, code) in [
            (
                r#"{"id":"x","model":"m","choices":null,"usage":{"total_tokens":0},"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#,
                "1002",
            ),
            (r#"{"error_code":336007,"error_msg":"param invalid","id":"as-1"}"#, "336007"),
            (
                r#"{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"q"}"#,
                "InvalidApiKey",
            ),
            (
                r#"{"result":null,"success":false,"errors":[{"code":7009,"message":"Upstream"}],"messages":[]}"#,
                "7009",
            ),
            (r#"{"error":{"code":"1113","message":"balance"}}"#, "1113"),
            (
                r#"{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"no"},"RequestId":"q"}}"#,
                "AuthFailure.SignatureFailure",
            ),
            (
                r#"{"ResponseMetadata":{"RequestId":"q","Error":{"Code":"AccessDenied","Message":"no"}}}"#,
                "AccessDenied",
            ),
            (r#"{"header":{"code":10013,"message":"input rejected","sid":"s","status":2}}"#, "10013"),
            (r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}"#, "REQUEST_LIMIT_EXCEEDED"),
            (r#"{"message":"Model overloaded","code":50603}"#, "50603"),
            (r#"{"errcode":40013,"errmsg":"invalid appid"}"#, "40013"),
            (r#"{"detail":"No such deployment"}"#, ""),
            (
                r#"{"detail":[{"loc":["body"],"msg":"field required","type":"value_error.missing"}]}"#,
                "value_error.missing",
            ),
            (r#"{"title":"Not Found","detail":"no model","status":"404"}"#, "404"),
        ] {
            let facts = facts(document);
            let error = facts.error.unwrap_or_else(|| panic!("{document} is read as a success"));
            assert_eq!(error.code.as_deref().unwrap_or_default(), code, "{document}");
            assert!(error.message.is_some(), "{document}");
        }
    }

    #[test]
    fn words_of_success_are_no_error() {
        for document in [
            r#"{"base_resp":{"status_code":0,"status_msg":"success"}}"#,
            r#"{"header":{"code":0,"message":"Success","sid":"s"}}"#,
            r#"{"code":200,"message":"ok"}"#,
            r#"{"status_code":200,"code":"","message":""}"#,
            r#"{"Response":{"RequestId":"q"}}"#,
            r#"{"success":true,"errors":[],"messages":[],"result":{}}"#,
        ] {
            assert_eq!(facts(document).error, None, "{document}");
        }
    }
}
