"""DuckDB: reads exports as anybody would, by what it finds in them, and tells each row that it read."""

import json
import sys

import duckdb

given = json.loads(sys.argv[1])
base = duckdb.connect()
base.execute("set timezone = 'UTC'")
INSTANT = "strftime({0}, '%Y-%m-%dT%H:%M:%S.%gZ')"


def quoted(name):
    return f'"{name}"'


def types(relation):
    return {name: str(kind) for name, kind in zip(relation.columns, relation.types)}


def rows(relation):
    told = [INSTANT.format(quoted(name)) if name == "at" else quoted(name) for name in relation.columns]
    read = relation.project(", ".join(f"{value} as {quoted(name)}" for value, name in zip(told, relation.columns)))
    return [json.loads(row) for (row,) in read.query("read", "select to_json(read) from read").fetchall()]


def read(path, form):
    if form == "csv":
        # As it is, and with every cell as the text that stands there.
        found = base.read_csv(path, header=True)
        texts = base.read_csv(path, header=True, all_varchar=True)
        return {"types": types(found), "rows": rows_of_texts(texts), "count": len(rows(found))}
    found = base.read_json(path, format="newline_delimited")
    return {"types": types(found), "rows": rows(found), "count": len(rows(found))}


def rows_of_texts(relation):
    return [dict(zip(relation.columns, row)) for row in relation.fetchall()]


print(json.dumps({path: read(path, form) for path, form in given["files"]}))
