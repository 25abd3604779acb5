//! `gen_ai.provider.name`, as the application sets it for hosts of its own.

use std::borrow::Cow;
use std::collections::HashMap;

/// The application's names of providers.
#[derive(Debug, Default)]
pub(crate) struct ProviderNames {
    /// For hosts that are not known.
    pub(crate) default: Option<Cow<'static, str>>,
    /// By host, in lower case.
    pub(crate) of_host: HashMap<String, Cow<'static, str>>,
}

impl ProviderNames {
    /// The application's name for this host, else what is known of the host or path, else the application's
    /// default, else the host itself.
    pub(crate) fn name(&self, host: &str, known: Option<&'static str>) -> Cow<'static, str> {
        self.of_host
            .get(host)
            .cloned()
            .or(known.map(Cow::Borrowed))
            .or_else(|| self.default.clone())
            .unwrap_or_else(|| Cow::Owned(host.to_owned()))
    }
}
