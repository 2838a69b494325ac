"""Whatever is sent, central answers as its OpenAPI document says: as nobody, as a driver, as an operator.

Requests are drawn by Schemathesis from the document, half of them wrong on purpose; most ids, plates and codes are then
replaced by real ones, so that the deep paths are reached. The lot is cut off now and then, central has just started,
and the bank refuses or is silent. Then 503 is an answer, with the code of what is out of reach, and nowhere else. What
chance may miss is walked through by hand.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from domain.errors import Refused, TryLater
from tests.cloud_sync.central.api.contract import MAY_LACK, OPERATIONS, SPOTS, World, contract_world
from tests.cloud_sync.central.site import CARD, PLATE
from tests.cloud_sync.central.street import EXIT_GATE, GATE, LOT

EXAMPLES = 12
"""For each operation, each caller."""

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
CALLERS = ("nobody", "driver", "operator")
LABELS = sorted(OPERATIONS, key=lambda label: "cancel" in label)
"""Cancelling comes last: it leaves little for the others."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with contract_world(tmp_path_factory.mktemp("contract"), reservations=60) as world:
        world.every_state()
        yield world


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("label", LABELS)
def test_every_answer_is_as_documented(world: World, label: str, caller: str) -> None:
    operation = OPERATIONS[label]
    drawn = [operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(st.one_of(drawn), st.uuids())
    def answered(case: schemathesis.Case[Any], seed: UUID) -> None:
        rng = random.Random(f"{label} {caller} {seed}")
        world.weather(rng)
        world.make_real(case, rng)
        response = case.call(session=world.http, headers=world.headers[caller])
        if response.status_code >= 500:
            assert response.status_code == 503, response.text
            assert response.json()["code"] in world.lacks & MAY_LACK.get(label, set()), response.text
        case.validate_response(response, checks=CHECKS)

    answered()


class Walk:
    """Goes through the API by hand; each answer must be what is expected, and as documented."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.walked: set[str] = set()

    def __call__(
        self, label: str, status: int, names: dict[str, str] | None = None, by: str = "driver", **said: Any
    ) -> Any:
        method, path = label.split()
        headers = {**self._world.headers[by], **said.pop("headers", {})}
        response = self._world.http.request(method, path.format(**(names or {})), headers=headers, **said)
        assert response.status_code == status, (label, response.text)
        assert status < 500 or response.json()["code"] in MAY_LACK[label], response.text
        OPERATIONS[label].validate_response(response)
        self.walked.add(label)


def test_by_hand_through_every_operation(tmp_path: Path) -> None:
    with contract_world(tmp_path, reservations=6) as world:
        walk = Walk(world)
        browse(walk, world)
        pay(walk, world)
        cancel(walk, world)
        come_and_go(walk, world)
        assert walk.walked == OPERATIONS.keys()


def browse(walk: Walk, world: World) -> None:
    for label in ("GET /healthz", "GET /readyz", "GET /lots"):
        walk(label, 200, by="nobody")
    window = {name: world.known[name][0] for name in ("start_time", "end_time")}
    me = {"user_id": world.known["user_id"][0]}
    walk("GET /lots/{lot_id}", 200, {"lot_id": LOT}, by="nobody")
    walk("GET /lots/{lot_id}", 404, {"lot_id": "nowhere"}, by="nobody")
    walk("GET /spots/available", 200, by="nobody", params={"lot_id": LOT, "vehicle_type": "ev", **window})
    walk("GET /spots/available", 422, by="nobody", params={"lot_id": LOT})
    walk("GET /spots/{spot_id}", 200, {"spot_id": SPOTS[0]}, by="nobody")
    account = {"email": "ada@example.com", "password": "correct horse", "name": "Ada"}
    walk("POST /users", 201, by="nobody", json=account)
    walk("POST /users", 409, by="nobody", json=account)
    login = {"username": "ada@example.com", "password": "correct horse"}
    walk("POST /auth/token", 200, by="nobody", data=login)
    walk("POST /auth/token", 401, by="nobody", data={**login, "password": "wrong"})
    walk("POST /users/{user_id}/vehicles", 201, me, json={"plate": "B-XY 1", "type": "ev"})
    walk("POST /users/{user_id}/vehicles", 401, me, by="nobody", json={"plate": "B-XY 1", "type": "ev"})
    walk("GET /users/{user_id}/reservations", 200, me)
    wish = {**me, "vehicle_id": world.known["vehicle_id"][0], **window}
    walk("POST /reservations", 201, json={**wish, "spot_id": SPOTS[-1]})
    walk(
        "POST /reservations", 409, by="operator", json={**wish, "spot_id": SPOTS[0], "end_time": "2026-05-14T15:00:00Z"}
    )
    world.site.street.away = True
    walk("POST /reservations", 503, json={**wish, "spot_id": SPOTS[-2]})
    world.site.street.away = False
    world.leave_unanswered(SPOTS[-2])
    world.site.catch_up(True)
    walk("POST /reservations", 503, json={**wish, "spot_id": SPOTS[-2]})
    world.site.catch_up(False)
    walk("POST /reservations", 201, json={**wish, "spot_id": SPOTS[-2]})


def pay(walk: Walk, world: World) -> None:
    first, *_, unpaid, last = world.known["reservation_id"]
    payment = {"payment_id": world.known["payment_id"][0]}
    one = {"reason": "goodwill", "amount": {"amount_minor": 1, "currency": "EUR"}}
    world.bank.refuses = {"authorise": "card_declined"}
    walk("POST /payments", 402, json={"reservation_id": unpaid, "payment_method_token": CARD})
    world.bank.refuses = {}
    walk("POST /payments", 201, json={"reservation_id": first, "payment_method_token": CARD})
    world.bank.silent = {"authorise"}
    walk("POST /payments", 202, json={"reservation_id": last, "payment_method_token": CARD})
    walk("PUT /reservations/{reservation_id}/cancel", 202, {"reservation_id": last})
    walk("GET /reservations/{reservation_id}", 200, {"reservation_id": last})
    world.site.close_books(compared=False)
    walk("POST /payments/{payment_id}/refund", 503, payment, by="operator", json=one)
    walk("POST /payments", 503, json={"reservation_id": unpaid, "payment_method_token": CARD})
    world.site.close_books(compared=True)
    world.bank.silent = {"refund"}
    walk("POST /payments/{payment_id}/refund", 202, payment, by="operator", json=one)
    world.bank.silent = set()
    walk("POST /payments/{payment_id}/refund", 201, payment, by="operator", json=one)
    too_much = {**one, "amount": {"amount_minor": 1_000, "currency": "EUR"}}
    walk("POST /payments/{payment_id}/refund", 409, payment, by="operator", json=too_much)
    walk("POST /payments/{payment_id}/refund", 403, payment, json=one)
    walk("GET /payments/{payment_id}", 200, payment)
    walk("GET /payments/{payment_id}", 404, {"payment_id": "pay_none"})


def cancel(walk: Walk, world: World) -> None:
    _, second, third, *_ = world.known["reservation_id"]
    walk("GET /reservations/{reservation_id}/ticket", 200, {"reservation_id": second})
    walk("GET /reservations/{reservation_id}/ticket", 200, {"reservation_id": second}, headers={"Accept": "text/plain"})
    walk("GET /reservations/{reservation_id}/ticket", 406, {"reservation_id": second}, headers={"Accept": "audio/ogg"})
    world.site.street.away = True
    walk("PUT /reservations/{reservation_id}/cancel", 202, {"reservation_id": second})
    walk("GET /reservations/{reservation_id}/ticket", 409, {"reservation_id": second})
    world.site.street.away = False
    walk("PUT /reservations/{reservation_id}/cancel", 200, {"reservation_id": third})
    moved = world.known["reservation_id"][0]
    world.move(moved)
    walk("GET /reservations/{reservation_id}/ticket", 503, {"reservation_id": moved})


def come_and_go(walk: Walk, world: World) -> None:
    first = world.known["reservation_id"][0]
    walk("POST /gate/check-in", 200, json={"gate_id": GATE, "reservation_id": first})
    walk("POST /gate/check-in", 404, json={"gate_id": GATE, "license_plate": "M-XX 99"})
    walk("POST /gate/check-in", 200, json={"gate_id": GATE, "qr_code": world.signed(first)})
    walk("POST /gate/check-in", 422, json={"gate_id": GATE, "qr_code": world.signed(first)[:-2]})
    walk("POST /gate/check-in", 404, json={"gate_id": GATE, "qr_code": world.signed("0000000000")})
    world.site.catch_up(True)
    walk("POST /gate/check-in", 503, json={"gate_id": GATE, "qr_code": world.signed("0000000000")})
    world.site.catch_up(False)
    walk("POST /gate/check-out", 200, by="operator", json={"gate_id": EXIT_GATE, "license_plate": PLATE})
    walk("POST /gate/check-out", 422, json={"gate_id": EXIT_GATE})
    world.site.street.answer = TryLater("lane_busy", "the barrier is open for another car")
    walk("POST /gate/check-in", 503, json={"gate_id": GATE, "reservation_id": first})
    world.site.street.answer = Refused("no_car", "nobody is there")
    walk("POST /gate/check-out", 409, json={"gate_id": EXIT_GATE, "reservation_id": first})
    world.site.street.away = True
    walk("POST /gate/check-in", 503, json={"gate_id": GATE, "license_plate": PLATE})
