"""Audit: whether every call is there, whether its figures can be trusted, and whether the pipeline delivers."""

from grafana import board as make
from grafana import ledger, label, series, stat, steps, table, target, panel
from queries import CALLS, COMPLETED, increase, named, per_minute, ratio

UNITS = {
    "HighRequestRate": "calls per minute", "HighFailureRate": "share of calls", "CostOverrun": "USD", "ExcessiveTokenUsage": "tokens",
    "RepeatedRequests": "calls", "DuplicateRatio": "share of calls", "UnpricedUsage": "calls", "UsageMissing": "share of calls",
    "AuthFailures": "calls", "RateLimited": "share of calls", "SequenceGap": "calls", "LedgerSilent": "seconds",
    "CacheCollapse": "share of calls", "FirstSeenModel": "calls", "FirstSeenUser": "calls", "LatencyRegression": "times",
    "OffHours": "calls", "ServiceSilent": "seconds", "ShortAnswers": "times", "TimeToFirstChunkRegression": "seconds",
    "TokenDrift": "tokens", "UserSpike": "calls", "ModelMismatch": "calls", "AgentLoop": "tokens", "CallsNotUnderstood": "calls",
    "LedgerLosing": "calls", "KeyShared": "services",
    "BudgetSpent": "share of the budget", "BudgetBurn": "times", "BudgetForecast": "USD",
}  # fmt: skip

ABSENT = "the companion is not scraped"

STATES = {
    "-2": ("evaluation failed", "purple"), "-1": ("no data", "gray"), "0": ("inactive", "green"), "1": ("pending", "orange"), "2": ("firing", "red"),
}  # fmt: skip
MAPPINGS = [{"type": "value", "options": {value: {"text": name, "color": colour, "index": index} for index, (value, (name, colour)) in enumerate(STATES.items())}}]


def state(labels):
    """2 firing, 1 pending, 0 inactive, -1 nothing to judge, -2 not evaluated."""
    return (
        f"max by ({labels}) (spanledger_rule_state) > 0 or -2 * max by ({labels}) (spanledger_rule_error) < 0 "
        f"or -1 * min by ({labels}) (spanledger_rule_no_data) < 0 or max by ({labels}) (spanledger_rule_state)"
    )


def with_unit(expression):
    """Each series with the unit of its rule as a label."""
    for unit in sorted(set(UNITS.values())):
        names = "|".join(name for name, other in UNITS.items() if other == unit)
        expression = f'label_replace({expression}, "unit", "{unit}", "rule", "{names}")'
    return expression


def judged():
    timeline = panel(
        "state-timeline",
        "State of the companion's rules",
        [target(state("rule"), "{{rule}}")],
        width=12,
        height=12,
        description="As the companion evaluates them over the ledger. Grey has nothing to judge, purple could not be evaluated.",
        defaults={"custom": {"fillOpacity": 80, "lineWidth": 0}, "mappings": MAPPINGS, "noValue": ABSENT},
        options={"mergeValues": True, "showValue": "never", "rowHeight": 0.8, "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}},
    )
    coloured = [{"matcher": {"id": "byName", "options": "state"}, "properties": [{"id": "mappings", "value": MAPPINGS}, {"id": "custom.cellOptions", "value": {"type": "color-text"}}]}]
    rules = table(
        "Rules with their values",
        [
            ("state", with_unit(state("rule"))),
            ("value", with_unit("max by (rule) (spanledger_rule_value)")),
            ("threshold", with_unit("max by (rule) (spanledger_rule_threshold)")),
        ],
        height=12,
        description="The worst service of each rule. A rule without a value has nothing to judge.",
        overrides=coloured,
        sort="state",
        empty=ABSENT,
    )
    return [timeline, rules]


APPENDED = "sum(increase(spanledger_ledger_appended_calls_total[$__range]))"
HELD = "sum(spanledger_ledger_cost_usd)"
LOST = "sum(increase(spanledger_client_lost_spans_total[$__range]))"
DROPPED = "sum(increase(spanledger_journal_lost_total[$__range]))"
SKIPPED = "sum(increase(spanledger_journal_skipped_total[$__range]))"


def complete():
    red = steps("green", (1, "red"))
    differs = steps("red", (-0.5, "green"), (0.5, "red"))
    total = increase(CALLS)
    apart, soon = f"({APPENDED} - {all_calls('increase')})", f"(1 + {all_calls('increase', '2m')})"
    difference = f"{apart} > {soon} or {apart} < -1 * {soon} or 0 * {soon}"
    return [
        stat("Missing calls", 'max(spanledger_rule_value{rule="SequenceGap"}) unless max(spanledger_rule_no_data{rule="SequenceGap"} == 1)', "locale", decimals=0, thresholds=red, description="Numbers that applications gave and the ledger does not have. `spanledger report` names them.", empty="no data"),
        stat("Calls in the ledger", "sum(spanledger_ledger_calls)", "locale", decimals=0, description="All that retention keeps.", links=[ledger("Newest calls")]),
        stat("Cost in the ledger", HELD, "currencyUSD", decimals=6, description="All that retention keeps."),
        stat("Ledger minus metrics, calls", difference, "locale", decimals=0, thresholds=differs, description="Calls of the range that the ledger wrote, minus those that applications counted; 0 while that is within the calls of two minutes, since metrics come up to a minute later. Other instrumentations have no metrics."),
        stat("Spans given up by applications", f"{LOST} or 0 * {total}", "locale", decimals=0, thresholds=red, description="`spanledger::otlp` counts what no receiver took."),
        stat("Unrecognised requests", f"sum(increase(spanledger_client_unrecognised_total[$__range])) or 0 * {total}", "locale", decimals=0, thresholds=steps("text", (1, "orange")), description="Requests to known providers that no wire format takes."),
        stat("Calls dropped by journals", f"{DROPPED} or 0 * {total}", "locale", width=8, decimals=0, thresholds=red, description="At the cap of a journal the oldest calls that no receiver took are dropped. The report names their numbers."),
        stat("Calls that journals skipped", f"{SKIPPED} or 0 * {total}", "locale", width=8, decimals=0, thresholds=steps("green", (1, "orange")), description="They could not be written down: a disk was full, away or slow. They are lost only where their process dies before they are delivered."),
        stat("Dropped calls that the ledger misses", "sum(spanledger_ledger_lost_calls) > 0 or 0 * sum(spanledger_ledger_calls)", "locale", width=8, decimals=0, thresholds=red, description="Of the missing calls, those that a journal reported as dropped."),
        series("Calls per minute: ledger and metrics", [("ledger", "sum(rate(spanledger_ledger_appended_calls_total[$__rate_interval])) * 60"), ("metrics", f"{all_calls('rate', '$__rate_interval')} * 60")], "cpm", width=12, description="Two ways of the same calls; they must agree within a minute."),
        series("Dollars: ledger and metrics", [("ledger", HELD), ("metrics", "sum(last_over_time(spanledger_client_cost_USD_total[1d]))")], "currencyUSD", width=12, description="Running totals: they begin at different times, and must grow alike."),
    ]


def all_calls(function, window="$__range"):
    return f"sum({function}({CALLS}[{window}]))"


def trusted():
    completed = lambda name: [(f"{{{{{name}}}}}", named(per_minute(CALLS, COMPLETED, labels=name), name, "other"))]  # noqa: E731
    return [
        series("Completed calls per minute by usage source", completed("spanledger_usage_source"), "cpm", stacked=True, description="Failed calls report no usage and are left out."),
        series("Completed calls per minute by cost status", completed("spanledger_cost_status"), "cpm", stacked=True),
        stat("Completed calls without usage", ratio(increase(CALLS, COMPLETED, 'spanledger_usage_source="none"'), increase(CALLS, COMPLETED)), "percentunit", decimals=2, thresholds=steps("green", (0.01, "orange"))),
        stat("Calls with an exact cost", ratio(increase(CALLS, COMPLETED, 'spanledger_cost_status="exact"'), increase(CALLS, COMPLETED)), "percentunit", decimals=2),
        table(
            "The ledger's totals by model",
            [(name, f"sum by (model) (spanledger_ledger_{metric}_by_model)") for name, metric in (("calls", "calls"), ("cost", "cost_usd"), ("input tokens", "input_tokens"), ("output tokens", "output_tokens"))],
            width=24,
            description="A model without a price has no cost here, which is not zero.",
            units={"calls": "locale", "cost": "currencyUSD", "input tokens": "locale", "output tokens": "locale"},
            sort="cost",
            overrides=[{"matcher": {"id": "byName", "options": "cost"}, "properties": [{"id": "noValue", "value": "unpriced"}]}],
            empty="the ledger is empty",
        ),
    ]


def pipeline():
    refused = "otelcol_receiver_refused_spans"
    return [
        series("Spans received by the companion, per minute", [("{{result}}", "sum by (result) (rate(spanledger_receiver_spans_total[$__rate_interval])) * 60")], "cpm", stacked=True, empty=ABSENT, description="`duplicate` and witnesses are other accounts of calls that are counted."),
        series("The Collector's queues", [("{{exporter}}", "max by (exporter) (otelcol_exporter_queue_size / (otelcol_exporter_queue_capacity > 0))")], "percentunit", max_one=True, description="A full queue refuses new data.", empty="the Collector is not scraped"),
        series("Spans sent by the Collector, per minute", [("{{exporter}}", "sum by (exporter) (rate({__name__=~\"otelcol_exporter_sent_spans(_total)?\"}[$__rate_interval])) * 60")], "cpm", empty="the Collector is not scraped"),
        series("Calls that wait to be written", [("waiting", "sum(spanledger_ledger_waiting_calls)")], "short", empty=ABSENT),
        series("Time to append, p95", [("p95", "histogram_quantile(0.95, sum by (le) (rate(spanledger_ledger_append_duration_seconds_bucket[$__rate_interval])))")], "s", empty=ABSENT),
        series("Time to evaluate all rules", [("seconds", "sum(spanledger_rule_evaluation_seconds)")], "s", empty=ABSENT),
        series("Notifications", [("{{notifier}} {{result}}", "sum by (notifier, result) (spanledger_notifications_total)")], "short", width=12, empty="no notifier is configured"),
        series("Alerts that fire", [("{{alertname}}", 'count by (alertname) (ALERTS{alertstate="firing"})')], "short", width=12, empty="nothing fired in this range"),
    ]


def board():
    return make(
        "spanledger-audit",
        "Spanledger: audit",
        "Whether every call is there, whether its figures can be trusted, and whether the pipeline delivers.",
        ("Rules", judged()),
        ("Completeness", complete()),
        ("Data quality", trusted()),
        ("Pipeline", pipeline()),
    )
