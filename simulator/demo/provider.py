"""Reading the record of the demo's bank: what it was really asked for, and what it did."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.account import Moved


def requests(record: Path) -> Iterator[dict[str, Any]]:
    """Every request that the bank carried out: not those it refused, nor replays of an earlier answer."""
    if not record.exists():
        return
    with record.open(encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            if request["status"] == 200 and not request["replayed"] and request["method"] == "POST":
                yield request


def moved(record: Path) -> dict[str, list[Moved]]:
    """Everything that was taken or paid back, by reservation, in order."""
    by_reservation: dict[str, list[Moved]] = defaultdict(list)
    for request in requests(record):
        answer, path = request["answer"], request["path"]
        taken_at_once = path == "/v1/payment_intents" and answer["status"] == "succeeded"
        if path.endswith("/capture") or taken_at_once:
            cause = answer["metadata"]["cause"]
        elif path == "/v1/refunds":
            cause = request["params"]["metadata[cause]"]
        else:
            continue
        one = Moved.by(cause, answer["amount"], is_refund=path == "/v1/refunds")
        by_reservation[one.reservation_id].append(one)
    return by_reservation


def refunds(record: Path) -> dict[str, list[int]]:
    """What was paid back for each reservation, in minor units."""
    return {
        reservation_id: [one.minor for one in all_moved if one.is_refund]
        for reservation_id, all_moved in moved(record).items()
    }


def authorised(record: Path) -> set[str]:
    """The intents for which the bank still holds money back on a card, neither taken nor given back."""
    held: set[str] = set()
    for request in requests(record):
        answer = request["answer"]
        if not request["path"].startswith("/v1/payment_intents"):
            continue
        if answer["status"] == "requires_capture":
            held.add(answer["id"])
        else:
            held.discard(answer["id"])
    return held
