//! Instrumentations that write the conventions' own names: only what they cannot report is recorded here.

use super::{Cached, Dialect};

/// OpenTelemetry's own for Python, over `opentelemetry-util-genai`.
pub(super) const GENAI: Dialect = Dialect {
    name: "OpenTelemetry GenAI",
    scopes: &[
        ("opentelemetry.instrumentation.genai.", Cached::Since(&[1, 3])),
        ("opentelemetry.util.genai", Cached::Since(&[1, 3])),
        ("opentelemetry.instrumentation.google_genai", Cached::Since(&[1, 3])),
    ],
    reports_broken_streams: true,
    ..Dialect::EMPTY
};

/// The older one for Python and the one for Node.js: neither cached tokens nor streams.
pub(super) const OPENAI_V2: Dialect = Dialect {
    name: "OpenTelemetry openai-v2",
    scopes: &[
        ("opentelemetry.instrumentation.openai_v2", Cached::Never),
        ("@opentelemetry/instrumentation-openai", Cached::Never),
    ],
    ..Dialect::EMPTY
};

/// Google's Agent Development Kit.
pub(super) const ADK: Dialect =
    Dialect { name: "ADK", scopes: &[("gcp.vertex.agent", Cached::Since(&[2, 13]))], ..Dialect::EMPTY };
