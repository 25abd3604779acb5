#!/usr/bin/env python3
"""Runs docker-compose.yml itself on a real engine, with stand-in images, and follows one alert to the end of the chain.

    tests/compose/main.py --programs DIRECTORY --companion BINARY
    tests/compose/main.py --missing       prints what this machine lacks for it, and exits with 1 when it lacks anything

DIRECTORY is what `tests/tools/build` prints. Exits with 0 when all is well and 1 on a fault. What is real: the engine, the compose file and all that it mounts, Collector, Prometheus, Alertmanager and the companion. What
is not: the images (`images.py` says what they are made of), Tempo and Grafana (`stubs/`).
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import engine
import images
import panels

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 240


class Fault(Exception):
    """What is wrong with the stack."""


def expect(condition, fault):
    if not condition:
        raise Fault(fault)


def until(what, ask):
    """The first true value of `ask`, which is asked until then."""
    deadline, problem = time.monotonic() + PATIENCE, "no answer"
    while time.monotonic() < deadline:
        try:
            if value := ask():
                print(f"ok: {what}", flush=True)
                return value
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problem = error
        time.sleep(0.5)
    raise Fault(f"{what}: not within {PATIENCE} s ({problem})")


def fetched(url):
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.read().decode()


def asked(url):
    return json.loads(fetched(url))


class Project:
    """The compose project, by the commands that its users type."""

    def __init__(self, compose, docker_host):
        self.compose = compose
        self.environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DOCKER_HOST": docker_host}

    def run(self, *arguments, check=True, **settings):
        """`docker compose ARGUMENTS` with the example's settings, of which `settings` change some."""
        command = [self.compose, "--project-directory", ROOT, "--env-file", ROOT / ".env.example", *arguments]
        done = subprocess.run(command, env={**self.environment, **settings}, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise Fault(f"docker compose {' '.join(arguments)}: {done.stderr[-3000:]}")
        return done.stdout

    def config(self):
        return json.loads(self.run("--profile", "demo", "config", "--format", "json"))

    def containers(self):
        listed = self.run("--profile", "demo", "ps", "--all", "--format", "json")
        return [json.loads(line) for line in listed.splitlines()]


def misowned(config, stand_ins):
    """Volumes that a service cannot write, because its image gives the directory to another user than the service has."""
    faults = []
    for name, service in config["services"].items():
        image = stand_ins[service["image"].rpartition(":")[0]]
        user = service.get("user", image.user).partition(":")[0]
        user = {"root": "0", "nobody": "65534"}.get(user, user)
        for volume in service.get("volumes", []):
            # What the image has not, Docker makes root's; a directory above it has no say.
            owner = image.owner_of(volume["target"])
            owner = 0 if owner is None else owner
            if volume["type"] == "volume" and str(owner) != user:
                faults.append(f"{name}: the volume at {volume['target']} is of user {owner}, the service runs as {user}")
    return faults


def check_owners(config, stand_ins):
    """The file is right, and the check sees the fault that it exists for."""
    faults = misowned(config, stand_ins)
    expect(not faults, "; ".join(faults))
    wrong = json.loads(json.dumps(config))
    wrong["services"]["tempo"]["user"] = "0:0"
    expect(any("tempo" in fault for fault in misowned(wrong, stand_ins)), "tempo as root passes the check of owners")
    print("ok: every volume is of the user who writes it")


def check_up(project):
    """Every container runs, is healthy where it has a health check, and was started once."""
    containers = project.containers()
    for container in containers:
        name = container["Service"]
        expect(container["State"] == "running", f"{name} is {container['State']}")
        expect(container["Health"] in ("", "healthy"), f"{name} is {container['Health']}")
    restarts = subprocess.run(
        ["docker", "inspect", "--format", "{{.Name}} {{.RestartCount}}", *(c["ID"] for c in containers)],
        env=project.environment, capture_output=True, text=True, check=True,
    ).stdout
    expect(not re.search(r" [1-9]", restarts), f"restarted: {restarts}")
    print(f"ok: {len(containers)} containers run, none was restarted")


def query(expression):
    data = asked(f"http://127.0.0.1:9090/api/v1/query?query={urllib.request.quote(expression)}")
    return data["data"]["result"]


def services_in_prometheus():
    return {series["metric"].get("service_name") for series in query("sum by (service_name) (spanledger_client_calls_total)")}


def empty_panels(left):
    """Those of the panels' queries that have no number in the last ten minutes."""
    now = int(time.time())
    for title, expression in left:
        wanted = urllib.parse.urlencode({"query": expression, "start": now - 600, "end": now, "step": 15})
        if not panels.has_data(asked(f"http://127.0.0.1:9090/api/v1/query_range?{wanted}")["data"]["result"]):
            yield title, expression


def check_panels():
    """No panel over Prometheus is empty under the demo's traffic."""
    left = list(panels.queries(ROOT / "dashboards"))
    expect(len(left) > 40, f"only {len(left)} queries in the dashboards")

    def none_left():
        left[:] = empty_panels(left)
        return not left

    try:
        until("data in every panel", none_left)
    except Fault as fault:
        raise Fault(f"{fault}: {left}") from fault


def notices(receiver):
    return [notice for notice in asked("http://127.0.0.1:5001/notices.json") if notice["receiver"] == receiver]


def check_links(alert):
    """Every link of an alert leads somewhere that the reader can open."""
    annotations = alert["annotations"]
    for name in ("summary", "description", "advice", "runbook_url", "dashboard_url"):
        expect(annotations.get(name), f"{alert['labels']}: no {name}")
    page, _, section = annotations["runbook_url"].partition("#")
    expect(f'id="{section}"' in fetched(page), f"{annotations['runbook_url']}: no such section")
    for link in (alert["generatorURL"], annotations["dashboard_url"]):
        expect(link.startswith("http://127.0.0.1:"), f"{link} cannot be opened from the host")


def follow(project):
    """Traffic of the demo, from the applications to the inbox."""
    wanted = {name.removeprefix("demo-") for name in project.config()["services"] if name.startswith("demo-")}
    until("calls of every service in Prometheus", lambda: wanted <= services_in_prometheus())
    until(
        "every target is scraped",
        lambda: len(up := query("up")) == 4 and all(series["value"][1] == "1" for series in up),
    )
    check_panels()
    until(
        "calls of every service in the ledger",
        lambda: all(name in project.run("exec", "-T", "companion", "spanledger", "report", "--last", "1h") for name in wanted),
    )
    until("spans in Tempo's volume", lambda: "gen_ai" in project.run("exec", "-T", "tempo", "cat", "/var/tempo/spans.json"))
    until(
        "Prometheus knows Alertmanager",
        lambda: asked("http://127.0.0.1:9090/api/v1/alertmanagers")["data"]["activeAlertmanagers"],
    )
    arrived = until("an alert in the inbox", lambda: notices("inbox"))
    for notice in arrived:
        for alert in notice["alerts"]:
            check_links(alert)
    expect("UnpricedUsage" in fetched("http://127.0.0.1:5001/") or arrived, "the page of the inbox is empty")


def check_receivers(project):
    """Each receiver of .env gives a valid configuration, and one that is not the default is used."""
    for receiver in ("slack", "email", "webhook"):
        chosen = {
            "ALERT_RECEIVER": receiver,
            "ALERT_URL": "http://inbox:5001/alerts?token=a|b&c",
            "ALERT_MAIL_TO": "on-call|a&b@shop.example",
        }
        project.run("up", "--detach", "--no-build", "--wait", "alertmanager", **chosen)
        file = "/etc/alertmanager/alertmanager.yml"
        project.run("exec", "-T", "alertmanager", "amtool", "check-config", file)
        text = project.run("exec", "-T", "alertmanager", "cat", file)
        expect(f"receiver: {receiver}\n" in text, f"{receiver} is not chosen")
        expect("to: on-call|a&b@shop.example\n" in text, "the address of the mail is not the one of .env")
        expect("token=a" not in text, "the URL is in the configuration, which a page shows")
    until("an alert through the webhook of .env", lambda: notices("webhook"))


def run(arguments, folder):
    stand_ins = images.images(arguments.programs, arguments.companion)
    docker = engine.Engine(folder)
    project = Project(arguments.programs / "docker-compose", docker.host)
    try:
        config = project.config()
        check_owners(config, stand_ins)
        for tag in sorted({service["image"] for service in config["services"].values()}):
            images.load(docker.docker(), tag, stand_ins[tag.rpartition(":")[0]])
        project.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", str(PATIENCE))
        check_up(project)
        project.run("--profile", "demo", "up", "--detach", "--no-build", "--wait", "--wait-timeout", str(PATIENCE))
        follow(project)
        check_receivers(project)
        check_up(project)
        project.run("--profile", "demo", "down")
        project.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", str(PATIENCE))
        report = project.run("exec", "-T", "companion", "spanledger", "report", "--last", "1h")
        expect("checkout" in report, "the ledger is empty after down and up")
        check_up(project)
    except BaseException:
        print(project.run("ps", "--all", check=False))
        print(project.run("--profile", "demo", "logs", "--tail", "25", check=False))
        raise
    finally:
        project.run("--profile", "demo", "down", "--volumes", "--timeout", "2", check=False)
        docker.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--programs", type=pathlib.Path)
    parser.add_argument("--companion", type=pathlib.Path)
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.missing:
        reason = engine.missing()
        print(reason or "nothing")
        return 1 if reason else 0
    if not arguments.inside:
        return engine.isolated([sys.executable, *sys.argv, "--inside"])
    with tempfile.TemporaryDirectory(prefix="spanledger-compose-", ignore_cleanup_errors=True) as folder:
        try:
            run(arguments, folder)
        except Fault as fault:
            print(f"FAULT: {fault}")
            return 1
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
