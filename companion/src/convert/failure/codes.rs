//! Error codes that mean something at one provider only: numbers that responses with HTTP status 200 carry.
//!
//! Each table names the page that it was read from (2026-11). A code that is in none of them keeps its text, and its failure has no
//! kind.

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

/// <https://platform.minimax.io/docs/api-reference/errorcode>.
const MINIMAX: Codes = &[
    (&[1001], Kind::Timeout),
    (&[1002, 1039, 1041, 2045], Kind::RateLimited),
    (&[1004, 2049], Kind::Unauthenticated),
    (&[1008, 2056], Kind::QuotaExceeded),
    (&[1000, 1013, 1024, 1033], Kind::ServerError),
    (&[1026, 1027], Kind::ContentFiltered),
    (&[2013], Kind::InvalidRequest),
];

/// <https://docs.z.ai/api-reference/api-code>, and <https://docs.bigmodel.cn/cn/api/api-code>, which has more of the same.
const Z_AI: Codes = &[
    (&[1000, 1001, 1002, 1003, 1004], Kind::Unauthenticated),
    // An account that is inactive, unknown, locked or barred; an API or a model that the plan does not have.
    (&[1110, 1111, 1112, 1121, 1220, 1311], Kind::PermissionDenied),
    // Arrears, the day's calls, the plan's limits and its end.
    (&[1113, 1304, 1308, 1309, 1310], Kind::QuotaExceeded),
    (&[1200, 1210, 1212, 1213, 1214, 1215], Kind::InvalidRequest),
    (&[1211, 1221, 1222], Kind::NotFound),
    (&[1100, 1120, 1230, 1234], Kind::ServerError),
    (&[1261], Kind::ContextLengthExceeded),
    (&[1301], Kind::ContentFiltered),
    // Concurrency, frequency, traffic, fair use.
    (&[1302, 1303, 1305, 1313], Kind::RateLimited),
    (&[1312], Kind::Overloaded),
];

/// <https://cloud.baidu.com/doc/WENXINWORKSHOP/s/tlmyncueh>, and `APIErrorCode` of Baidu's own SDK
/// (<https://github.com/baidubce/bce-qianfan-sdk>), which names those of six digits.
const BAIDU: Codes = &[
    (&[1, 336_000], Kind::ServerError),
    (&[2, 336_100], Kind::Overloaded),
    (&[3, 336_005], Kind::NotFound),
    (&[4, 18, 336_501, 336_502], Kind::RateLimited),
    (&[6, 336_004], Kind::PermissionDenied),
    (&[13, 14, 110, 111], Kind::Unauthenticated),
    (&[17, 19], Kind::QuotaExceeded),
    (&[100, 336_001, 336_002, 336_003, 336_101, 336_104, 336_105], Kind::InvalidRequest),
];

/// <https://www.xfyun.cn/doc/spark/Web.html>, as the documents of iFlytek's own Java SDK repeat it (`websdk-java-spark` 2.1).
const IFLYTEK: Codes = &[
    (&[10_003, 10_004, 10_005, 10_163], Kind::InvalidRequest),
    // One connection per user, one question at a time, per second, at once.
    (&[10_006, 10_007, 11_202, 11_203], Kind::RateLimited),
    (&[10_008, 10_110], Kind::Overloaded),
    (&[10_009, 10_010, 10_011, 10_012, 10_222, 10_223], Kind::ServerError),
    (&[10_013, 10_014, 10_019, 10_021, 10_022], Kind::ContentFiltered),
    (&[10_015, 10_016, 11_200], Kind::PermissionDenied),
    (&[10_907], Kind::ContextLengthExceeded),
    (&[11_201], Kind::QuotaExceeded),
];

/// <https://developers.cloudflare.com/workers-ai/platform/errors/>; 10000 is that of Cloudflare's API as a whole, for a token that
/// is wrong or lacks a permission (<https://github.com/cloudflare/workers-sdk/issues/2863>). 9109 says either as well.
const CLOUDFLARE: Codes = &[
    (&[3003, 3006, 3039, 5004, 5005, 5019], Kind::InvalidRequest),
    (&[3007, 3008], Kind::Timeout),
    (&[3023, 3041, 5016, 5018], Kind::PermissionDenied),
    (&[3036], Kind::QuotaExceeded),
    (&[3040], Kind::Overloaded),
    (&[3042, 5007], Kind::NotFound),
    (&[9109, 10_000], Kind::Unauthenticated),
];
