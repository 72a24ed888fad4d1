"""Keeps a copy of all orders in an SQLite file, by the stream of events.

    python3 copy_orders.py http://127.0.0.1:8080 copy.db

The key, if one is needed, comes from the environment: ORDERS_KEY. May be killed and started again at
any moment, and so may the service: what is copied and how far it goes are one transaction.
"""

import http.client
import json
import os
import sqlite3
import sys
import time
from urllib.parse import urlencode, urlsplit

# The service says every 15 seconds that it is there; after so many without a word it is not.
SILENCE = 45


class Gone(Exception):
    """The feed cannot be followed from our position: it was trimmed, or the database was restored."""


def connect(url):
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, timeout=SILENCE)


def get(connection, path, headers=None):
    headers = dict(headers or {})
    if key := os.environ.get("ORDERS_KEY"):
        headers["X-API-Key"] = key
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    if answer.status == 410:
        gone = json.load(answer)
        raise Gone(gone["feed"], int(gone["last_sequence"]))
    if answer.status in (400, 401, 403, 404):
        sys.exit(f"{path}: {answer.status} {answer.read().decode()}")
    if answer.status != 200:
        raise OSError(f"{path}: {answer.status}")
    return answer


def open_copy(path):
    copy = sqlite3.connect(path, isolation_level=None)
    copy.executescript(
        """PRAGMA journal_mode = WAL;
           CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, version INTEGER, body TEXT);
           CREATE TABLE IF NOT EXISTS position (feed TEXT, sequence INTEGER);
           INSERT INTO position SELECT NULL, 0 WHERE NOT EXISTS (SELECT 1 FROM position);"""
    )
    return copy


def put(copy, order):
    """Keeps an order, unless a newer version of it is there."""
    copy.execute(
        """INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
           SET version = excluded.version, body = excluded.body
           WHERE excluded.version > orders.version""",
        (order["id"], order["version"], json.dumps(order)),
    )


def apply(copy, event):
    """Does to the copy what was done to the order. Doing it twice changes nothing."""
    before, after = event["data"]["before"], event["data"]["after"]
    copy.execute("BEGIN")
    if after is not None:
        put(copy, after)
    else:
        gone = (before["id"], before["version"])
        copy.execute("DELETE FROM orders WHERE id = ? AND version <= ?", gone)
    copy.execute("UPDATE position SET sequence = ?", (int(event["sequence"]),))
    copy.execute("COMMIT")


def follow(url, copy):
    """Applies events as they come, until the stream ends."""
    feed, position = copy.execute("SELECT feed, sequence FROM position").fetchone()
    if feed is None:
        feed = json.load(get(connect(url), "/events?limit=1"))["feed"]
        copy.execute("UPDATE position SET feed = ?", (feed,))
    stream = get(connect(url), "/events/stream?feed=" + feed, {"Last-Event-ID": str(position)})
    for line in stream:
        # An event is three lines: id, event, data. Its data has all that the others say.
        if line.startswith(b"data: "):
            apply(copy, json.loads(line[len(b"data: ") :]))


def start_over(url, copy, feed, last):
    """Copies all orders, and continues after the event that was the last before.

    Events that are older than the orders change nothing.
    """
    connection, query, orders = connect(url), {"limit": 1000}, []
    while True:
        page = json.load(get(connection, "/orders?" + urlencode(query)))
        orders += page["data"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    copy.execute("BEGIN")
    copy.execute("DELETE FROM orders")
    for order in orders:
        put(copy, order)
    copy.execute("UPDATE position SET feed = ?, sequence = ?", (feed, last))
    copy.execute("COMMIT")


def main():
    url, path = sys.argv[1:]
    copy = open_copy(path)
    while True:
        try:
            follow(url, copy)
        except Gone as gone:
            start_over(url, copy, *gone.args)
        except (OSError, http.client.HTTPException, ValueError) as error:
            print(f"trying again: {error}", file=sys.stderr)
        # The service was restarted, or is away, or has cut us.
        time.sleep(0.5)


if __name__ == "__main__":
    main()
