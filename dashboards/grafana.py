"""Panels, variables and links of Grafana as plain dictionaries."""

import itertools
import json
import urllib.parse

PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
TEMPO = {"type": "tempo", "uid": "${tempo}"}

# What an empty panel says: the line that an application needs.
NO_CALLS = (
    "No calls in this range. Applications send with OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 "
    "(in a container of the stack: http://collector:4318)"
)

# Colours by meaning, wherever a series has one of these names.
COLOURS = {
    "completed": "green", "pending": "blue", "failed": "red", "timed_out": "orange", "truncated": "dark-orange",
    "cancelled": "gray", "dropped": "dark-gray",
    "exact": "green", "estimated": "yellow", "unpriced": "red", "no_usage": "gray",
    "reported": "green", "none": "red",
    "critical": "red", "warning": "orange", "info": "blue",
    "200": "green", "429": "yellow",
}  # fmt: skip
PATTERNS = {"/^4(?!29)\\d\\d$/": "orange", "/^5\\d\\d$/": "red"}


# Labels whose values have a colour of their own.
MEANING = ("spanledger_outcome", "spanledger_cost_status", "spanledger_usage_source", "http_response_status_code", "severity")


def colours(legends):
    """The overrides for series with these legends: none where no legend shows a label that has colours."""
    if not any(name in legend for legend in legends for name in MEANING):
        return []
    named = [({"id": "byName", "options": name}, colour) for name, colour in COLOURS.items()]
    matched = [({"id": "byRegexp", "options": pattern}, colour) for pattern, colour in PATTERNS.items()]
    return [
        {"matcher": matcher, "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]}
        for matcher, colour in named + matched
    ]


def steps(*bounds):
    """Thresholds: the base colour, then pairs of bound and colour."""
    base, *rest = bounds
    return {"mode": "absolute", "steps": [{"color": base, "value": None}, *({"color": c, "value": v} for v, c in rest)]}


PLAIN = steps("text")
# Without a value nothing is healthy: grey, never green. The text is that of `noValue`.
GREY = [{"type": "special", "options": {"match": "null+nan", "result": {"color": "gray", "index": 0}}}]


def target(expression, legend="__auto", instant=False, table=False, exemplar=False):
    query = {"datasource": PROMETHEUS, "expr": expression, "legendFormat": legend, "instant": instant, "range": not instant}
    if table:
        query["format"] = "table"
    if exemplar:
        query["exemplar"] = True
    return query


def panel(kind, title, targets, *, width, height, description, defaults, options, overrides=(), datasource=PROMETHEUS, **more):
    for name, query in zip(map(chr, itertools.count(ord("A"))), targets):
        query["refId"] = name
    return {
        "type": kind, "title": title, "description": description, "datasource": datasource,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)}, "options": options, "targets": targets,
        "gridPos": {"w": width, "h": height}, **more,
    }  # fmt: skip


def stat(title, expression, unit, *, width=4, height=4, decimals=None, thresholds=PLAIN, description="", empty="no calls", links=(), also=(), **more):
    defaults = {"unit": unit, "thresholds": thresholds, "noValue": empty, "mappings": GREY, "links": list(links)}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value", "graphMode": "none", "textMode": "value_and_name" if also else "value", "justifyMode": "auto",
    }  # fmt: skip
    name = "__auto" if not also else title
    targets = [target(expression, name, instant=True), *(target(e, n, instant=True) for n, e in also)]
    return panel("stat", title, targets, width=width, height=height, description=description, defaults=defaults, options=options, **more)


def series(title, expressions, unit, *, width=8, height=8, stacked=False, description="", links=(), exemplar=False, max_one=False, empty=NO_CALLS, **more):
    """Lines over time; `expressions` are pairs of legend and expression."""
    custom = {
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": 20 if stacked else 5, "showPoints": "auto", "spanNulls": 120000,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }  # fmt: skip
    defaults = {"unit": unit, "min": 0, "noValue": empty, "custom": custom, "links": list(links)}
    if max_one:
        defaults["max"] = 1
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    targets = [target(expression, legend, exemplar=exemplar) for legend, expression in expressions]
    return panel("timeseries", title, targets, width=width, height=height, description=description, defaults=defaults, options=options, overrides=colours([legend for legend, _ in expressions]), **more)


def bars(title, expression, legend, unit, *, width=8, height=8, description="The ten largest.", links=(), **more):
    defaults = {"unit": unit, "min": 0, "noValue": NO_CALLS, "color": {"mode": "palette-classic-by-name"}, "links": list(links)}
    options = {
        "orientation": "horizontal", "displayMode": "basic", "showUnfilled": False, "valueMode": "text",
        # One bar is as high as one of ten.
        "sizing": "manual", "minVizHeight": 16, "maxVizHeight": 24, "text": {"titleSize": 13, "valueSize": 13},
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }  # fmt: skip
    targets = [target(f"sort_desc(topk(10, {expression}))", legend, instant=True)]
    return panel("bargauge", title, targets, width=width, height=height, description=description, defaults=defaults, options=options, overrides=colours([legend]), **more)


# What a cell without a value shows; `noValue` of the defaults is for a panel without rows.
NO_CELL = {"matcher": {"id": "byRegexp", "options": "/.*/"}, "properties": [{"id": "noValue", "value": "–"}]}


def table(title, columns, *, width=12, height=8, description="", hidden=(), names=None, units=None, sort=None, empty="nothing", **more):
    """One row per set of labels; `columns` are pairs of name and expression, joined by the labels."""
    overrides = [NO_CELL]
    renamed = dict(names or {})
    for letter, (name, _) in zip(map(chr, itertools.count(ord("A"))), columns):
        renamed["Value" if len(columns) == 1 else f"Value #{letter}"] = name
    for name, unit in (units or {}).items():
        overrides.append({"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]})
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {label: True for label in ("Time", *hidden)}, "renameByName": renamed}},
    ]
    options = {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": sort, "desc": True}] if sort else []}
    targets = [target(expression, instant=True, table=True) for _, expression in columns]
    return panel(
        "table", title, targets, width=width, height=height, description=description, defaults={"noValue": empty}, options=options,
        overrides=[*overrides, *more.pop("overrides", ())], transformations=transformations, **more,
    )  # fmt: skip


def text(title, markdown, *, width=24, height=6):
    options = {"mode": "markdown", "content": markdown}
    return {"type": "text", "title": title, "options": options, "gridPos": {"w": width, "h": height}}


def traces(title, query, *, width=24, height=10, description=""):
    """The newest spans of a TraceQL query; without `most_recent` Tempo returns any."""
    search = {
        "refId": "A", "datasource": TEMPO, "queryType": "traceql", "query": f"{query} with (most_recent=true)",
        "limit": 50, "tableType": "spans",
    }  # fmt: skip
    columns = {"gen_ai.usage.cost": "currencyUSD", "gen_ai.usage.input_tokens": "locale", "gen_ai.usage.output_tokens": "locale"}
    overrides = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}, {"id": "decimals", "value": 6 if unit == "currencyUSD" else 0}]}
        for name, unit in columns.items()
    ]
    panel = {
        "type": "table", "title": title, "description": description, "datasource": TEMPO,
        "fieldConfig": {"defaults": {"noValue": NO_CALLS}, "overrides": [NO_CELL, *overrides]},
        "options": {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": "Start time", "desc": True}]},
        "targets": [search], "gridPos": {"w": width, "h": height},
    }  # fmt: skip
    return panel


# --- on the ledger alone ---------------------------------------------------------------------------------------------

# Panels that show less, or nothing, where the companion is the only data source. A test sends every query to it and compares.
ON_THE_LEDGER = "On the ledger alone: "
NOTHING = ON_THE_LEDGER + "no data, "
LEDGER_NOTES = {
    "Time per output chunk": NOTHING + "since the ledger does not keep times between chunks.",
    "The Collector's queues": NOTHING + "since there is no Collector.",
    "Spans sent by the Collector, per minute": NOTHING + "since there is no Collector.",
    "Duration p95 by version": ON_THE_LEDGER + "one line, since the ledger does not keep versions.",
    "Cost by owner (service.namespace)": ON_THE_LEDGER + "one bar, since the ledger does not keep namespaces.",
    "Cost by version": ON_THE_LEDGER + "one bar, since the ledger does not keep versions.",
    "Calls per minute by HTTP status": ON_THE_LEDGER + "status 429 and all others together.",
    "Completed calls per minute by usage source": ON_THE_LEDGER + "none, and all others together.",
    "Spans given up by applications": ON_THE_LEDGER + "not known, so that 0 says nothing; missing calls are above.",
    "Unrecognised requests": ON_THE_LEDGER + "not known, so that 0 says nothing; the report lists them.",
    "Ledger minus metrics, calls": ON_THE_LEDGER + "both are the ledger; the difference is what came late or twice.",
    "Calls per minute: ledger and metrics": ON_THE_LEDGER + "by the time of receipt, and by the end of the calls.",
    "Dollars: ledger and metrics": ON_THE_LEDGER + "both are the ledger.",
}


def noted(panel):
    """The panel with what it lacks on the ledger alone."""
    note = LEDGER_NOTES.get(panel["title"])
    if note:
        panel["description"] = " ".join(filter(None, [panel.get("description"), note]))
    return panel


# --- links ---------------------------------------------------------------------------------------------------------

CHOSEN_SPANS = (
    'resource.service.name =~ "${service:pipe}" && span.gen_ai.provider.name =~ "${provider:pipe}" '
    '&& span.gen_ai.request.model =~ "${model:pipe}"'
)


def explore(title, *conditions):
    """The calls behind a series, in Tempo. Conditions may name labels of the series as ${__field.labels.NAME}."""
    query = f"{{ {' && '.join([CHOSEN_SPANS, *conditions])} }} with (most_recent=true)"
    pane = {
        "a": {
            "datasource": "${tempo}",
            "queries": [{"refId": "A", "datasource": {"type": "tempo", "uid": "${tempo}"}, "queryType": "traceql", "query": query, "limit": 50}],
            "range": {"from": "${__from}", "to": "${__to}"},
        }
    }
    quoted = urllib.parse.quote(json.dumps(pane, separators=(",", ":")), safe="${}:_.")
    return {"title": title, "url": f"/explore?schemaVersion=1&orgId=1&panes={quoted}", "targetBlank": True}


def ledger(title, **filters):
    """The calls behind a series, in the ledger, which also has those that Tempo has deleted."""
    query = "&".join(["from=${__from:date:iso}", "to=${__to:date:iso}", *(f"{name}={value}" for name, value in filters.items())])
    return {"title": title, "url": f"${{ledger}}/calls?{query}", "targetBlank": True}


def label(name):
    return "${__field.labels." + name + "}"


# --- boards --------------------------------------------------------------------------------------------------------


def source(name, title):
    return {"name": name, "label": title, "type": "datasource", "query": name, "refresh": 1, "hide": 0, "multi": False, "includeAll": False, "current": {}}


def variable(name, title, label_name, *earlier):
    matchers = f"{{{', '.join(earlier)}}}" if earlier else ""
    definition = f"label_values(spanledger_client_calls_total{matchers}, {label_name})"
    return {
        "name": name, "label": title, "type": "query", "datasource": PROMETHEUS, "definition": definition,
        "query": {"query": definition, "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
        "allValue": ".*", "current": {"text": "All", "value": "$__all"}, "hide": 0,
    }  # fmt: skip


def variables():
    service, environment, provider = (
        'service_name=~"$service"', 'deployment_environment_name=~"$environment"', 'gen_ai_provider_name=~"$provider"',
    )  # fmt: skip
    address = {"name": "ledger", "label": "Ledger", "type": "textbox", "query": "http://127.0.0.1:4319", "hide": 2}
    address["current"] = {"text": address["query"], "value": address["query"]}
    return [
        source("prometheus", "Prometheus"),
        source("tempo", "Tempo"),
        variable("environment", "Environment", "deployment_environment_name"),
        variable("service", "Service", "service_name", environment),
        variable("provider", "Provider", "gen_ai_provider_name", environment, service),
        variable("model", "Model", "gen_ai_request_model", environment, service, provider),
        variable("version", "Version", "service_version", environment, service),
        address,
    ]


def annotations():
    versions = "sum by (service_name, service_version) (spanledger_client_calls_total{service_name=~\"$service\"})"
    entry = lambda name, colour, expression, title, enable=True: {  # noqa: E731
        "name": name, "datasource": PROMETHEUS, "enable": enable, "hide": False, "iconColor": colour,
        "expr": expression, "titleFormat": title, "step": "60s",
    }  # fmt: skip
    return [
        entry("Alerts", "red", 'ALERTS{alertstate="firing", alertname!~".*Absent"}', "{{alertname}}"),
        entry("Deployments", "blue", f"{versions} unless {versions.replace('}', '} offset 10m')}", "{{service_name}} {{service_version}}"),
    ]


def board(uid, title, description, *rows):
    """`rows` are pairs of a heading and panels; a heading that begins with `-` is collapsed. A panel with `below` is under the one
    before it."""
    panels, y, number = [], 0, itertools.count(1)
    for heading, members in rows:
        collapsed = heading.startswith("-")
        row = {"id": next(number), "type": "row", "title": heading.lstrip("-"), "collapsed": collapsed, "panels": []}
        row["gridPos"] = {"x": 0, "y": y, "w": 24, "h": 1}
        y += 1
        x, down, tallest, before = 0, 0, 0, None
        for member in members:
            place = member["gridPos"]
            if member.pop("below", False):
                x, down = before["x"], down + before["h"]
            elif x + place["w"] > 24:
                x, y, down, tallest = 0, y + tallest, 0, 0
            place |= {"x": x, "y": y + down}
            x, tallest, before = x + place["w"], max(tallest, down + place["h"]), place
            noted(member)["id"] = next(number)
        y += tallest
        if collapsed:
            row["panels"] = members
            panels.append(row)
        else:
            panels += [row, *members]
    bare = {"tags": [], "asDropdown": False, "includeVars": False, "keepTime": False, "targetBlank": True, "tooltip": ""}
    link = bare | {"type": "dashboards", "title": "Spanledger", "tags": ["spanledger"], "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "dashboard"}
    report = bare | {"type": "link", "title": "Report page", "url": "${ledger}/", "icon": "external link"}
    runbook = bare | {"type": "link", "title": "Runbook", "url": "${ledger}/runbook", "icon": "doc"}
    return {
        "uid": uid, "title": title, "description": description, "tags": ["llm", "spanledger", "opentelemetry"],
        "schemaVersion": 41, "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser", "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"}, "fiscalYearStartMonth": 0, "links": [link, report, runbook],
        "annotations": {"list": annotations()}, "templating": {"list": variables()}, "panels": panels,
    }  # fmt: skip
