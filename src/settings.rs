//! What the builder decided, shared by all calls of one middleware.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::call::Call;
use crate::content::Capture;
use crate::cost::PriceTable;
use crate::hash::HashKey;
use crate::outcome::Verdict;
use crate::telemetry::Telemetry;
use crate::usage::UsageSource;

/// Bytes of English text or JSON a token stands for, on the average of the large models' tokenizers.
const BYTES_PER_TOKEN: u64 = 4;

/// The settings of one middleware.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) telemetry: Telemetry,
    pub(crate) prices: Arc<PriceTable>,
    pub(crate) hash_key: HashKey,
    pub(crate) key_fingerprint: bool,
    pub(crate) capture: Capture,
    /// For hosts that the table of providers does not know.
    pub(crate) provider: Option<Cow<'static, str>>,
    pub(crate) provider_of_host: HashMap<String, Cow<'static, str>>,
    pub(crate) estimate_usage: bool,
    pub(crate) ask_for_usage: bool,
    pub(crate) read_baggage: bool,
    pub(crate) propagate: bool,
}

impl Settings {
    /// `gen_ai.provider.name`: the application's word for this host, else what is known of the host or path,
    /// else the application's default, else the host itself.
    pub(crate) fn provider(&self, host: &str, recognised: Option<&'static str>) -> Cow<'static, str> {
        self.provider_of_host
            .get(host)
            .cloned()
            .or(recognised.map(Cow::Borrowed))
            .or_else(|| self.provider.clone())
            .unwrap_or_else(|| Cow::Owned(host.to_owned()))
    }

    /// Fills in tokens counted from bytes where the provider gave none, or fewer than came, and the application opted
    /// in.
    pub(crate) fn estimate(&self, call: &mut Call, verdict: &mut Verdict) {
        let answered = call.response.output || call.response.complete();
        if !self.estimate_usage || verdict.usage_source == UsageSource::Provider || !answered {
            return;
        }
        let output = call.response.output_bytes.div_ceil(BYTES_PER_TOKEN);
        let usage = &mut call.response.usage;
        let known = (usage.input_tokens, usage.output_tokens);
        usage.input_tokens.get_or_insert(call.request_bytes.div_ceil(BYTES_PER_TOKEN));
        // The running count of a stream that was cut is often the first: Anthropic's begins at 1.
        usage.output_tokens = usage.output_tokens.max(Some(output));
        if known != (usage.input_tokens, usage.output_tokens) {
            verdict.usage_source = UsageSource::Estimated;
        }
    }
}
