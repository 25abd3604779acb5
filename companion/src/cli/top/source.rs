//! Where `top` gets what it shows: a ledger, or a running companion.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use spanledger::PriceTable;
use tokio::runtime::Runtime;

use crate::app;
use crate::cli::{Common, Failure};
use crate::clock;
use crate::evaluate::state_file::StateFile;
use crate::explain::{Explained, Found, find};
use crate::live::{Live, read};
use crate::report::rule_states::alert_state;
use crate::store::{Filter, Querier};
use crate::text::terminal::harmless;

/// A companion that takes longer to respond is shown as an error.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A response that is larger is not read.
const MOST_BYTES: usize = 4 << 20;

/// Where the view comes from.
pub(super) enum Source {
    Ledger { querier: Arc<dyn Querier>, prices: Box<PriceTable>, path: PathBuf },
    Companion { client: reqwest::Client, url: String, token: Option<String> },
}

impl Source {
    /// The ledger of the configuration, opened to read.
    pub(super) fn ledger(common: &Common) -> Result<Self, Failure> {
        let loaded = common.load(&[])?;
        let querier = common.querier(&loaded)?;
        let prices = Box::new(app::prices(&loaded)?);
        Ok(Self::Ledger { querier, prices, path: loaded.config.ledger.path.clone() })
    }

    /// The companion at `url`.
    pub(super) fn remote(url: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        let token = token_file.map(|path| {
            std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|error| Failure(format!("--token-file {}: {error}", path.display())))
        });
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self::Companion { client, url: url.trim_end_matches('/').to_owned(), token: token.transpose()? })
    }

    /// What the title shows.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Ledger { path, .. } => path.display().to_string(),
            Self::Companion { url, .. } => url.clone(),
        }
    }

    /// The present, or why it is not known.
    pub(super) fn read(&self, filter: &Filter, runtime: &Runtime) -> Result<Live, String> {
        match self {
            Self::Ledger { querier, path, .. } => {
                let rules: Vec<_> = StateFile::peek(path).alerts.iter().map(alert_state).collect();
                read(querier.as_ref(), &rules, filter, clock::now()).map_err(|error| error.to_string())
            }
            Self::Companion { .. } => {
                let given = [
                    ("service", &filter.service),
                    ("provider", &filter.provider),
                    ("model", &filter.model),
                    ("user", &filter.user),
                ];
                let tag = filter.tags.first().map(|(key, value)| format!("{key}={value}"));
                let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
                let given = given.chain(tag.as_deref().map(|tag| ("tag", tag)));
                self.ask("/live.json", &given.collect::<Vec<_>>(), runtime)
            }
        }
    }

    /// One call, or why it is not known.
    pub(super) fn call(&self, id: &str, runtime: &Runtime) -> Result<Explained, String> {
        match self {
            Self::Ledger { querier, prices, .. } => match find(querier.as_ref(), prices, id, clock::now()) {
                Ok(Found::One(call)) => Ok(*call),
                Ok(_) => Err("the call is no longer in the ledger".to_owned()),
                Err(error) => Err(error.to_string()),
            },
            Self::Companion { .. } => self.ask("/call.json", &[("id", id)], runtime),
        }
    }

    fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        runtime: &Runtime,
    ) -> Result<T, String> {
        let Self::Companion { client, url, token } = self else { return Err("no companion".to_owned()) };
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        let mut request = client.get(format!("{url}{path}?{query}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        runtime.block_on(async {
            let failed = |error: reqwest::Error| {
                let Failure(causes) = error.without_url().into();
                causes
            };
            let mut response = request.send().await.map_err(failed)?;
            let status = response.status();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                if body.len() + chunk.len() > MOST_BYTES {
                    return Err("the response is larger than 4 MiB".to_owned());
                }
                body.extend_from_slice(&chunk);
            }
            if !status.is_success() {
                return Err(format!("{url}{path}: {status}; check the address and --token-file"));
            }
            serde_json::from_slice(&body).map_err(|error| {
                format!("{url}{path} is not a companion of this version: {}", harmless(&error.to_string()))
            })
        })
    }
}
