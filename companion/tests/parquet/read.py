"""Reads an export with DuckDB and with ClickHouse's engine, and prints what each finds as JSON.

    read.py DIRECTORY
"""

import json
import sys

import chdb
import duckdb
from chdb import session

WITH_USAGE = "(input_tokens IS NOT NULL OR output_tokens IS NOT NULL)"
# In ClickHouse a name that is given counts in the whole query, so that none is a column's.
TOTALS = f"""
    SELECT count(*) AS of_calls, sum(input_tokens) AS of_input_tokens, sum(output_tokens) AS of_output_tokens,
        sum(cost_nano_usd) AS of_cost_nano_usd,
        sum(CASE WHEN {WITH_USAGE} AND cost_nano_usd IS NULL THEN 1 ELSE 0 END) AS of_unpriced
    FROM %s WHERE counted
"""
MODELS = """
    SELECT coalesce(response_model, request_model, '') AS of_model, count(*) AS of_calls, sum(cost_nano_usd) AS of_cost_nano_usd
    FROM %s WHERE counted GROUP BY 1 ORDER BY 1
"""


def whole(rows):
    """Numbers as integers: engines give large ones as text, and no value for the sum of none."""
    return [
        {name.removeprefix("of_"): value if name == "of_model" else int(value or 0) for name, value in row.items()}
        for row in rows
    ]


def with_duckdb(query, folder):
    found = duckdb.sql(query % f"read_parquet('{folder}/*/*.parquet')")
    return whole(dict(zip(found.columns, row)) for row in found.fetchall())


def with_clickhouse(query, folder):
    return whole(json.loads(chdb.query(query % f"file('{folder}/*/*.parquet', 'Parquet')", "JSON").data())["data"])


found = {
    name: {"totals": read(TOTALS, sys.argv[1])[0], "models": read(MODELS, sys.argv[1])}
    for name, read in [("duckdb", with_duckdb), ("clickhouse", with_clickhouse)]
}
# Times keep their order and, in ClickHouse, their nanoseconds.
found["clickhouse"]["first"] = json.loads(
    chdb.query(
        f"SELECT toString(min(toUnixTimestamp64Nano(end_time))) AS first FROM file('{sys.argv[1]}/*/*.parquet', 'Parquet')",
        "JSON",
    ).data()
)["data"][0]["first"]
# A table of ClickHouse's own, made of the files, gives the same.
with session.Session() as engine:
    engine.query("CREATE DATABASE moved")
    engine.query(
        "CREATE TABLE moved.calls ENGINE = MergeTree ORDER BY end_time"
        f" AS SELECT * FROM file('{sys.argv[1]}/*/*.parquet', 'Parquet')"
    )
    table = whole(json.loads(engine.query(TOTALS % "moved.calls", "JSON").data())["data"])[0]
    assert table == found["clickhouse"]["totals"], table
print(json.dumps(found))
