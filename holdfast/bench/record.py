"""`python -m holdfast.bench.record`: what one flow sends to the database, step by step, for pgbench to send again.

In: {"flow": "settle"} or {"flow": "checkout", "key": …, "carts": [[id, token], …]}. Out: a list with one list of steps (see
`tape`) for each piece of work: a claimed batch of events, or a checkout. The code is the one that always runs, in this process.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import django
from django.db import connections
from django.test import Client

from holdfast.bench import requests
from holdfast.bench.instant_web import answer_at_once
from holdfast.bench.tape import Step, Tape


def main() -> None:
    wish: dict[str, Any] = json.load(sys.stdin)
    django.setup()
    answer_at_once()
    tape = Tape()
    with tape.running():
        json.dump(list(_settle(tape) if wish["flow"] == "settle" else _check_out(tape, wish)), sys.stdout)
    connections.close_all()


def _settle(tape: Tape) -> Iterator[list[Step]]:
    """What the worker's lane of events sends until nothing is due."""
    from holdfast.flows import webhooks

    while webhooks.work():
        yield tape.taken()


def _check_out(tape: Tape, wish: dict[str, Any]) -> Iterator[list[Step]]:
    """What one POST sends, from the API key to the answer."""
    client = Client(headers={"host": "127.0.0.1"})
    for cart_id, token in wish["carts"]:
        asked = requests.checkout(key=wish["key"], cart_id=cart_id, token=token)
        answer = client.post(asked.path, asked.body, content_type="application/json", headers=asked.headers)
        if answer.status_code != 201:
            raise SystemExit(f"record: a checkout answered {answer.status_code}: {answer.content[:500]!r}")
        yield tape.taken()


if __name__ == "__main__":
    main()
