"""A short campaign on real processes; the long one is `make soak`."""

import secrets
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from simulator.soak.campaign import KINDS, Round, campaign, rounds
from simulator.soak.driver import Manner
from simulator.soak.dying import Boundary

pytestmark = pytest.mark.long

A_FEW = [
    Round("gate", None, Manner.BY_CODE),
    Round("gate", Boundary.BEFORE_ANSWER, Manner.BY_PHONE),
    Round("hub", Boundary.BEFORE_ANSWER, Manner.CANCELLED),
    Round("central", Boundary.AFTER_STORE, Manner.CANCELLED),
    Round("broker", None, Manner.BY_ID),
]


def test_the_whole_plan_has_every_kind_and_every_boundary() -> None:
    plan = rounds(20)
    assert Counter(one.kind for one in plan if one.boundary is None) == dict.fromkeys(KINDS, 20)
    at_boundaries = {(one.kind, one.boundary) for one in plan if one.boundary is not None}
    ours = [boundary for boundary in Boundary if boundary is not Boundary.BEFORE_ANSWER]
    assert at_boundaries == {
        ("gate", Boundary.BEFORE_ANSWER),
        ("hub", Boundary.BEFORE_ANSWER),
        *((kind, boundary) for kind in ("gate", "hub", "central") for boundary in ours),
    }


def test_each_kind_dies_in_every_manner_of_visit() -> None:
    assert {(one.kind, one.manner) for one in rounds(20)} == set(product(KINDS, Manner))


async def test_a_visit_survives_any_of_its_parts(tmp_path: Path) -> None:
    said: list[str] = []
    seed = secrets.randbits(31)
    findings = await campaign(tmp_path / "site", seed, A_FEW, said.append)
    assert findings == [], f"seed {seed}: {said}"
    undisturbed = {one.manner for one in A_FEW if one.boundary is None}
    assert len(said) == len(undisturbed) + len(A_FEW)


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_may_be_asked_for_alone(kind: str) -> None:
    assert {one.kind for one in rounds(2, [kind])} == {kind}
