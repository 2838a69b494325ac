"""An office over which requests are drawn, and what is there for them to name."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from schemathesis.core.result import Ok
from schemathesis.python.asgi import get_client

from cloud_sync.central.accounts import Caller, Role
from cloud_sync.central.app import api
from cloud_sync.central.booking import State
from cloud_sync.central.tables import Booking
from cloud_sync.link.ticket import Ticket, TicketKey
from cloud_sync.link.v1.facts import SpotChanged, TicketKeyPublished
from cloud_sync.link.v1.messages import AdmitAnswer
from domain.admission import Reason, Verdict
from domain.errors import Refused, TryLater
from domain.now import rfc3339
from domain.reservation import Status
from domain.spot import SpotKind, VehicleType
from domain.window import Window
from tests.cloud_sync.central.banks import MemoryBank
from tests.cloud_sync.central.site import CARD, PLATE, Site
from tests.cloud_sync.central.street import END, EXIT_GATE, GATE, LOT, START, StreetSide, Watch
from tests.parts import NOON

REAL = (0.5, 1.0)
"""How much of what is named in a request is real, drawn for each: half of them name nothing but what exists."""

WAYS = {
    "POST /gate/check-in": ("reservation_id", "license_plate", "qr_code"),
    "POST /gate/check-out": ("reservation_id", "license_plate"),
}
"""How a body can say which reservation: in one way only."""

BY_LOT = {"hub_offline", "no_answer"}
BY_GATE = {*BY_LOT, "gate_offline", "lane_busy"}
BY_START = {"catching_up"}
BY_BOOKS = {"books_open"}
BY_MOVE = {"ticket_renewing"}
MAY_LACK = {
    "POST /reservations": BY_LOT | BY_START,
    "POST /gate/check-in": BY_GATE | BY_START,
    "POST /gate/check-out": BY_GATE | BY_START,
    "GET /reservations/{reservation_id}": BY_START,
    "GET /reservations/{reservation_id}/ticket": BY_START | BY_MOVE,
    "PUT /reservations/{reservation_id}/cancel": BY_START,
    "POST /payments": BY_START | BY_BOOKS,
    "GET /payments/{payment_id}": BY_START,
    "POST /payments/{payment_id}/refund": BY_START | BY_BOOKS,
}
"""What an operation may answer 503 for the want of; no other does. Payments and cancellations go on by themselves."""

KEY = TicketKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
SPOTS = [f"{LOT}.2-{number:03}" for number in range(80)]
SCHEMA = schemathesis.openapi.from_dict(api().openapi())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}


@dataclass
class World:
    """An office with a street side and a bank, and what is there to be named."""

    site: Site
    bank: MemoryBank
    http: requests.Session
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    lacks: set[str] = field(default_factory=set)
    """The codes of what is out of reach now."""
    known: dict[str, list[Any]] = field(default_factory=dict)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(path, json=body, headers=self.headers["driver"])
        assert answer.status_code == 201, answer.text
        return answer.json()

    def settle_in(self, reservations: int) -> None:
        """A driver with a car and some reservations; the first third of them is paid for."""
        account = {"email": "driver@example.com", "password": "correct horse", "name": "Dana"}
        user_id = self.http.post("/users", json=account).json()["user_id"]
        now = self.site.watch().utc
        for role in Role:
            caller = Caller(user_id if role is Role.DRIVER else "usr_operator", role)
            self.headers[role.value] = {"Authorization": f"Bearer {self.site.office.tokens.issue(caller, now)}"}
        self.headers["nobody"] = {}
        vehicle = self.post(f"/users/{user_id}/vehicles", {"plate": PLATE, "type": "standard"})
        self.known = {
            "user_id": [user_id],
            "vehicle_id": [vehicle["vehicle_id"]],
            "lot_id": [LOT],
            "spot_id": SPOTS,
            "gate_id": [GATE, EXIT_GATE],
            "license_plate": [PLATE],
            "plate": [PLATE, *(f"B-XY {number}" for number in range(100))],
            "amount_minor": [1, 2, 3],
            "payment_method_token": [CARD],
            "start_time": [rfc3339(START)],
            "end_time": [rfc3339(END)],
            "reservation_id": [self.book(spot_id, user_id, vehicle["vehicle_id"]) for spot_id in SPOTS[:reservations]],
            "currency": ["EUR"],
            "username": ["driver@example.com"],
            "password": ["correct horse"],
        }
        self.known["qr_code"] = [self.signed(name) for name in self.known["reservation_id"]]
        self.known["payment_id"] = [self.pay(name) for name in self.known["reservation_id"][: reservations // 3]]

    def every_state(self) -> None:
        """The first reservations come to be in every state that there is."""
        for name, status in zip(self.known["reservation_id"], Status, strict=False):
            self.site.street.step(name, status, "test")
        self.site.street.stay(self.known["reservation_id"][0], left_at=START)
        self.move(self.known["reservation_id"][len(Status) + 1])
        for spot_id in SPOTS[len(self.known["reservation_id"]) :: 2]:
            self.leave_unanswered(spot_id)

    def book(self, spot_id: str, user_id: str, vehicle_id: str) -> str:
        window = {"start_time": rfc3339(START), "end_time": rfc3339(END)}
        wish = {"spot_id": spot_id, "user_id": user_id, "vehicle_id": vehicle_id, **window}
        return str(self.post("/reservations", wish)["reservation_id"])

    def move(self, reservation_id: str) -> None:
        """The lot gives a booking its last spot, and central has not yet fetched the new ticket."""
        self.site.street.move(reservation_id, SPOTS[-1])
        self.site.take_in()

    def leave_unanswered(self, spot_id: str) -> None:
        """The driver has asked for a spot, and it is not known whether they have it: a restart came in between."""
        with self.site.office.database.transaction() as session:
            session.add(
                Booking(
                    reservation_id=spot_id[-3:].rjust(10, "0"),
                    lot_id=LOT,
                    user_id=self.known["user_id"][0],
                    vehicle_id=self.known["vehicle_id"][0],
                    spot_id=spot_id,
                    start_time=START,
                    end_time=END,
                    state=State.ASKED.value,
                    asked_at=self.site.watch().utc,
                )
            )

    def pay(self, reservation_id: str) -> str:
        body = {"reservation_id": reservation_id, "payment_method_token": CARD}
        return str(self.post("/payments", body)["payment_id"])

    def signed(self, reservation_id: str) -> str:
        """The text of a ticket of the lot."""
        window, mark = Window(START, END), "ab" * 8
        return KEY.sign(Ticket("t", LOT, reservation_id, 2, SPOTS[0], window, VehicleType.STANDARD, mark))

    def weather(self, rng: random.Random) -> None:
        """What lot, bank and central itself are like for the next request."""
        street = self.site.street
        street.away, street.deaf, street.mute = (rng.random() < 0.15 for _ in range(3))
        verdict, reason = rng.choice(list(Verdict)), rng.choice(list(Reason))
        decided = AdmitAnswer(verdict=verdict, reason=reason, reservation_id=None, spot_id=None, at=NOON, took_ms=3)
        no_car, no_gate = Refused("no_car", "nobody is there"), TryLater("gate_offline", "not on the link")
        busy = TryLater("lane_busy", "the barrier is open for another car")
        street.answer = rng.choice((decided, decided, no_car, no_gate, busy))
        starting, comparing = (rng.random() < 0.1 for _ in range(2))
        self.site.catch_up(starting)
        self.site.close_books(compared=not comparing)
        self.lacks = {"hub_offline"} if street.away else {"no_answer"} if street.deaf or street.mute else set()
        self.lacks |= {street.answer.code} if isinstance(street.answer, TryLater) else set()
        self.lacks |= BY_MOVE | (BY_START if starting else set()) | (BY_BOOKS if comparing else set())
        calls = ("authorise", "capture", "refund")
        self.bank.silent = {rng.choice(calls)} if rng.random() < 0.1 else set()
        self.bank.refuses = {rng.choice(calls): "card_declined"} if rng.random() < 0.3 else {}

    def make_real(self, case: schemathesis.Case[Any], rng: random.Random) -> None:
        """Have it name, instead of what was drawn, things that exist."""
        share = rng.choice(REAL)
        if case.headers is not None and rng.random() < share:
            case.headers.pop("Idempotency-Key", None)  # most that are drawn were used before, for something else
        case.path_parameters = self._real(case.path_parameters, share, rng)
        case.query = self._real(case.query, share, rng)
        case.body = self._real(case.body, share, rng)
        ways = WAYS.get(case.operation.label)
        if ways is not None and isinstance(case.body, dict) and rng.random() < share:
            case.body = {name: rng.choice(self.known[name]) for name in ("gate_id", rng.choice(ways))}

    def _real(self, thing: Any, share: float, rng: random.Random) -> Any:
        if not isinstance(thing, dict):
            return thing
        return {
            name: rng.choice(self.known[name])
            if name in self.known and rng.random() < share
            else self._real(value, share, rng)
            for name, value in thing.items()
        }


@contextmanager
def contract_world(folder: Path, reservations: int) -> Iterator[World]:
    """A world in `folder`, for the time of a `with`."""
    watch = Watch()
    street, bank = StreetSide(watch), MemoryBank()
    for spot_id in SPOTS:
        street.tell(SpotChanged(spot_id=spot_id, spot_kind=SpotKind.STANDARD, in_service=True))
    street.tell(TicketKeyPublished(key_id=KEY.key_id, public_key=KEY.public_key))
    site = Site(folder, watch, street, bank)
    with get_client(site.app) as http:  # type: ignore[arg-type]  # its scope is a plain dict
        world = World(site, bank, http)
        world.settle_in(reservations)
        yield world
    site.office.close()
