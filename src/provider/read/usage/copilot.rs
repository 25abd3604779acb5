//! What GitHub Copilot reports next to `usage`, in the formats of OpenAI and of Anthropic.

use super::{Amount, Dialect, Member, Table};

/// 10^9 nano-AIU are one AI credit of USD 0.01. Source: docs.github.com, "Usage-based billing", 2026-06.
#[derive(Debug)]
pub(in crate::provider) struct Copilot;

impl Dialect for Copilot {
    const NAME: &'static str = "copilot_usage";
    const MEMBER: Member = Member::Object(&[&[
        ("total_nano_aiu", Member::Charge(Amount::Metered, 1e-11)),
        ("token_details", Member::Each(TOKENS, |_, _| true)),
    ]]);
}

/// What the total is computed from.
const TOKENS: Table = &[
    ("token_type", Member::Free),
    ("token_count", Member::Free),
    ("cost_per_batch", Member::Free),
    ("batch_size", Member::Free),
];
