#!/usr/bin/env python3
"""Writes the dashboards of this folder: `dashboards/generate.py`, or with `--check` compares them with what it would write.

`boards/` has one file per dashboard, `grafana.py` the panels, `queries.py` the expressions. The JSON is committed, for
Grafana loads files; `tests/tools/check` compares it.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from boards import audit, cost, overview  # noqa: E402

BOARDS = {"spanledger.json": overview.board(), "cost.json": cost.board(), "audit.json": audit.board()}


def main():
    stale = []
    for name, board in BOARDS.items():
        path, text = HERE / name, json.dumps(board, indent=1) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"not what dashboards/generate.py writes: {', '.join(stale)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
