"""Cost: what was spent, by whom, how sure that is, and where the month ends. For finance and owners of services."""

from grafana import board as make
from grafana import bars, explore, label, ledger, series, stat, steps
from queries import CACHE_READ, CALLS, COMPLETED, COST, FAILED, INPUT, UNPRICED, by, chosen, earlier, increase, named, ratio

ESTIMATED = 'spanledger_cost_status="estimated"'
EXPENSIVE = "span.gen_ai.usage.cost > 0.1"
MONTH = f"{increase(COST)} / $__range_s * 86400 * scalar(days_in_month())"


def totals():
    orange = steps("text", (0.01, "orange"), (0.1, "red"))
    return [
        stat("Cost of the range", increase(COST), "currencyUSD", decimals=4, description="Of the priced calls.", also=[("a week earlier", earlier(COST, "1w"))]),
        stat("Today", increase(COST), "currencyUSD", decimals=2, timeFrom="now/d", description="Since midnight, and the same hours of yesterday.", also=[("yesterday", earlier(COST, "1d"))]),
        stat("This month", increase(COST), "currencyUSD", decimals=2, timeFrom="now/M", description="Since the first of the month."),
        stat("Forecast for the month", MONTH, "currencyUSD", decimals=2, timeFrom="now/M", description="This month so far, continued at its mean. A month whose first days Prometheus has not seen is forecast too low."),
        stat("Dollars per call", f"{increase(COST)} / ({increase(CALLS, COMPLETED)} > 0)", "currencyUSD", decimals=6, description="Over completed calls."),
        stat("Dollars per million tokens", f"{increase(COST)} / ({increase(INPUT)} > 0) * 1e6", "currencyUSD", decimals=4, description="Cost over input tokens."),
        stat("Estimated share of the cost", ratio(increase(COST, ESTIMATED), increase(COST)), "percentunit", decimals=2, thresholds=orange, description="Dollars of calls whose price or tokens are not all confirmed."),
        stat("Estimated dollars", f"{increase(COST, ESTIMATED)} or 0 * {increase(COST)}", "currencyUSD", decimals=4),
        stat("Unpriced calls", f"{increase(CALLS, UNPRICED_CALLS)} or 0 * {increase(CALLS)}", "locale", decimals=0, thresholds=steps("text", (1, "red")), description="They cost something, and no total has it: add their price to prices.toml."),
        stat("Unpriced tokens", f"{increase(UNPRICED)} or 0 * {increase(CALLS)}", "locale", decimals=0, thresholds=steps("text", (1, "red"))),
        stat("Cost of failed calls", f"{increase(COST, FAILED)} or 0 * {increase(COST)}", "currencyUSD", decimals=4, description="Failed, timed out or truncated calls that the provider bills."),
        stat("Input read from the cache", ratio(increase(CACHE_READ), increase(INPUT)), "percentunit", decimals=1, description="What the provider read from its cache, at a lower price. Newer conventions only."),
    ]


UNPRICED_CALLS = 'spanledger_cost_status="unpriced"'


def parts():
    groups = [
        ("model", "gen_ai_request_model", "model"),
        ("service", "service_name", "service"),
        ("provider", "gen_ai_provider_name", "provider"),
        ("environment", "deployment_environment_name", "environment"),
        ("owner (service.namespace)", "service_namespace", None),
        ("version", "service_version", None),
    ]
    return [
        bars(
            f"Cost by {title}",
            named(increase(COST, labels=name), name, "not given"),
            f"{{{{{name}}}}}",
            "currencyUSD",
            links=[explore("Expensive calls", EXPENSIVE), *([ledger("In the ledger", **{parameter: label(name)})] if parameter else [])],
        )
        for title, name, parameter in groups
    ]


def over_time():
    hourly = lambda labels, *matchers: f"{by(labels, f'rate({chosen(COST, *matchers)}[$__rate_interval])')} * 3600"  # noqa: E731
    links = [explore("Expensive calls", EXPENSIVE)]
    return [
        series("Dollars per hour by model", [("{{gen_ai_request_model}}", hourly("gen_ai_request_model"))], "currencyUSD", stacked=True, links=links),
        series("Dollars per hour by service", [("{{service_name}}", hourly("service_name"))], "currencyUSD", stacked=True, links=[*links, ledger("In the ledger", service=label("service_name"))]),
        series("Dollars per hour by cost status", [("{{spanledger_cost_status}}", hourly("spanledger_cost_status"))], "currencyUSD", stacked=True, links=links),
        series("Dollars per hour, against a week ago", [("now", hourly("")), ("a week ago", f"sum(rate({chosen(COST)}[$__rate_interval] offset 1w)) * 3600")], "currencyUSD", links=links),
        series("Dollars per hour of failed calls", [("{{spanledger_outcome}}", hourly("spanledger_outcome", FAILED))], "currencyUSD", stacked=True, empty="no failed call had a cost", links=[ledger("In the ledger", outcome=label("spanledger_outcome"))]),
        series("Unpriced tokens per minute by model", [("{{gen_ai_request_model}}", f"{by('gen_ai_request_model', f'rate({chosen(UNPRICED)}[$__rate_interval])')} * 60")], "short", stacked=True, empty="every model has a price", links=[ledger("In the ledger", model=label("gen_ai_request_model"))]),
    ]


def board():
    return make(
        "spanledger-cost",
        "Spanledger: cost",
        "What was spent, by whom, and how sure that is. Calls without a price are counted apart: they are not zero.",
        ("The chosen range, today and the month", totals()),
        ("By whom", parts()),
        ("Over time", over_time()),
    )
