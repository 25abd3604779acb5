//! Clouds that serve models behind endpoints of the customer's own: Databricks, Amazon SageMaker, Azure ML, SAP AI Core's
//! orchestration, Baseten and RunPod.

use super::family::Family;
use super::format::Recognised;
use super::mapped::{Ask, Input, Mapped, Say};
use super::openai::chat::WITHOUT_USAGE_REQUEST;
use super::read::usage::{Member, Slot, Table};
use super::served::{self, SERVED, SERVED_IN_PARTS};
use super::target::Target;
use super::target::hosts::Host;
use super::wrapped::Wrapped;
use crate::call::Operation;
use crate::semconv::provider;

pub(super) const FAMILY: Family = Family {
    hosts: HOSTS,
    formats: &[databricks, sagemaker, azure_ml, sap, baseten, runpod],
    fetches: &[recognise_fetch],
};

const HOSTS: &[(Host, &str)] = &[
    (Host::Suffix(".cloud.databricks.com"), provider::DATABRICKS),
    (Host::Suffix(".azuredatabricks.net"), provider::DATABRICKS),
    (Host::Suffix(".databricks.azure.us"), provider::DATABRICKS),
    (Host::Suffix(".gcp.databricks.com"), provider::DATABRICKS),
    (Host::Pattern(is_sagemaker), provider::AWS_SAGEMAKER),
    (Host::Suffix(".inference.ml.azure.com"), provider::AZURE_ML),
    (Host::Suffix(".ml.hana.ondemand.com"), provider::SAP_AI_CORE),
    (Host::Name("api.runpod.ai"), provider::RUNPOD),
];

/// `runtime.sagemaker.REGION.amazonaws.com`, with `-fips` and in private networks as well.
fn is_sagemaker(host: &str) -> bool {
    let domain =
        [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain));
    domain && (host.starts_with("runtime.sagemaker") || host.contains(".runtime.sagemaker."))
}

/// What a prompt may be called, where an endpoint may as well serve a regression.
const PROMPTS: &[&str] = &["messages", "prompt", "input", "inputs", "query"];

/// `/serving-endpoints/NAME/invocations`. Its gateways' other paths have the formats' own.
fn databricks(target: &Target<'_>) -> Option<Recognised> {
    let [.., endpoints, name, invocations] = target.segments.as_slice() else { return None };
    let path = endpoints == "serving-endpoints" && invocations == "invocations";
    let recognised = served::call(&SERVED, Some(name.as_ref())).provider(target.provider);
    (path && target.is_of(provider::DATABRICKS)).then(|| recognised.needs_prompt(PROMPTS))
}

/// `/endpoints/NAME/invocations`, `/invocations-response-stream` and `/async-invocations`.
fn sagemaker(target: &Target<'_>) -> Option<Recognised> {
    let [endpoints, name, action] = target.segments.as_slice() else { return None };
    if endpoints != "endpoints" || !target.is_of(provider::AWS_SAGEMAKER) {
        return None;
    }
    let (format, stream) = match action.as_ref() {
        "invocations" => (&SERVED, false),
        "invocations-response-stream" => (&SERVED_IN_PARTS, true),
        _ => return None,
    };
    let recognised = served::call(format, Some(name.as_ref())).provider(target.provider).stream(stream);
    Some(recognised.needs_prompt(PROMPTS))
}

/// `/score` of an online endpoint, whose name begins the host's.
fn azure_ml(target: &Target<'_>) -> Option<Recognised> {
    let path = target.segments == ["score"] && target.is_of(provider::AZURE_ML);
    let endpoint = target.host.split('.').next();
    let recognised = served::call(&SERVED, endpoint).provider(target.provider);
    path.then(|| recognised.needs_prompt(&["messages", "prompt", "input_data", "inputs"]))
}

/// SAP's orchestration: the model is deep within the request, and the response is a chat in OpenAI's format.
static ORCHESTRATION: Wrapped = Wrapped {
    outer: Mapped {
        request: &[
            (&["config", "modules", "prompt_templating", "model", "name"], Ask::Model),
            (&["config", "modules", "prompt_templating", "model", "params", "max_tokens"], Ask::MaxTokens),
            (&["config", "modules", "prompt_templating", "model", "params", "temperature"], Ask::Temperature),
            (&["config", "stream", "enabled"], Ask::Stream),
            (
                &["orchestration_config", "module_configurations", "llm_module_config", "model_name"],
                Ask::Model,
            ),
            (&["orchestration_config", "stream"], Ask::Stream),
        ],
        response: &[("code", Say::ErrorCode), ("message", Say::ErrorMessage)],
        ..Mapped::CHAT
    },
    request: None,
    response: &["final_result", "orchestration_result"],
    inner: &WITHOUT_USAGE_REQUEST,
};

/// `/v2/inference/deployments/ID/v2/completion` and the older `/completion`; what is below a deployment otherwise has
/// its model's own format.
fn sap(target: &Target<'_>) -> Option<Recognised> {
    let path = target.ends_with(&["completion"]) && target.has("deployments");
    let recognised = Recognised::new(&ORCHESTRATION, Operation::Chat).provider(target.provider);
    (path && target.is_of(provider::SAP_AI_CORE)).then_some(recognised)
}

/// `/production/predict`, `/development/predict` and `/environments/NAME/predict` of a model, whose name begins the host's;
/// OpenAI's formats are below `/sync`. Source: docs.baseten.co, "Call your model", 2026-11.
fn baseten(target: &Target<'_>) -> Option<Recognised> {
    let model = target.host.strip_suffix(".api.baseten.co")?;
    let recognised = served::call(&SERVED, Some(model)).provider(target.provider);
    target.ends_with(&["predict"]).then(|| recognised.needs_prompt(PROMPTS))
}

const RUNPOD_USAGE: Table = &[
    ("input", Member::Count(Slot::Input)),
    ("output", Member::Count(Slot::Output)),
    ("prompt_tokens", Member::Count(Slot::Input)),
    ("completion_tokens", Member::Count(Slot::Output)),
    ("total_tokens", Member::Count(Slot::Total)),
];

/// Jobs: accepted, or waited for. What a job gives is in `output`.
static JOBS: Mapped = Mapped {
    request: &[
        (&["input", "model"], Ask::Model),
        (&["input", "sampling_params", "max_tokens"], Ask::MaxTokens),
        (&["input", "sampling_params", "temperature"], Ask::Temperature),
    ],
    fields_not_hashed: &["webhook", "policy"],
    input: Input::Prompts(&[&["input", "prompt"]]),
    response: &[
        ("id", Say::Id),
        ("status", Say::Status),
        ("error", Say::ErrorMessage),
        ("output[].usage", Say::Usage(&Member::Object(&[RUNPOD_USAGE]))),
        ("output.usage", Say::Usage(&Member::Object(&[RUNPOD_USAGE]))),
        ("output[].choices[].tokens[]", Say::Text),
        ("output.choices[].message.content", Say::Text),
        ("executionTime", Say::Usage(&Member::Unpriced)),
    ],
    places_are_choices: false,
    ..Mapped::CHAT
};

/// `/v2/ENDPOINT/run` and `/runsync`.
fn runpod(target: &Target<'_>) -> Option<Recognised> {
    let [v2, endpoint, action] = target.segments.as_slice() else { return None };
    let path = v2 == "v2" && matches!(action.as_ref(), "run" | "runsync");
    let recognised = Recognised::new(&JOBS, Operation::TextCompletion).provider(target.provider);
    (path && target.is_of(provider::RUNPOD)).then(|| recognised.model(Some(endpoint.as_ref())).kept())
}

/// `/v2/ENDPOINT/status/ID`.
fn recognise_fetch(target: &Target<'_>) -> Option<Recognised> {
    let [v2, endpoint, status, id] = target.segments.as_slice() else { return None };
    let path = v2 == "v2" && status == "status" && target.is_of(provider::RUNPOD);
    let recognised = Recognised::new(&JOBS, Operation::TextCompletion).provider(target.provider);
    path.then(|| recognised.model(Some(endpoint.as_ref())).fetches(id))
}
