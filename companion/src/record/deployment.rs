//! A service in one of its environments. What runs in development is judged apart from what runs in production.

use std::borrow::Cow;

use super::TagKey;

/// The tag that a call has of its environment: see [`CallRecord::environment`](super::CallRecord::environment).
pub(crate) const ENVIRONMENT: TagKey = TagKey::of_static("environment");

/// Between both in the name of a deployment. No one types it.
const SEPARATOR: char = '\u{1f}';

/// The name of a service in an environment; of one without an environment that of the service.
pub(crate) fn deployment<'a>(service: &'a str, environment: &str) -> Cow<'a, str> {
    if environment.is_empty() {
        return service.into();
    }
    format!("{service}{SEPARATOR}{environment}").into()
}

/// Both from the name that [`deployment`] makes; the environment is empty where there is none.
pub(crate) fn service_and_environment(name: &str) -> (&str, &str) {
    name.rsplit_once(SEPARATOR).unwrap_or((name, ""))
}
