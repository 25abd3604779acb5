//! The bearer token that guards a listener.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How long a wrong token waits, and how many do at a time.
const LATE: Duration = Duration::from_millis(250);
const GUESSES: usize = 4;
/// How long one waits for its turn.
const LONGEST: Duration = Duration::from_secs(10);

/// Wrong tokens, of all that guess them. Each is answered late, and few at a time, so that guessing takes long; right ones
/// never wait.
#[derive(Debug, Clone)]
pub(crate) struct WrongTokens {
    number: Arc<AtomicU64>,
    at_a_time: Arc<Semaphore>,
}

impl Default for WrongTokens {
    fn default() -> Self {
        Self { number: Arc::default(), at_a_time: Arc::new(Semaphore::new(GUESSES)) }
    }
}

impl WrongTokens {
    /// Counts one and waits, if `headers` carry a token at all.
    pub(crate) async fn answer_late(&self, headers: &HeaderMap) {
        if !headers.contains_key(header::AUTHORIZATION) {
            return;
        }
        self.number.fetch_add(1, Ordering::Relaxed);
        let turn = timeout(LONGEST, self.at_a_time.acquire()).await;
        sleep(LATE).await;
        drop(turn);
    }

    /// How many there were.
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }
}

/// A secret that senders prove to know. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token `text`, without the white space around it that files end with. `None` when nothing is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Whether `headers` carry this token, compared in constant time: `Authorization: Bearer TOKEN`, or
    /// `Basic` with the token as password, which is how browsers can send it.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let Some((scheme, credentials)) = value.split_once(' ') else { return false };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.equals(credentials.as_bytes());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return false;
        }
        STANDARD.decode(credentials).is_ok_and(|pair| {
            let password = pair.iter().position(|byte| *byte == b':').map(|colon| &pair[colon + 1..]);
            password.is_some_and(|password| self.equals(password))
        })
    }

    fn equals(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}
