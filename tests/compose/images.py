"""Stand-in images, made from scratch out of the programs that the tests build, where no registry can be reached.

Each has the users, directories, modes, volumes and entry point of the Dockerfile of the image that it stands in for
(read in November 2026), so that the compose file meets the rights that it meets in the field:

- otel/opentelemetry-collector-contrib 0.161: `FROM scratch`, user 10001, the binary at /otelcol-contrib, no directory.
- prom/prometheus 3.11 and prom/alertmanager 0.28: busybox, user nobody (65534), /etc/NAME and the data directory are
  nobody's, the data directory (mode 0775 for Prometheus) is a volume.
- grafana/tempo 3.0: user 10001, /var/tempo is its own with mode 0700, no volume, no shell.
- grafana/grafana 13.1: Alpine, user 472 of group 0, /var/lib/grafana is 472:0 with mode 0777.
- the companion: what the last stage of companion/Dockerfile says, read from its lines.

Tempo and Grafana cannot be built here: a stub takes their place (`stubs/`), which checks its mounts, its configuration
and its rights, and says so in its log.
"""

import io
import json
import pathlib
import re
import subprocess
import tarfile
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/usr/bin/busybox")
APPLETS = ("sh", "cat", "cp", "grep", "httpd", "ls", "mkdir", "rm", "sed", "stat", "wget")


@dataclass
class Image:
    """What goes into one image: `files` and `directories` by path, with owner and mode."""

    user: str
    entrypoint: list
    files: dict
    directories: dict = field(default_factory=dict)
    volumes: tuple = ()
    busybox: bool = False
    changes: tuple = ()

    def owner_of(self, path):
        """The owner of `path`, if the image has it or, else, nothing."""
        return self.directories.get(path, (None, None, None))[0]


def images(programs, companion):
    """Every stand-in by the repository's name."""
    nobody = 65534
    return {
        "otel/opentelemetry-collector-contrib": Image(
            user="10001:10001", entrypoint=["/otelcol-contrib"], files={"/otelcol-contrib": programs / "otelcol"}
        ),
        "prom/prometheus": Image(
            user="nobody",
            entrypoint=["/bin/prometheus"],
            files={"/bin/prometheus": programs / "prometheus", "/bin/promtool": programs / "promtool"},
            directories={"/etc/prometheus": (nobody, nobody, 0o755), "/prometheus": (nobody, nobody, 0o775)},
            volumes=("/prometheus",),
            busybox=True,
        ),
        "prom/alertmanager": Image(
            user="nobody",
            entrypoint=["/bin/alertmanager"],
            files={"/bin/alertmanager": programs / "alertmanager", "/bin/amtool": programs / "amtool"},
            directories={"/etc/alertmanager": (nobody, nobody, 0o755), "/alertmanager": (nobody, nobody, 0o755)},
            volumes=("/alertmanager",),
            busybox=True,
        ),
        # Its stub needs a shell and the Collector as a receiver of spans.
        "grafana/tempo": Image(
            user="10001:10001",
            entrypoint=["/bin/sh", "/stub"],
            files={"/stub": HERE / "stubs/tempo.sh", "/stub.yaml": HERE / "stubs/tempo.yaml", "/otelcol": programs / "otelcol"},
            directories={"/var/tempo": (10001, 10001, 0o700)},
            busybox=True,
        ),
        "grafana/grafana": Image(
            user="472",
            entrypoint=["/bin/sh", "/stub"],
            files={"/stub": HERE / "stubs/grafana.sh"},
            directories={"/var/lib/grafana": (472, 0, 0o777), "/etc/grafana": (472, 0, 0o755)},
            busybox=True,
        ),
        "spanledger/companion": companion_image(companion),
    }


def companion_image(binary):
    """The last stage of companion/Dockerfile, with the libraries of this machine in place of Debian's."""
    stage = (HERE.parents[1] / "companion/Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    stage = stage.replace("\\\n", " ")
    uid = int(re.search(r"useradd --uid (\d+)", stage)[1])
    made = re.search(r"install --directory --owner=(\w+) --group=\w+ --mode=(\d+) (\S+)", stage)
    changes = re.findall(r"^((?:ENV|VOLUME|EXPOSE|HEALTHCHECK|CMD|LABEL) .*)$", stage, re.M)
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    libraries = {path: pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", listed)}
    certificates = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    return Image(
        user=re.search(r"^USER (\S+)$", stage, re.M)[1],
        entrypoint=json.loads(re.search(r"^ENTRYPOINT (.*)$", stage, re.M)[1]),
        files={"/usr/local/bin/spanledger": binary, str(certificates): certificates, **libraries},
        directories={made[3]: (uid, uid, int(made[2], 8))},
        changes=tuple(changes),
    )


def archive(image, out):
    """Writes the image's file system as a tar archive."""
    with tarfile.open(fileobj=out, mode="w|") as tar:
        directories = {"/tmp": (0, 0, 0o1777), "/etc": (0, 0, 0o755), **image.directories}
        for path, (uid, gid, mode) in directories.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.uid, entry.gid, entry.mode = tarfile.DIRTYPE, uid, gid, mode
            tar.addfile(entry)
        passwd = b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
        contents = {"/etc/passwd": passwd, "/etc/group": b"root:x:0:\nnobody:x:65534:\n"}
        for path, text in contents.items():
            add(tar, path, io.BytesIO(text), len(text), 0o644)
        programs = dict(image.files)
        if image.busybox:
            programs["/bin/busybox"] = BUSYBOX
        for path, source in programs.items():
            source = pathlib.Path(source).resolve()
            with source.open("rb") as file:
                add(tar, path, file, source.stat().st_size, 0o755)
        for applet in APPLETS if image.busybox else ():
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)


def add(tar, path, file, size, mode):
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size, entry.mode = size, mode
    tar.addfile(entry, file)


def load(docker, tag, image):
    """Imports the image into the engine as `tag`."""
    changes = [
        f"USER {image.user}",
        f"ENTRYPOINT {json.dumps(image.entrypoint)}",
        "ENV PATH=/usr/local/bin:/usr/bin:/bin",
        *image.changes,
        *(f"VOLUME {volume}" for volume in image.volumes),
    ]
    command = [*docker, "import", *(part for change in changes for part in ("--change", change)), "-", tag]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        archive(image, process.stdin)
        process.stdin.close()
        if process.wait() != 0:
            raise RuntimeError(f"docker import {tag} failed")
