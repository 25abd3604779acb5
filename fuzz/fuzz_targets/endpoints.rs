//! Requests and responses of the APIs that are tables of paths and of what serves them: the first byte picks one.

#![no_main]

const URLS: &[&str] = &[
    "https://api.anthropic.com/v1/complete",
    "https://generativelanguage.googleapis.com/v1beta/interactions",
    "https://cloudcode-pa.googleapis.com/v1internal:generateContent",
    "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/imagen-4:predict",
    "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/123:predict",
    "https://bedrock-agent-runtime.us-east-1.amazonaws.com/agents/A/agentAliases/B/sessions/C/text",
    "https://api.cohere.com/v1/classify",
    "http://localhost:8080/generate",
    "https://api.mistral.ai/v1/conversations",
    "https://api.mistral.ai/v1/ocr",
    "https://api.mistral.ai/v1/classifications",
    "https://dashscope.aliyuncs.com/api/v1/services/aigc/text-generation/generation",
    "https://dashscope.aliyuncs.com/api/v1/apps/a1/completion",
    "https://api.minimax.io/v1/text/chatcompletion_v2",
    "https://a.snowflakecomputing.com/api/v2/cortex/inference:complete",
    "https://a.snowflakecomputing.com/api/v2/cortex/agent:run",
    "https://us-south.ml.cloud.ibm.com/ml/v1/text/chat",
    "https://api.cloudflare.com/client/v4/accounts/a/ai/run/@cf/meta/llama-3.3-70b",
    "https://api.replicate.com/v1/models/meta/llama-4/predictions",
    "https://api.reka.ai/v1/chat",
    "https://api.coze.com/v3/chat",
    "https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/ernie-4.0-8k",
    "https://hunyuan.tencentcloudapi.com/",
    "https://api.elevenlabs.io/v1/text-to-speech/v1",
    "https://ai-gateway.vercel.sh/v1/ai/language-model",
    "https://adb-1.2.azuredatabricks.net/serving-endpoints/tarn-claude/invocations",
    "https://runtime.sagemaker.us-west-2.amazonaws.com/endpoints/tarn/invocations",
    "https://tarn.eastus.inference.ml.azure.com/score",
    "https://api.ai.prod.eu.aws.ml.hana.ondemand.com/v2/inference/deployments/d1/v2/completion",
    "https://api.runpod.ai/v2/e1/runsync",
    "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/20231130/actions/chat",
    "https://api.voyageai.com/v1/rerank",
    "https://api.jina.ai/v1/classify",
    "http://localhost:8000/score",
    "https://api.deepinfra.com/v1/inference/meta-llama/Llama-4",
    "https://api.upstage.ai/v1/document-digitization",
    "https://runtime.sagemaker.us-west-2.amazonaws.com/endpoints/tarn/invocations-response-stream",
    "https://api.aleph-alpha.com/complete",
    "https://api.deepgram.com/v1/listen",
    "https://api.assemblyai.com/v2/transcript",
    "https://api.stability.ai/v2beta/stable-image/generate/core",
    "https://api.bfl.ai/v1/flux-pro-1.1",
    "https://fal.run/fal-ai/flux/dev",
    "http://localhost:8080/completion",
    "http://localhost:1234/api/v1/chat",
    "http://localhost:8000/v2/models/tarn/generate",
    "http://localhost:8000/inference/v1/generate",
    "https://api.x.ai/v1/chat/completions",
    "https://api.openai.com/v1/images/generations",
    "https://api.openai.com/v1/audio/transcriptions",
    "https://api.openai.com/v1/videos",
    "https://x.services.ai.azure.com/api/projects/p/threads/t/runs",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        spanledger::fuzzing::response(URLS[usize::from(*first) % URLS.len()], rest);
    }
});
