//! Error codes that mean something at one provider only: numbers that responses with HTTP status 200 carry.
//!
//! MiniMax's are those of <https://platform.minimax.io/docs/api-reference/errorcode> (2026-11). Those of Z.ai, Baidu, iFlytek and
//! Cloudflare are not confirmed by a page that was read; a wrong one changes the kind of a failure, never whether it is one.

use spanledger::semconv::provider;

use super::Kind;

/// What a provider's code means.
pub(super) fn kind(provider: &str, code: &str) -> Option<Kind> {
    let provider = provider.to_ascii_lowercase().replace(['-', '.'], "_");
    let code: u32 = code.parse().ok()?;
    let (_, codes) = PROVIDERS.iter().find(|(names, _)| names.contains(&provider.as_str()))?;
    codes.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, kind)| *kind)
}

type Codes = &'static [(&'static [u32], Kind)];

/// The names of each provider, ours first, and its codes.
const PROVIDERS: &[(&[&str], Codes)] = &[
    (&[provider::MINIMAX], MINIMAX),
    (&[provider::Z_AI, "zai", "zhipu", "zhipuai", "bigmodel"], Z_AI),
    (&[provider::BAIDU, "qianfan", "ernie"], BAIDU),
    (&[provider::IFLYTEK, "spark", "xunfei"], IFLYTEK),
    (&[provider::CLOUDFLARE, "workers_ai"], CLOUDFLARE),
];

const MINIMAX: Codes = &[
    (&[1001], Kind::Timeout),
    (&[1002, 1039, 1041, 2045], Kind::RateLimited),
    (&[1004, 2049], Kind::Unauthenticated),
    (&[1008, 2056], Kind::QuotaExceeded),
    (&[1000, 1013, 1024, 1033], Kind::ServerError),
    (&[1026, 1027], Kind::ContentFiltered),
    (&[2013], Kind::InvalidRequest),
];

const Z_AI: Codes = &[
    (&[1000, 1001, 1002, 1003, 1004], Kind::Unauthenticated),
    (&[1110, 1111, 1112, 1220], Kind::PermissionDenied),
    (&[1113, 1304, 1308, 1309], Kind::QuotaExceeded),
    (&[1210, 1212, 1213, 1214, 1215], Kind::InvalidRequest),
    (&[1211], Kind::NotFound),
    (&[1261], Kind::ContextLengthExceeded),
    (&[1301], Kind::ContentFiltered),
    (&[1302, 1303, 1305], Kind::RateLimited),
];

const BAIDU: Codes = &[
    (&[1], Kind::ServerError),
    (&[2, 336_100], Kind::Overloaded),
    (&[4, 18, 336_501, 336_502], Kind::RateLimited),
    (&[6], Kind::PermissionDenied),
    (&[13, 14, 100, 110, 111], Kind::Unauthenticated),
    (&[17, 19], Kind::QuotaExceeded),
];

const IFLYTEK: Codes = &[
    (&[10_007, 11_202, 11_203], Kind::RateLimited),
    (&[10_013, 10_014, 10_019], Kind::ContentFiltered),
    (&[10_015, 10_016, 11_200], Kind::PermissionDenied),
    (&[10_110], Kind::Overloaded),
    (&[10_163], Kind::InvalidRequest),
    (&[10_907], Kind::ContextLengthExceeded),
    (&[11_201], Kind::QuotaExceeded),
];

const CLOUDFLARE: Codes =
    &[(&[3036], Kind::QuotaExceeded), (&[3040], Kind::Overloaded), (&[9109, 10_000], Kind::Unauthenticated)];
