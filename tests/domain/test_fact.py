from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.fact import GENESIS, Fact, FactRef, link
from domain.now import Trust

FACT = Fact(
    unit="riverside.entry-1",
    epoch=1,
    seq=7,
    kind="gate.passed/1",
    at=datetime(2026, 5, 14, 10, 0, 0, 123_000, tzinfo=UTC),
    boot="b1",
    mono_ms=17,
    trust=Trust.NTP,
    payload={"direction": "entry", "plate": None, "score": 0.5, "text": "Grüße"},
    chain="",
)
OTHER: dict[str, Any] = {
    "unit": "riverside.exit-1",
    "epoch": 2,
    "seq": 8,
    "kind": "gate.passed/2",
    "at": FACT.at + timedelta(milliseconds=1),
    "boot": "b2",
    "mono_ms": 18,
    "trust": Trust.RTC,
    "payload": {"direction": "exit"},
}


def test_the_chain_is_what_other_programs_must_compute() -> None:
    """Recorded: a change here is a change of the wire, and makes every log a forked one."""
    assert link(GENESIS, FACT) == "0dcfd5fc607655f0106cb3e72733e199ab25e32cc56fd24d0189ee6c60acf2ea"


@pytest.mark.parametrize("name", OTHER)
def test_every_part_of_a_fact_is_in_its_hash(name: str) -> None:
    assert link(GENESIS, replace(FACT, **{name: OTHER[name]})) != link(GENESIS, FACT)


def test_nothing_is_left_out() -> None:
    assert {field.name for field in fields(Fact)} == set(OTHER) | {"chain"}


def test_the_hash_is_over_all_that_came_before() -> None:
    assert link("1" * 64, FACT) != link(GENESIS, FACT)
    assert link(GENESIS, replace(FACT, chain="x")) == link(GENESIS, FACT)


def test_the_order_of_keys_and_microseconds_do_not_count() -> None:
    turned = dict(reversed(list(FACT.payload.items())))
    assert link(GENESIS, replace(FACT, payload=turned)) == link(GENESIS, FACT)
    assert link(GENESIS, replace(FACT, at=FACT.at + timedelta(microseconds=999))) == link(GENESIS, FACT)


def test_a_fact_is_named_by_unit_epoch_and_number() -> None:
    assert FACT.ref == FactRef("riverside.entry-1", 1, 7)


def test_a_stay_is_called_the_same_at_every_unit() -> None:
    """Recorded: hubs, gates and central hold stays by this name."""
    assert FACT.ref.stay_id == "riverside.entry-1/1/7"
