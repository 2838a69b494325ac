"""Reading the record of the demo's bank: what it was really asked for, and what it did."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def requests(record: Path) -> Iterator[dict[str, Any]]:
    """Every request that the bank carried out: not those it refused, nor replays of an earlier answer."""
    if not record.exists():
        return
    with record.open(encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            if request["status"] == 200 and not request["replayed"] and request["method"] == "POST":
                yield request


def captures(record: Path) -> dict[str, list[int]]:
    """What was captured for each reservation, in minor units."""
    captured: dict[str, list[int]] = defaultdict(list)
    for request in requests(record):
        if request["path"].endswith("/capture"):
            captured[request["answer"]["metadata"]["reservation_id"]].append(request["answer"]["amount"])
    return captured


def refunds(record: Path) -> dict[str, list[int]]:
    """What was paid back for each reservation, in minor units."""
    refunded: dict[str, list[int]] = defaultdict(list)
    for request in requests(record):
        if request["path"] == "/v1/refunds":
            reservation_id = request["params"]["metadata[cause]"].partition(":")[0]
            refunded[reservation_id].append(request["answer"]["amount"])
    return refunded
