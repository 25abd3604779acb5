"""The Prometheus queries of the dashboards, as Grafana sends them with "All" chosen for every variable."""

import json
import re

# A test has no yesterday: what is compared with an earlier time is asked about the same time.
FILLED = {"$__rate_interval": "4m", "$__range_s": "600", "$__range": "600s", " offset 1d": "", " offset 1w": ""}
VARIABLE = re.compile(r"\$(service|environment|provider|model|version)\b")


def queries(dashboards):
    """(title, expression) of every query of every panel, those of collapsed rows too."""
    for file in sorted(dashboards.glob("*.json")):
        panels = json.loads(file.read_text()).get("panels", [])
        for panel in [inner for outer in panels for inner in (outer, *outer.get("panels", []))]:
            for target in panel.get("targets", []):
                if expression := target.get("expr"):
                    yield f"{file.stem}: {panel.get('title', '')}", filled(expression)


def filled(expression):
    for grafana, ours in FILLED.items():
        expression = expression.replace(grafana, ours)
    return VARIABLE.sub(".*", expression)


def has_data(series):
    """Whether a number is in it: NaN is Prometheus' way to say that there is none."""
    return any(value != "NaN" for one in series for _, value in one.get("values", [one.get("value", (0, "NaN"))]))
