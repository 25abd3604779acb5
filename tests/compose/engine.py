"""A Docker engine of the test's own: no network beyond itself, and nothing of it is left when the process ends.

`isolated` runs this program again in namespaces of its own (network, processes, mounts): its containers cannot reach
any other machine, its firewall rules and ports are its own, and every process ends with it.
"""

import os
import pathlib
import shutil
import subprocess
import time

NEEDED = ("docker", "dockerd", "containerd", "runc", "iptables", "ip", "unshare", "busybox")
SOCKET = "docker.sock"


def missing():
    """What this machine lacks, in words; None where it lacks nothing."""
    absent = [program for program in NEEDED if shutil.which(program) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if os.geteuid() != 0:
        return "an engine needs root"
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    if subprocess.run(namespaces, capture_output=True).returncode != 0:
        return "no namespaces can be made here"
    return None


def isolated(arguments):
    """Runs `arguments` in namespaces of their own; its exit status."""
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.run([*namespaces, *arguments]).returncode


class Engine:
    """A running engine with its data in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.host = f"unix://{self.folder / SOCKET}"
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.log = (self.folder / "dockerd.log").open("wb")
        self.process = subprocess.Popen(
            [
                "dockerd",
                "--host", self.host,
                "--data-root", self.folder / "data",
                "--exec-root", self.folder / "exec",
                "--pidfile", self.folder / "docker.pid",
            ],
            stdout=self.log,
            stderr=self.log,
            # A proxy is for registries, and there is none here.
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        )
        deadline = time.monotonic() + 60
        while subprocess.run([*self.docker(), "version"], capture_output=True).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "dockerd.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"dockerd does not start here:\n{tail}")
            time.sleep(0.2)

    def docker(self):
        """The command line of its client."""
        return ["docker", "--host", self.host]

    def stop(self):
        """Ends it in order, so that its folder can be deleted."""
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()
