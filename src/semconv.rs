//! Every telemetry name this project writes or reads, each with its unit and source. No other file spells one.
//!
//! Sources: "genai" is the OpenTelemetry GenAI semantic conventions of October 2026 (status: development);
//! "core" the OpenTelemetry semantic conventions 1.44; "ours" is documented in this crate. Names marked
//! "until 1.41" are the older ones that [`Semconv::V1_41`] emits.

/// Which generation of the GenAI conventions spans and metrics follow. Never both at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Semconv {
    /// The names of October 2026.
    #[default]
    Latest,
    /// The names of conventions 1.37 to 1.41, which most dashboards of today read.
    V1_41,
}

/// The instrumentation scope's name.
pub const SCOPE: &str = "spanledger";
/// The instrumentation scope of the application's `tracing` spans, which `otlp` exports.
pub const BRIDGE_SCOPE: &str = "spanledger.bridge";
/// The schema URL the newest conventions name for themselves.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev";
/// The schema URL of the older set.
pub const SCHEMA_URL_V1_41: &str = "https://opentelemetry.io/schemas/1.41.0";

/// Span and metric attributes.
pub mod attribute {
    /// genai, required: the operation, see [`super::operation`].
    pub const OPERATION_NAME: &str = "gen_ai.operation.name";
    /// genai, required: the provider, see [`super::provider`].
    pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
    /// Before 1.37; read, never written.
    pub const SYSTEM: &str = "gen_ai.system";
    /// genai: the model asked for.
    pub const REQUEST_MODEL: &str = "gen_ai.request.model";
    /// genai: true when the request asks for a stream, else absent.
    pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
    /// genai, int.
    pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
    /// genai, double.
    pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
    /// genai, double.
    pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
    /// genai, int (a double until 1.41).
    pub const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
    /// genai, double.
    pub const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
    /// genai, double.
    pub const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
    /// genai, string array.
    pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
    /// genai, int.
    pub const REQUEST_SEED: &str = "gen_ai.request.seed";
    /// genai, int: only when it is not 1.
    pub const REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
    /// genai: the effort as sent.
    pub const REQUEST_REASONING_LEVEL: &str = "gen_ai.request.reasoning.level";
    /// genai: the response this request continues.
    pub const REQUEST_PREVIOUS_RESPONSE_ID: &str = "gen_ai.request.previous_response.id";
    /// genai, string array; embeddings only.
    pub const REQUEST_ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
    /// genai, int; embeddings only.
    pub const EMBEDDINGS_DIMENSION_COUNT: &str = "gen_ai.embeddings.dimension.count";
    /// genai: text, json, image or speech.
    pub const OUTPUT_TYPE: &str = "gen_ai.output.type";
    /// genai: given by the application, else by the request.
    pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
    /// genai, string: here the id of the template kept at the provider.
    pub const PROMPT_NAME: &str = "gen_ai.prompt.name";
    /// genai, string.
    pub const PROMPT_VERSION: &str = "gen_ai.prompt.version";
    /// genai.
    pub const RESPONSE_ID: &str = "gen_ai.response.id";
    /// genai: the model that answered.
    pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
    /// genai, string array by choice, as the provider writes them; `error` for a choice that did not finish.
    pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    /// genai, seconds, double; streams only.
    pub const RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
    /// genai, int, cached input included.
    pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    /// genai, int, reasoning included.
    pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    /// genai, int.
    pub const USAGE_CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    /// genai, int.
    pub const USAGE_CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
    /// Until 1.41, int; spans carry it next to the newer name, since many backends read this one only.
    pub const USAGE_CACHE_CREATION_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
    /// genai, int.
    pub const USAGE_REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
    /// genai, int.
    pub const USAGE_TEXT_INPUT_TOKENS: &str = "gen_ai.usage.text.input_tokens";
    /// genai, int.
    pub const USAGE_IMAGE_INPUT_TOKENS: &str = "gen_ai.usage.image.input_tokens";
    /// genai, int.
    pub const USAGE_AUDIO_INPUT_TOKENS: &str = "gen_ai.usage.audio.input_tokens";
    /// genai, int.
    pub const USAGE_TEXT_CACHE_READ_TOKENS: &str = "gen_ai.usage.text.cache_read.input_tokens";
    /// genai, int.
    pub const USAGE_IMAGE_CACHE_READ_TOKENS: &str = "gen_ai.usage.image.cache_read.input_tokens";
    /// genai, int.
    pub const USAGE_AUDIO_CACHE_READ_TOKENS: &str = "gen_ai.usage.audio.cache_read.input_tokens";
    /// genai, int.
    pub const USAGE_TEXT_OUTPUT_TOKENS: &str = "gen_ai.usage.text.output_tokens";
    /// genai, int.
    pub const USAGE_IMAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.image.output_tokens";
    /// genai, int.
    pub const USAGE_AUDIO_OUTPUT_TOKENS: &str = "gen_ai.usage.audio.output_tokens";
    /// int: input and output together. Not in the conventions: the name OpenLIT and OpenLLMetry emit.
    pub const USAGE_TOTAL_TOKENS: &str = "gen_ai.usage.total_tokens";
    /// USD, double. Not in the conventions: the name OpenLIT emits and Langfuse reads.
    pub const USAGE_COST: &str = "gen_ai.usage.cost";
    /// genai, opt-in: JSON.
    pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
    /// genai, opt-in: JSON.
    pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    /// genai, opt-in: JSON.
    pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
    /// genai, opt-in: JSON.
    pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
    /// genai metrics: see [`super::modality`].
    pub const TOKEN_MODALITY: &str = "gen_ai.token.modality";
    /// Until 1.41, metrics: `input` or `output`.
    pub const TOKEN_TYPE: &str = "gen_ai.token.type";
    /// genai, OpenAI: `chat_completions` or `responses`.
    pub const OPENAI_API_TYPE: &str = "openai.api.type";
    /// genai, OpenAI: only when it is not `auto`.
    pub const OPENAI_REQUEST_SERVICE_TIER: &str = "openai.request.service_tier";
    /// genai, OpenAI.
    pub const OPENAI_RESPONSE_SERVICE_TIER: &str = "openai.response.service_tier";
    /// genai, OpenAI.
    pub const OPENAI_RESPONSE_SYSTEM_FINGERPRINT: &str = "openai.response.system_fingerprint";
    /// genai, Bedrock.
    pub const AWS_BEDROCK_GUARDRAIL_ID: &str = "aws.bedrock.guardrail.id";
    /// core, stable.
    pub const ERROR_TYPE: &str = "error.type";
    /// core, stable.
    pub const SERVER_ADDRESS: &str = "server.address";
    /// core, stable, int.
    pub const SERVER_PORT: &str = "server.port";
    /// core, stable, int; absent when no response came.
    pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
    /// core, stable.
    pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
    /// core, stable, int, from 1; absent on the first attempt.
    pub const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
    /// core, stable; without credentials and query secrets.
    pub const URL_FULL: &str = "url.full";
    /// core: given by the application only; never a metric label.
    pub const USER_ID: &str = "user.id";
    /// core: given by the application only; never a metric label.
    pub const CLIENT_ADDRESS: &str = "client.address";
    /// core, resource.
    pub const SERVICE_NAME: &str = "service.name";
    /// core, resource.
    pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
    /// core, resource: where the service runs. The companion judges each environment of a service apart.
    pub const DEPLOYMENT_ENVIRONMENT_NAME: &str = "deployment.environment.name";
    /// core, resource, until 1.27; read, never written.
    pub const DEPLOYMENT_ENVIRONMENT: &str = "deployment.environment";

    /// ours: hex, 32 digits.
    pub const REQUEST_HASH: &str = "spanledger.request.hash";
    /// ours, string, opt-in: 12 hex digits of a keyed hash of the credential.
    pub const KEY_FINGERPRINT: &str = "spanledger.key.fingerprint";
    /// ours: see [`crate::Outcome`].
    pub const OUTCOME: &str = "spanledger.outcome";
    /// ours: see [`crate::UsageSource`].
    pub const USAGE_SOURCE: &str = "spanledger.usage.source";
    /// ours: see [`crate::CostStatus`].
    pub const COST_STATUS: &str = "spanledger.cost.status";
    /// ours: table and revision that priced the call; `provider` for a charge that the response reports.
    pub const COST_PRICE_SOURCE: &str = "spanledger.cost.price_source";
    /// ours, USD, double: what the tables make of the call, where the response reports a charge.
    pub const COST_COMPUTED: &str = "spanledger.cost.computed";
    /// ours, string array of `key=value`, sorted: what decided the price next to tokens, model, tier and host; see
    /// [`crate::Billing`].
    pub const COST_FACTORS: &str = "spanledger.cost.factors";
    /// ours, string array, sorted, at most 8: paths of what may cost something in the response and is not known.
    pub const USAGE_UNPARSED: &str = "spanledger.usage.unparsed";
    /// ours, metrics: see [`unparsed_usage`](super::unparsed_usage).
    pub const USAGE_UNPARSED_REASON: &str = "spanledger.usage.unparsed.reason";
    /// ours: the service tier of the response, else the one asked for; where the conventions have no name for it.
    pub const SERVICE_TIER: &str = "spanledger.service_tier";
    /// ours, string: why a part of the call was not parsed, and so what is missing from its record; see [`unparsed`](super::unparsed).
    pub const UNPARSED: &str = "spanledger.unparsed";
    /// ours, bool: true when the response was fetched after the call that made it, as those of background calls are.
    /// Of several such spans with the same response id one is the call.
    pub const RESPONSE_FETCHED: &str = "spanledger.response.fetched";
    /// ours, metrics: the path of a request without its ids, at most 64 of them, else `_OTHER`.
    pub const PATH_SHAPE: &str = "spanledger.path.shape";
    /// ours: random id of the process.
    pub const INSTANCE: &str = "spanledger.instance";
    /// ours, int: number of the call within its process, from 1 without gaps.
    pub const SEQUENCE: &str = "spanledger.sequence";
    /// ours, on the span of a process: how it ended, see [`process_end`](super::process_end); absent while it runs.
    pub const PROCESS_END: &str = "spanledger.process.end";
    /// ours, int, on the span of a process: the last number of its sequence so far.
    pub const PROCESS_LAST_SEQUENCE: &str = "spanledger.process.last_sequence";
    /// ours, string array, on the span of a process: the sequence numbers of calls that its journal dropped at its cap, as
    /// `7` or `9-12`.
    pub const PROCESS_LOST: &str = "spanledger.process.lost";
    /// ours, int, on the span of a process: how many calls its journal dropped. [`PROCESS_LOST`] names the newest of them.
    pub const PROCESS_LOST_CALLS: &str = "spanledger.process.lost.calls";
    /// ours, int, on the span of a process: when the first of them began, in unix nanoseconds.
    pub const PROCESS_LOST_FROM: &str = "spanledger.process.lost.from";
    /// ours, int, on the span of a process: when the last of them ended, in unix nanoseconds.
    pub const PROCESS_LOST_TO: &str = "spanledger.process.lost.to";
    /// ours, int, on the span of a process that died: how many calls its journal could not write down, as far as they are
    /// counted, and at least 1; absent where it wrote down all. Those of them that no receiver took are missing.
    pub const PROCESS_SKIPPED: &str = "spanledger.process.skipped";
    /// ours, string: what the names of tags begin with; the key of the tag follows, as in `spanledger.tag.team`. Never a
    /// metric label.
    pub const TAG_PREFIX: &str = "spanledger.tag.";
    /// ours, int: how many tags of the call were left out or shortened; absent when none were.
    pub const TAGS_CUT: &str = "spanledger.tags.cut";
    /// ours, opt-in: the first characters of the request's last message.
    pub const REQUEST_PREVIEW: &str = "spanledger.request.preview";
    /// ours, opt-in: the first characters of the response.
    pub const RESPONSE_PREVIEW: &str = "spanledger.response.preview";
}

/// Values of [`attribute::OPERATION_NAME`].
pub mod operation {
    /// genai.
    pub const CHAT: &str = "chat";
    /// genai.
    pub const TEXT_COMPLETION: &str = "text_completion";
    /// genai.
    pub const EMBEDDINGS: &str = "embeddings";
    /// genai.
    pub const GENERATE_CONTENT: &str = "generate_content";
    /// genai: an agent that the provider runs.
    pub const INVOKE_AGENT: &str = "invoke_agent";
    /// ours: images made or changed.
    pub const IMAGE_GENERATION: &str = "image_generation";
    /// ours: a video made or changed.
    pub const VIDEO_GENERATION: &str = "video_generation";
    /// ours: speech to text, translated or not.
    pub const TRANSCRIPTION: &str = "transcription";
    /// ours: text to speech, and other sound made.
    pub const SPEECH: &str = "speech";
    /// ours: documents put in order by their relevance to a query.
    pub const RERANK: &str = "rerank";
    /// ours: text read from documents and images.
    pub const OCR: &str = "ocr";
    /// ours: texts sorted into classes.
    pub const CLASSIFICATION: &str = "classification";
}

/// Values of [`attribute::PROVIDER_NAME`]: first those that the conventions fix, then custom ones in lower snake
/// case for providers the conventions do not know.
pub mod provider {
    /// genai.
    pub const ANTHROPIC: &str = "anthropic";
    /// genai.
    pub const AWS_BEDROCK: &str = "aws.bedrock";
    /// genai.
    pub const AZURE_AI_INFERENCE: &str = "azure.ai.inference";
    /// genai.
    pub const AZURE_AI_OPENAI: &str = "azure.ai.openai";
    /// genai.
    pub const COHERE: &str = "cohere";
    /// genai.
    pub const DEEPSEEK: &str = "deepseek";
    /// genai.
    pub const GCP_GEMINI: &str = "gcp.gemini";
    /// genai.
    pub const GCP_VERTEX_AI: &str = "gcp.vertex_ai";
    /// genai.
    pub const GROQ: &str = "groq";
    /// genai.
    pub const IBM_WATSONX_AI: &str = "ibm.watsonx.ai";
    /// genai.
    pub const MISTRAL_AI: &str = "mistral_ai";
    /// genai.
    pub const MOONSHOT_AI: &str = "moonshot_ai";
    /// genai.
    pub const OPENAI: &str = "openai";
    /// genai.
    pub const PERPLEXITY: &str = "perplexity";
    /// genai.
    pub const X_AI: &str = "x_ai";

    /// ours.
    pub const AI21: &str = "ai21";
    /// ours.
    pub const ALEPH_ALPHA: &str = "aleph_alpha";
    /// ours.
    pub const ALIBABA_CLOUD: &str = "alibaba_cloud";
    /// ours.
    pub const AMAZON_NOVA: &str = "amazon_nova";
    /// ours.
    pub const ANYSCALE: &str = "anyscale";
    /// ours.
    pub const ASSEMBLYAI: &str = "assemblyai";
    /// ours.
    pub const AWS_SAGEMAKER: &str = "aws.sagemaker";
    /// ours.
    pub const AZURE_ML: &str = "azure.ml";
    /// ours.
    pub const BAIDU: &str = "baidu";
    /// ours.
    pub const BASETEN: &str = "baseten";
    /// ours.
    pub const BLACK_FOREST_LABS: &str = "black_forest_labs";
    /// ours.
    pub const BRAINTRUST: &str = "braintrust";
    /// ours.
    pub const CEREBRAS: &str = "cerebras";
    /// ours.
    pub const CHUTES: &str = "chutes";
    /// ours.
    pub const CLOUDFLARE: &str = "cloudflare";
    /// ours.
    pub const COZE: &str = "coze";
    /// ours.
    pub const CRUSOE: &str = "crusoe";
    /// ours.
    pub const DATABRICKS: &str = "databricks";
    /// ours.
    pub const DEEPGRAM: &str = "deepgram";
    /// ours.
    pub const DEEPINFRA: &str = "deepinfra";
    /// ours.
    pub const DIGITALOCEAN: &str = "digitalocean";
    /// ours.
    pub const DOUBLEWORD: &str = "doubleword";
    /// ours.
    pub const ELEVENLABS: &str = "elevenlabs";
    /// ours.
    pub const FAL: &str = "fal";
    /// ours.
    pub const FEATHERLESS_AI: &str = "featherless_ai";
    /// ours.
    pub const FIREWORKS_AI: &str = "fireworks_ai";
    /// ours.
    pub const FRIENDLI: &str = "friendli";
    /// ours.
    pub const GITHUB_COPILOT: &str = "github_copilot";
    /// ours.
    pub const GITHUB_MODELS: &str = "github_models";
    /// ours.
    pub const HELICONE: &str = "helicone";
    /// ours.
    pub const HEROKU: &str = "heroku";
    /// ours.
    pub const HOLYSHEEP: &str = "holysheep";
    /// ours.
    pub const HUGGINGFACE: &str = "huggingface";
    /// ours.
    pub const HYPERBOLIC: &str = "hyperbolic";
    /// ours.
    pub const IFLYTEK: &str = "iflytek";
    /// ours.
    pub const INCEPTION: &str = "inception";
    /// ours.
    pub const INFERENCE_NET: &str = "inference_net";
    /// ours.
    pub const JINA_AI: &str = "jina_ai";
    /// ours.
    pub const KILO: &str = "kilo";
    /// ours.
    pub const LAMBDA_AI: &str = "lambda_ai";
    /// ours.
    pub const LEPTON: &str = "lepton";
    /// ours.
    pub const META_LLAMA: &str = "meta_llama";
    /// ours.
    pub const MINIMAX: &str = "minimax";
    /// ours.
    pub const MIXEDBREAD: &str = "mixedbread";
    /// ours.
    pub const NEBIUS: &str = "nebius";
    /// ours.
    pub const NOMIC: &str = "nomic";
    /// ours.
    pub const NOVITA: &str = "novita";
    /// ours.
    pub const NSCALE: &str = "nscale";
    /// ours.
    pub const NVIDIA: &str = "nvidia";
    /// ours.
    pub const OLLAMA: &str = "ollama";
    /// ours.
    pub const OPENCODE: &str = "opencode";
    /// ours.
    pub const OPENROUTER: &str = "openrouter";
    /// ours.
    pub const ORACLE_CLOUD: &str = "oracle_cloud";
    /// ours.
    pub const OVHCLOUD: &str = "ovhcloud";
    /// ours.
    pub const PARASAIL: &str = "parasail";
    /// ours.
    pub const POE: &str = "poe";
    /// ours.
    pub const PORTKEY: &str = "portkey";
    /// ours.
    pub const RECRAFT: &str = "recraft";
    /// ours.
    pub const REKA_AI: &str = "reka_ai";
    /// ours.
    pub const REPLICATE: &str = "replicate";
    /// ours.
    pub const REQUESTY: &str = "requesty";
    /// ours.
    pub const RUNPOD: &str = "runpod";
    /// ours.
    pub const SAMBANOVA: &str = "sambanova";
    /// ours.
    pub const SAP_AI_CORE: &str = "sap_ai_core";
    /// ours.
    pub const SARVAM_AI: &str = "sarvam_ai";
    /// ours.
    pub const SCALEWAY: &str = "scaleway";
    /// ours.
    pub const SILICONFLOW: &str = "siliconflow";
    /// ours.
    pub const SNOWFLAKE: &str = "snowflake";
    /// ours.
    pub const STABILITY_AI: &str = "stability_ai";
    /// ours.
    pub const STEPFUN: &str = "stepfun";
    /// ours.
    pub const TARGON: &str = "targon";
    /// ours.
    pub const TENCENT_CLOUD: &str = "tencent_cloud";
    /// ours.
    pub const TOGETHER_AI: &str = "together_ai";
    /// ours.
    pub const UPSTAGE: &str = "upstage";
    /// ours.
    pub const VENICE: &str = "venice";
    /// ours.
    pub const VERCEL: &str = "vercel";
    /// ours.
    pub const VOLCENGINE: &str = "volcengine";
    /// ours.
    pub const VOYAGE_AI: &str = "voyage_ai";
    /// ours.
    pub const WRITER: &str = "writer";
    /// ours.
    pub const XIAOMI_MIMO: &str = "xiaomi_mimo";
    /// ours.
    pub const ZERO_ONE_AI: &str = "zero_one_ai";
    /// ours.
    pub const Z_AI: &str = "z_ai";
}

/// Values of [`attribute::UNPARSED`].
pub mod unparsed {
    /// The request's body is a stream, over 16 MiB, of too many values or no JSON: the hash is missing, and parameters
    /// may be.
    pub const REQUEST: &str = "request";
    /// The response is compressed, and the client does not undo that.
    pub const ENCODING: &str = "encoding";
    /// A piece of the response is over 16 MiB.
    pub const TOO_LONG: &str = "too_long";
    /// All calls of the process together held more than the limit for reading.
    pub const MEMORY: &str = "memory";
    /// A piece of the response is no JSON to any client, or its framing is broken.
    pub const MALFORMED: &str = "malformed";
    /// A reader of this library failed.
    pub const READER: &str = "reader";
}

/// Values of [`attribute::USAGE_UNPARSED_REASON`].
pub mod unparsed_usage {
    /// A member of a usage object that no reader knows.
    pub const MEMBER: &str = "member";
    /// A header about cost or tier that no reader knows.
    pub const HEADER: &str = "header";
    /// Counts contradict each other, such as a total that is not that of its parts.
    pub const TOTAL: &str = "total";
}

/// The name of the span with which a journal reports on its process: no call, and of kind INTERNAL.
pub const PROCESS_SPAN: &str = "spanledger.process";

/// Values of [`attribute::PROCESS_END`].
pub mod process_end {
    /// The process ended in order, with no call in flight.
    pub const ORDERLY: &str = "orderly";
    /// The process ended without a word: it was killed, crashed, or left calls in flight.
    pub const DIED: &str = "died";
}

/// Values of [`attribute::OPENAI_API_TYPE`].
pub mod openai_api_type {
    /// genai.
    pub const CHAT_COMPLETIONS: &str = "chat_completions";
    /// genai.
    pub const RESPONSES: &str = "responses";
}

/// Values of [`attribute::OUTPUT_TYPE`].
pub mod output_type {
    /// genai.
    pub const TEXT: &str = "text";
    /// genai.
    pub const JSON: &str = "json";
    /// genai.
    pub const IMAGE: &str = "image";
    /// genai.
    pub const SPEECH: &str = "speech";
}

/// Values of [`attribute::TOKEN_MODALITY`].
pub mod modality {
    /// genai.
    pub const TEXT: &str = "text";
    /// genai.
    pub const IMAGE: &str = "image";
    /// genai.
    pub const AUDIO: &str = "audio";
    /// genai: the provider gave no breakdown.
    pub const UNKNOWN: &str = "unknown";
}

/// Values of [`attribute::TOKEN_TYPE`].
pub mod token_type {
    /// Until 1.41.
    pub const INPUT: &str = "input";
    /// Until 1.41.
    pub const OUTPUT: &str = "output";
}

/// Values of [`attribute::ERROR_TYPE`] where the provider gave no code and no HTTP status says more.
pub mod error_type {
    /// core: none of the others.
    pub const OTHER: &str = "_OTHER";
    /// A connect, read or total timeout.
    pub const TIMEOUT: &str = "timeout";
    /// No connection: DNS, TCP or TLS.
    pub const CONNECT: &str = "connect";
    /// The connection failed in the middle of the body.
    pub const BODY: &str = "body";
    /// The body could not be decoded (a broken content encoding).
    pub const DECODE: &str = "decode";
    /// The body ended cleanly but before the provider's end marker.
    pub const UNEXPECTED_END: &str = "unexpected_end";
    /// The redirect policy refused.
    pub const REDIRECT: &str = "redirect";
    /// The request could not be built or sent.
    pub const REQUEST: &str = "request";
    /// Another middleware failed.
    pub const MIDDLEWARE: &str = "middleware";
    /// core, on [`metric::LOST_SPANS`](super::metric::LOST_SPANS): the queue had no room.
    pub const QUEUE_FULL: &str = "queue_full";
    /// ours, on the same: the receiver will never take it.
    pub const REFUSED: &str = "refused";
    /// ours, on the same: the process ended before the receiver took it.
    pub const SHUTDOWN: &str = "shutdown";
}

/// Values of [`attribute::HTTP_REQUEST_METHOD`]; any other method is [`error_type::OTHER`].
pub mod http_method {
    /// core: the methods of RFC 9110 and RFC 5789.
    pub const ALL: [&str; 9] =
        ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    /// core: the span name where the method is none of these.
    pub const SPAN_NAME: &str = "HTTP";
}

/// Metric names.
pub mod metric {
    /// genai, histogram, s.
    pub const INFERENCE_DURATION: &str = "gen_ai.client.inference.duration";
    /// genai, histogram, s; streams only.
    pub const INFERENCE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.inference.time_to_first_chunk";
    /// genai, histogram, s; one record a chunk after the first.
    pub const INFERENCE_TIME_PER_OUTPUT_CHUNK: &str = "gen_ai.client.inference.time_per_output_chunk";
    /// genai, counter, {token}.
    pub const USAGE_INPUT_TOKENS: &str = "gen_ai.client.inference.usage.input_tokens";
    /// genai, counter, {token}.
    pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.client.inference.usage.output_tokens";
    /// genai, counter, {token}.
    pub const USAGE_CACHE_READ_TOKENS: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
    /// genai, counter, {token}.
    pub const USAGE_CACHE_WRITE_TOKENS: &str = "gen_ai.client.inference.usage.cache_write.input_tokens";
    /// genai, counter, {token}.
    pub const USAGE_REASONING_TOKENS: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";
    /// genai, histogram, {token}.
    pub const OPERATION_INPUT_TOKENS: &str = "gen_ai.client.inference.operation.input_tokens";
    /// genai, histogram, {token}.
    pub const OPERATION_OUTPUT_TOKENS: &str = "gen_ai.client.inference.operation.output_tokens";
    /// genai for embeddings, until 1.41 for every operation; histogram, s.
    pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
    /// Until 1.41, histogram, s.
    pub const OPERATION_TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
    /// Until 1.41, histogram, s.
    pub const OPERATION_TIME_PER_OUTPUT_CHUNK: &str = "gen_ai.client.operation.time_per_output_chunk";
    /// Until 1.41, histogram, {token}.
    pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
    /// ours, counter, USD: by outcome and cost status.
    pub const COST: &str = "spanledger.client.cost";
    /// ours, counter, {call}: by outcome, usage source, cost status and HTTP status.
    pub const CALLS: &str = "spanledger.client.calls";
    /// ours, counter, {token}: tokens of calls no price was found for.
    pub const UNPRICED_TOKENS: &str = "spanledger.client.unpriced.tokens";
    /// ours, counter, {call}: calls with something in the response that may cost something and is not known, by provider
    /// and reason.
    pub const USAGE_UNPARSED: &str = "spanledger.client.usage.unparsed";
    /// ours, counter, {call}: calls of which a part was not parsed, by reason.
    pub const UNPARSED: &str = "spanledger.client.unparsed";
    /// ours, counter, {request}: requests to known providers that no wire format takes, by provider and path shape.
    pub const UNRECOGNISED: &str = "spanledger.client.unrecognised";
    /// ours, counter, {span}: spans that `otlp` did not deliver, by `error.type`.
    pub const LOST_SPANS: &str = "spanledger.client.lost.spans";
    /// ours, counter, {call}: calls that a journal dropped at its cap before a receiver took them.
    pub const JOURNAL_LOST: &str = "spanledger.journal.lost";
    /// ours, counter, {call}: calls that a journal could not write down. They are exported like any other.
    pub const JOURNAL_SKIPPED: &str = "spanledger.journal.skipped";
}

/// Units, in UCUM.
pub mod unit {
    /// Seconds.
    pub const SECONDS: &str = "s";
    /// Tokens.
    pub const TOKENS: &str = "{token}";
    /// Calls.
    pub const CALLS: &str = "{call}";
    /// Requests.
    pub const REQUESTS: &str = "{request}";
    /// Spans.
    pub const SPANS: &str = "{span}";
    /// US dollars.
    pub const USD: &str = "USD";
}

/// Duration boundaries in seconds: the conventions' 14, continued by doubling to 655.36 s, since reasoning
/// models answer after minutes.
pub const DURATION_BOUNDARIES: [f64; 17] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68,
    655.36,
];

/// Token boundaries, as the conventions give them.
pub const TOKEN_BOUNDARIES: [f64; 14] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
