"""Sends spans with the Python OpenTelemetry SDK: by gRPC as ours below a framework's, by HTTP in the older names."""

import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

OURS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "spanledger.outcome": "completed",
}
FRAMEWORK = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.completion_tokens": 100,
}
OLDER = {
    "llm.request.type": "chat",
    "gen_ai.system": "Anthropic",
    "gen_ai.request.model": "claude-3-5-haiku-latest",
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.completion_tokens": 100,
}


def provider(exporter):
    made = TracerProvider(resource=Resource.create({"service.name": "python"}))
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def main(grpc, http):
    by_grpc = provider(Grpc(endpoint=grpc, insecure=True))
    tracer = by_grpc.get_tracer("framework")
    for _ in range(10):
        with tracer.start_as_current_span("request"):
            with tracer.start_as_current_span("chat gpt-4o-mini", attributes=FRAMEWORK):
                with tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=OURS):
                    pass
    by_http = provider(Http(endpoint=http))
    tracer = by_http.get_tracer("opentelemetry.instrumentation.anthropic")
    for _ in range(10):
        with tracer.start_as_current_span("request"):
            with tracer.start_as_current_span("anthropic.chat", kind=SpanKind.CLIENT, attributes=OLDER):
                pass
    for made in (by_grpc, by_http):
        assert made.force_flush()
        made.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
