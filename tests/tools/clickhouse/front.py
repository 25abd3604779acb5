"""An HTTP front for a ClickHouse engine that runs within this process (chdb), for tests.

It is not a ClickHouse server. The engine is the real one: parser, types, tables, merges and formats. The front adds as much
of the HTTP interface as clients need: the query in the URL or the body, rows of an INSERT after its `FORMAT`, parameters
(`param_NAME`), settings, the format of the answer, statistics (`X-ClickHouse-Summary`), and errors with their code. One query
runs at a time. There are no users, no TLS, no compression, no replicas, no Keeper and no native protocol: what depends on
them is not proven by tests against it.

    front.py DIRECTORY        writes "listening on PORT" and serves 127.0.0.1 until its standard input ends; then it deletes
                              the directory, in which the engine has its tables
    front.py DIRECTORY PORT   serves this port until it is killed
"""

import json
import os
import re
import shutil
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import native
from chdb import session

# What is in the URL and is no setting of the engine.
OWN = {
    "query", "database", "default_format", "user", "password", "session_id", "session_timeout", "query_id", "compress",
    "decompress", "role", "client_protocol_version", "wait_end_of_query", "buffer_size", "quota_key",
    "readonly", "enable_http_compression", "http_write_exception_in_output_format", "cancel_http_readonly_queries_on_client_close",
}
INSERT = re.compile(rb"^\s*INSERT\s+INTO\s+(?:TABLE\s+)?(?P<table>[^\s(]+)\s*(?:\((?P<columns>[^)]*)\)\s*)?"
                    rb"(?:SETTINGS\s+.*?)?FORMAT\s+(?P<format>\w+)[ \t;]*\r?\n?", re.IGNORECASE | re.DOTALL)
SELECTED = re.compile(r"^\s*INSERT\s+INTO\b[^;]*?\bSELECT\b", re.IGNORECASE)
FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
CODE = re.compile(r"Code: (\d+)\.")
READS = re.compile(r"^\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS|VALUES)\b", re.IGNORECASE)
# Formats whose types are not written with the rows.
BARE = {"RowBinary", "JSONEachRow", "TabSeparated", "CSV", "Values", "JSONCompactEachRow"}


class Engine:
    """The engine, one query at a time."""

    def __init__(self, directory):
        self.session = session.Session(str(directory))
        self.lock = threading.Lock()
        self.directory = Path(directory)
        self.read = {"rows": 0, "bytes": 0}

    def run(self, query, body, settings, database, default_format, parameters, protocol):
        with self.lock:
            if database:
                self.session.query(f"USE `{database}`")
            insert = INSERT.match(query)
            if insert and not READS.match(query.decode(errors="replace")):
                return self.insert(insert, query[insert.end():] + body, settings)
            text = (query + body).decode()
            named = FORMAT.search(text)
            form = named.group(1) if named else default_format
            text = text[: named.start()] if named else text
            if settings and (READS.match(text) or SELECTED.match(text)):
                text = with_settings(text, settings)
            if form == "Native" and protocol:
                return self.block(text)
            result = self.session.query(text.rstrip().rstrip(";"), form, params=parameters or None)
            return self.noted(result, result.bytes() or b"")

    def take_statistics(self):
        with self.lock:
            read, self.read = self.read, {"rows": 0, "bytes": 0}
            return read

    def noted(self, result, answer):
        self.read["rows"] += result.storage_rows_read()
        self.read["bytes"] += result.storage_bytes_read()
        return answer, result.storage_rows_read(), result.storage_bytes_read()

    def block(self, query):
        """The answer as a block of the native protocol."""
        if not READS.match(query):
            return self.noted(self.session.query(query), b"")
        result = self.session.query(query.rstrip().rstrip(";"), "JSONCompact")
        found = json.loads(result.bytes())
        names = [column["name"] for column in found["meta"]]
        types = [column["type"] for column in found["meta"]]
        return self.noted(result, native.write(names, types, found["data"]))

    def insert(self, insert, rows, settings):
        table, form = insert["table"].decode(), insert["format"].decode()
        columns = insert["columns"].decode() if insert["columns"] else ""
        if form.upper() == "VALUES":
            self.session.query(insert.string.decode() if not rows else insert.group().decode() + rows.decode())
            return b"", 0, 0
        with tempfile.NamedTemporaryFile(dir=self.directory) as file:
            file.write(rows)
            file.flush()
            structure = ""
            if form in BARE:
                names = [name.strip().strip("`") for name in columns.split(",")] if columns else None
                described = self.session.query(f"DESCRIBE TABLE {table}", "JSONEachRow").bytes().decode()
                types = {row["name"]: row["type"] for row in map(json.loads, described.splitlines())
                         if row["default_type"] not in ("ALIAS", "MATERIALIZED")}
                text = ", ".join(f"`{name}` {types[name]}" for name in names or types)
                structure = ", '" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
            into = f"{table} ({columns})" if columns else table
            query = f"INSERT INTO {into} SELECT * FROM file('{file.name}', '{form}'{structure})"
            result = self.session.query(with_settings(query, settings))
            return self.noted(result, b"")


def with_settings(query, settings):
    """`query` with settings after it; those that it has itself come first."""
    if not settings:
        return query
    given = ", ".join(f"{name} = {literal(value)}" for name, value in settings.items())
    own = re.search(r"\bSETTINGS\b[^()]*$", query, re.IGNORECASE)
    return f"{query.rstrip().rstrip(';')}, {given}" if own else f"{query.rstrip().rstrip(';')} SETTINGS {given}"


def literal(value):
    return value if re.fullmatch(r"-?\d+(\.\d+)?", value) else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def handler(engine):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            path = urlsplit(self.path).path
            if path == "/ping":
                self.answer(200, b"Ok.\n")
            elif path == "/statistics":
                # What was read since this was asked; a server has it in system.query_log.
                self.answer(200, json.dumps(engine.take_statistics()).encode())
            else:
                self.do_POST()

        def do_POST(self):
            given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            body = self.body()
            settings = {name: value for name, value in given.items()
                        if name not in OWN and not name.startswith("param_")}
            # The engine in process knows no asynchronous inserts.
            for name in ("async_insert", "wait_for_async_insert"):
                settings.pop(name, None)
            parameters = {name[6:]: value for name, value in given.items() if name.startswith("param_")}
            database = given.get("database") or self.headers.get("X-ClickHouse-Database")
            form = given.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
            query = given.get("query", "").encode()
            if query and body:
                # Ends the format of an INSERT, and is no part of its rows.
                query += b"\n"
            try:
                answer, rows, size = engine.run(query, body, settings, database, form, parameters,
                                                given.get("client_protocol_version", "0") != "0")
            except Exception as error:  # noqa: BLE001: whatever the engine says is the client's
                text = str(error)
                print(f"{self.path} {body[:300]!r}: {text[:300]}", file=sys.stderr, flush=True)
                code = CODE.search(text)
                self.answer(500, text.encode(), {"X-ClickHouse-Exception-Code": code.group(1) if code else "1002"})
                return
            summary = json.dumps({"read_rows": str(rows), "read_bytes": str(size)})
            self.answer(200, answer, {"X-ClickHouse-Summary": summary, "X-ClickHouse-Format": form,
                                      "X-ClickHouse-Timezone": "UTC"})

        def body(self):
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def answer(self, status, content, headers=None):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


def main():
    engine = Engine(sys.argv[1])
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(engine))
    server.daemon_threads = True
    print(f"listening on {server.server_address[1]}", flush=True)
    if port:
        server.serve_forever()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    # The engine's threads do not end by themselves.
    os._exit(0)


if __name__ == "__main__":
    main()
