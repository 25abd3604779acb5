//! What a failed call failed of: one name and one HTTP status for the words of every sender.
//!
//! A sender reports an HTTP status, an exception class, a provider's error code or a text. The status is the attribute's,
//! else the one that the type or the text names, else the one that the name implies. The kind is decided by the
//! first of status, type and text that says anything; the tables are in the order of their trust.

mod codes;
mod names;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use regex::Regex;

pub(super) use names::Kind;

/// What the words of a failure come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// The HTTP status, where one is reported or follows from the name.
    pub(super) status: Option<u16>,
    pub(super) kind: Option<Kind>,
}

impl Failure {
    /// Reads the words of a failed call: the status its attribute has, its error type and its texts.
    pub(super) fn read<'a>(
        status: Option<u16>,
        error_type: Option<&str>,
        texts: impl Iterator<Item = &'a str> + Clone,
    ) -> Self {
        let reported = status
            .filter(|code| *code >= 400)
            .or_else(|| error_type.and_then(digits))
            .or_else(|| texts.clone().find_map(status_in));
        let class = || texts.clone().filter_map(class_in).find_map(Kind::of_name);
        let named = error_type.and_then(Kind::of_name).or_else(class);
        let in_text = || texts.clone().find_map(Kind::of_text);
        let kind = match reported.and_then(Kind::of_status) {
            // A status is coarse: a name or a text may say which of its failures it was.
            Some(coarse) => {
                [named, in_text()].into_iter().flatten().find(|kind| kind.refines(coarse)).or(Some(coarse))
            }
            None => named.or_else(in_text),
        };
        Self { status: status.or(reported), kind }.settled()
    }

    /// With what a code means that only its provider gives this meaning.
    pub(super) fn coded(self, provider: &str, code: &str) -> Self {
        match codes::kind(provider, code) {
            Some(kind) => Self { kind: Some(kind), ..self }.settled(),
            None => self,
        }
    }

    /// With the status of its kind where none is known. HTTP status 200 is none of a call that the body refuses: it would
    /// hide the call from all that looks at 429, 401 and 403.
    fn settled(self) -> Self {
        let status = self.kind.and_then(Kind::status);
        let refused =
            matches!(self.kind, Some(Kind::RateLimited | Kind::Unauthenticated | Kind::PermissionDenied));
        match self.status {
            None => Self { status, ..self },
            Some(200..=299) if refused => Self { status, ..self },
            Some(_) => self,
        }
    }
}

/// The name of the kind of failure whose error type is `error_type`; that itself where it is none of the known ones.
pub(crate) fn kind_of(error_type: &str) -> String {
    let kind = Failure::read(None, Some(error_type), std::iter::empty()).kind;
    kind.map_or_else(|| error_type.to_owned(), |kind| kind.as_str().to_owned())
}

/// An error type that is an HTTP status.
fn digits(error_type: &str) -> Option<u16> {
    error_type.parse().ok().filter(|code| (400..=599).contains(code))
}

/// The ways in which texts name an HTTP status:
/// `Error code: 429`, `status_code: 429`, `HTTP 429`, `HTTP/1.1 429`, `'code': 429`, `got status: 429`; `(429 Too Many
/// Requests)`; a line that begins with it, after the exception's class or not; `429 RESOURCE_EXHAUSTED` anywhere;
/// `Error 429, Message`, `API Error: 529`; `: 404 Not Found`, `[503 Service Unavailable]`.
const STATUS: [&str; 6] = [
    r#"(?i)\b(?:error code|status[ _-]?code|status|http(?:/[0-9.]+)?|code)\b["']?\s*[:=]?\s*["'(]?([45][0-9]{2})\b"#,
    r"\(([45][0-9]{2})(?:\)| [A-Z])",
    r"(?m)^\s*(?:[A-Za-z_][A-Za-z0-9_.]*(?:Error|Exception)[:(]\s*['\x22]?)?([45][0-9]{2})(?:[ :{.]|$)",
    r"\b([45][0-9]{2}) [A-Z][A-Z_]{4,}\b",
    r"\b[Ee]rror:? ([45][0-9]{2})\b",
    r#"(?:: |\[|['"])([45][0-9]{2}) (?:Bad (?:Request|Gateway)|Unauthorized|Payment Required|Forbidden|Not Found|Request Timeout|Conflict|Unprocessable|Too Many|Internal Server|Service Unavailable|Gateway Time)"#,
];

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and every test of this file compiles them"
)]
static PATTERNS: LazyLock<[Regex; 6]> =
    LazyLock::new(|| STATUS.map(|pattern| Regex::new(pattern).expect("a constant pattern")));

/// The HTTP status that the text of a failure names.
fn status_in(text: &str) -> Option<u16> {
    PATTERNS.iter().find_map(|pattern| pattern.captures(text)?.get(1)?.as_str().parse().ok())
}

/// The exception class with which a text begins: `RateLimitError: Error code: 429`, `OpenAIRateLimitError('…')`.
pub(super) fn class_in(text: &str) -> Option<&str> {
    let end = text.find([':', '('])?;
    let class = &text[..end];
    let named = ["Error", "Exception", "Timeout"].iter().any(|ending| class.ends_with(ending));
    let word = class.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    (named && word).then_some(class)
}
