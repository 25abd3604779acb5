#!/usr/bin/env python3
"""Writes what other stacks read of our rules and dashboards: `deploy/generate.py`, or with `--check` compares.

- kubernetes/prometheusrule.yaml: the rules for the Prometheus operator.
- kubernetes/dashboards.yaml: the dashboards for Grafana's sidecar, one ConfigMap each.
- grafana/alerts.yaml: the alerts for Grafana's own alerting, over the recorded series of the rules.
"""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
HERE = ROOT / "deploy"
RUNBOOK = "http://spanledger.spanledger.svc:4319/runbook"
# The address of Grafana in the rules, and in a cluster.
GRAFANA = "http://127.0.0.1:3000/"
GRAFANA_THERE = "http://kube-prometheus-stack-grafana.monitoring.svc/"
NOTE = "# Written by deploy/generate.py; do not edit.\n"
LABELS = {"app.kubernetes.io/name": "spanledger"}


def rules():
    text = (ROOT / "alerts/spanledger.rules.yml").read_text(encoding="utf-8")
    # Links of the repository have no address; the companion serves the runbook.
    text = re.sub(r"(runbook_url: *[\"']?)alerts/runbook\.md", rf"\1{RUNBOOK}", text)
    return text.replace(GRAFANA, GRAFANA_THERE)


def prometheus_rule():
    """The rules as they are, comments and all, below `spec`."""
    head = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "spanledger", "labels": {**LABELS, "release": "kube-prometheus-stack"}},
    }
    groups = rules()[rules().index("groups:\n") :]
    indented = "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))
    return NOTE + yaml.safe_dump(head, sort_keys=False) + "spec:\n" + indented


def config_maps():
    documents = []
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        name = path.stem if path.stem.startswith("spanledger") else f"spanledger-{path.stem}"
        board = json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
        documents.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": f"{name}-dashboard", "labels": {**LABELS, "grafana_dashboard": "1"}},
                "data": {path.name: board},
            }
        )
    return NOTE + yaml.safe_dump_all(documents, sort_keys=False, width=1 << 20)


def annotations(alert):
    """Grafana has no `query` in templates, and `$value` is a text there: sentences that use the one are left out."""
    kept = {}
    for name, text in alert["annotations"].items():
        if re.search(r"\bquery ", text):
            text = alert["annotations"]["summary"]
        text = re.sub(r"\$value\b", "$values.A.Value", " ".join(text.split()))
        # Grafana knows its own address.
        kept[name] = text.replace(GRAFANA_THERE, "{{ externalURL }}")
    return kept


def grafana_rule(group, alert):
    query = {
        "refId": "A",
        "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": "spanledger-prometheus",
        "model": {"refId": "A", "expr": alert["expr"], "instant": True, "range": False},
    }
    # The expression has a series where the alert fires; whatever its value is.
    condition = {
        "refId": "B",
        "datasourceUid": "__expr__",
        "model": {"refId": "B", "type": "math", "expression": "is_number($A)"},
    }
    rule = {
        "uid": f"spanledger-{alert['alert'].lower()}"[:40],
        "title": alert["alert"],
        "condition": "B",
        "data": [query, condition],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": alert.get("for", "0s"),
        "labels": alert["labels"],
        "annotations": annotations(alert),
    }
    if "keep_firing_for" in alert:
        rule["keepFiringFor"] = alert["keep_firing_for"]
    return rule


def grafana_alerts():
    groups = [
        {
            "orgId": 1,
            "name": group["name"],
            "folder": "Spanledger",
            "interval": "1m",
            "rules": [grafana_rule(group, rule) for rule in group["rules"] if "alert" in rule],
        }
        for group in yaml.safe_load(rules())["groups"]
    ]
    about = (
        "# Alerts for Grafana's own alerting, instead of those of Prometheus (not in addition: each would arrive twice). Mount it\n"
        "# below /etc/grafana/provisioning/alerting. Prometheus must still evaluate the recording rules.\n"
    )
    filled = {"apiVersion": 1, "groups": [group for group in groups if group["rules"]]}
    return NOTE + about + yaml.safe_dump(filled, sort_keys=False, width=1 << 20)


FILES = {
    "kubernetes/prometheusrule.yaml": prometheus_rule,
    "kubernetes/dashboards.yaml": config_maps,
    "grafana/alerts.yaml": grafana_alerts,
}


def main():
    stale = []
    for name, write in FILES.items():
        path, text = HERE / name, write()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"not what deploy/generate.py writes: {', '.join(stale)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
