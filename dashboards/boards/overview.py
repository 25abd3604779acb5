"""Overview and reliability: what fires, what fails, how slow it is. For people on call."""

from grafana import board as make
from grafana import COLOURS, bars, explore, label, ledger, series, stat, steps, table, text, traces
from queries import CALLS, COST, DURATION, FAILED, FIRST_CHUNK, INPUT, OUTPUT, PER_CHUNK, by, chosen, earlier, failure_ratio, increase, named, per_minute, quantile, ratio

SERVICE = f'resource.service.name = "{label("service_name")}"'
FAILING = 'span.spanledger.outcome =~ "failed|timed_out|truncated"'

START = """**No calls yet?** An application with the library sends them with one setting:

- on this host: `OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318`
- in a container of the network `spanledger_default`: `OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318`

and `OTEL_SERVICE_NAME=my-service`, `OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=prod,service.version=1.2.3`.
`docker compose --profile demo up --detach` starts applications that send traffic."""


SEVERITIES = [{"type": "value", "options": {name: {"color": COLOURS[name], "index": index} for index, name in enumerate(("critical", "warning", "info"))}}]


def now():
    firing = table(
        "Firing now",
        [("firing", 'ALERTS{alertstate="firing"} or on (alertname) label_replace(spanledger_rule_state == 2, "alertname", "$1", "rule", "(.*)")')],
        height=8,
        description="Alerts, and rules of the companion that no alert has. Acknowledge and silence them in Alertmanager.",
        hidden=("__name__", "alertstate", "firing", "Value", "instance", "job", "rule", "exporter"),
        empty="nothing fires",
        overrides=[{"matcher": {"id": "byName", "options": "severity"}, "properties": [{"id": "custom.cellOptions", "value": {"type": "color-text"}}, {"id": "mappings", "value": SEVERITIES}]}],
    )
    worst = bars(
        "Failure ratio by service",
        ratio(increase(CALLS, FAILED, labels="service_name"), increase(CALLS, labels="service_name")),
        "{{service_name}}",
        "percentunit",
        width=6,
        description="Failed, timed out and truncated calls of the range. What the caller gave up is no failure.",
        links=[explore("Failed calls of this service", SERVICE, FAILING), ledger("Failed calls in the ledger", service=label("service_name"), outcome="failed")],
    )
    today = stat(
        "Spend today",
        increase(COST),
        "currencyUSD",
        width=6,
        decimals=2,
        timeFrom="now/d",
        description="Since midnight, against the same hours of yesterday. Calls without a price are in neither.",
        also=[("yesterday", earlier(COST, "1d"))],
    )
    slow = stat("Duration, p95", quantile(0.95, DURATION), "s", width=3, below=True, description="Of the last minutes.", links=[explore("Slow calls", "duration > 5s")])
    first = stat("First chunk, p95", quantile(0.95, FIRST_CHUNK), "s", width=3, empty="no streams", description="Streams only, of the last minutes.")
    return [firing, worst, today, slow, first]


def range_of_calls():
    red = steps("text", (0.05, "orange"), (0.5, "red"))
    return [
        stat("Calls", increase(CALLS), "locale", decimals=0, description="Calls that ended, counted from each series' first point on."),
        stat("Failed calls", ratio(increase(CALLS, FAILED), increase(CALLS)), "percentunit", thresholds=red, description="Failed, timed out or truncated."),
        stat("Rate limited", ratio(increase(CALLS, 'http_response_status_code="429"'), increase(CALLS)), "percentunit", thresholds=red, description="Status 429: ours is the limit, not theirs the fault."),
        stat("Cost", increase(COST), "currencyUSD", decimals=4, description="Of the priced calls."),
        stat("Input tokens", increase(INPUT), "locale", decimals=0),
        stat("Output tokens", increase(OUTPUT), "locale", decimals=0),
    ]


def failures():
    links = [explore("These calls", SERVICE), ledger("In the ledger", service=label("service_name"))]
    errors = [explore("Calls with this error", f'span.error.type = "{label("error_type")}"')]
    statuses = [explore("Calls with this status", f"span.http.response.status_code = {label('http_response_status_code')}"), ledger("In the ledger", status=label("http_response_status_code"))]
    return [
        series("Calls per minute by service", [("{{service_name}}", per_minute(CALLS, labels="service_name"))], "cpm", stacked=True, links=links),
        series("Calls per minute by outcome", [("{{spanledger_outcome}}", per_minute(CALLS, labels="spanledger_outcome"))], "cpm", stacked=True, links=[ledger("In the ledger", outcome=label("spanledger_outcome"))]),
        series("Failure ratio by service", [("{{service_name}}", failure_ratio("service_name"))], "percentunit", max_one=True, links=[explore("Failed calls", SERVICE, FAILING)]),
        series("Failure ratio by model", [("{{gen_ai_request_model}}", failure_ratio("gen_ai_request_model"))], "percentunit", max_one=True, links=[ledger("In the ledger", model=label("gen_ai_request_model"))]),
        series("Errors per minute by type", [("{{error_type}}", per_minute(CALLS, 'error_type!=""', labels="error_type"))], "cpm", stacked=True, links=errors, empty="no errors"),
        series("Calls per minute by HTTP status", [("{{http_response_status_code}}", named(per_minute(CALLS, labels="http_response_status_code"), "http_response_status_code", "other"))], "cpm", stacked=True, links=statuses),
    ]


def latency():
    links = [explore("Slow calls", "duration > 5s")]
    shares = lambda metric: [(f"p{share * 100:.0f}", quantile(share, metric)) for share in (0.5, 0.95, 0.99)]  # noqa: E731
    of = lambda metric, name: [(f"{{{{{name}}}}}", quantile(0.95, metric, name))]  # noqa: E731
    return [
        series("Duration", shares(DURATION), "s", links=links, exemplar=True),
        series("Duration p95 by service", of(DURATION, "service_name"), "s", links=[explore("Slow calls", SERVICE, "duration > 5s")], exemplar=True),
        series("Duration p95 by model", of(DURATION, "gen_ai_request_model"), "s", links=links, exemplar=True),
        series("Duration p95 by version", [("{{service_version}}", named(quantile(0.95, DURATION, "service_version"), "service_version", "not given"))], "s", description="Whether a deployment changed it.", links=links),
        series("Time to first chunk", shares(FIRST_CHUNK), "s", links=links, exemplar=True, empty="no streams in this range"),
        series("Time per output chunk", shares(PER_CHUNK), "s", links=links, empty="no streams in this range"),
        series(
            "Output tokens per second of a call",
            [("{{gen_ai_request_model}}", f"{by('gen_ai_request_model', rate(OUTPUT))} / {by('gen_ai_request_model', rate(DURATION_SUM))}")],
            "short",
            description="Output tokens over the duration of the calls.",
        ),
        series("Input tokens per minute by model", [("{{gen_ai_request_model}}", per_minute(INPUT, labels="gen_ai_request_model"))], "short", stacked=True),
        series("Output tokens per minute by model", [("{{gen_ai_request_model}}", per_minute(OUTPUT, labels="gen_ai_request_model"))], "short", stacked=True),
    ]


DURATION_SUM = DURATION.replace("_bucket", "_sum")


def rate(metric):
    return f"rate({chosen(metric)}[$__rate_interval])"


def calls():
    failing = f"span.gen_ai.provider.name =~ \"${{provider:pipe}}\" && span.gen_ai.request.model =~ \"${{model:pipe}}\""
    found = f'{{ resource.service.name =~ "${{service:pipe}}" && {failing} %s}} | select(span.gen_ai.response.model, span.spanledger.outcome, span.gen_ai.usage.input_tokens, span.gen_ai.usage.output_tokens, span.gen_ai.usage.cost, span.error.type, span.user.id)'
    return [
        traces("The newest failed calls", found % f"&& {FAILING} "),
        traces("The newest calls", found % "", description="Tempo finds spans that arrived late only after some minutes; the ledger has them at once."),
    ]


def board():
    return make(
        "spanledger",
        "Spanledger: overview and reliability",
        "What fires, what fails and how slow it is.",
        ("Now", now()),
        ("The chosen range", range_of_calls()),
        ("Traffic and errors", failures()),
        ("Latency and tokens", latency()),
        ("-Calls", calls()),
        ("-How to send calls here", [text("", START)]),
    )
