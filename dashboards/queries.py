"""Expressions of Prometheus over the library's counters.

Panels read the raw counters and not the recorded series of the alerts: those have no past before the rules were loaded,
and stay empty for ever for the time in which Prometheus was down, while the Collector hands the counters in later.
"""

CALLS = "spanledger_client_calls_total"
COST = "spanledger_client_cost_USD_total"
UNPRICED = "spanledger_client_unpriced_tokens_total"
# Each also by its name until conventions 1.41, so that the dashboards work with `Semconv::V1_41`.
DURATION = "gen_ai_client_(inference|operation)_duration_seconds_bucket"
FIRST_CHUNK = "gen_ai_client_(inference|operation)_time_to_first_chunk_seconds_bucket"
PER_CHUNK = "gen_ai_client_(inference|operation)_time_per_output_chunk_seconds_bucket"
INPUT = ("gen_ai_client_inference_usage_input_tokens_total|gen_ai_client_token_usage_sum", "input")
OUTPUT = ("gen_ai_client_inference_usage_output_tokens_total|gen_ai_client_token_usage_sum", "output")
# Newer conventions only.
CACHE_READ = "gen_ai_client_inference_usage_cache_read_input_tokens_total"

FAILED = 'spanledger_outcome=~"failed|timed_out|truncated"'
COMPLETED = 'spanledger_outcome="completed"'

# The variables of every dashboard.
CHOSEN = (
    'service_name=~"$service"',
    'deployment_environment_name=~"$environment"',
    'gen_ai_provider_name=~"$provider"',
    'gen_ai_request_model=~"$model"',
    'service_version=~"$version"',
)


def chosen(metric, *matchers):
    """The series of `metric` that the variables choose. A pair is a pattern of names with a type of tokens."""
    pattern, kind = metric if isinstance(metric, tuple) else (metric, None)
    names = [f'__name__=~"{pattern}"'] if "|" in pattern else []
    tokens = [f'gen_ai_token_type=~"|{kind}"'] if kind else []
    return f"{'' if names else pattern}{{{', '.join([*names, *CHOSEN, *tokens, *matchers])}}}"


def by(labels, expression):
    return f"sum by ({labels}) ({expression})" if labels else f"sum({expression})"


def named(expression, label, name):
    """The series without a label under a name of its own, in place of a legend without one."""
    return f'label_replace({expression}, "{label}", "{name}", "{label}", "")'


def per_minute(metric, *matchers, labels=""):
    return f"{by(labels, f'rate({chosen(metric, *matchers)}[$__rate_interval])')} * 60"


def increase(metric, *matchers, labels=""):
    """The increase over the range, from each series' first point on: `increase()` does not see what a series begins with."""
    series = chosen(metric, *matchers)
    now, before = f"last_over_time({series}[$__range])", f"last_over_time({series}[$__range] offset $__range)"
    return by(labels, f"({now} - {before}) >= 0 or {now}")


def earlier(metric, shift, labels=""):
    """The increase over the same length of time, `shift` (such as `1d`) earlier."""
    return by(labels, f"increase({chosen(metric)}[$__range] offset {shift})")


def ratio(part, whole):
    """A share that is zero, not absent, where the whole has calls and the part none."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def failure_ratio(labels=""):
    failed = by(labels, f"rate({chosen(CALLS, FAILED)}[$__rate_interval])")
    return ratio(failed, by(labels, f"rate({chosen(CALLS)}[$__rate_interval])"))


def quantile(share, metric, labels=""):
    grouped = f"le, {labels}" if labels else "le"
    return f"histogram_quantile({share}, sum by ({grouped}) (rate({chosen(metric)}[$__rate_interval])))"
