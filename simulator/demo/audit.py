"""Checks what a demo left behind, from outside: its databases, its frames and the bank's record, never its own word.

    python -m simulator.demo.audit DIR

reads DIR, as `gatehouse demo --keep DIR` left it, and DIR.street.jsonl, the street's record of who drove.
"""

import argparse
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from cloud_sync.link.seal import Seal
from domain.now import parse_instant
from domain.plate import Plate, SealedPlate
from domain.policy import Policy, Tariff
from domain.stay import Conflict
from domain.window import Window
from simulator import books
from simulator.account import Account, wrong
from simulator.cli import street_record
from simulator.demo import provider
from simulator.demo.configuration import plate_key
from simulator.demo.replay import replay
from simulator.in_clear import PlatesInClear

CENTRAL = "central"

_POLICY = TypeAdapter(Policy)
FactKey = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be; `invariant` is its name in docs/architecture.md."""

    invariant: str
    detail: str


@dataclass(frozen=True, slots=True)
class Car:
    """The street's own record of one car at one lane."""

    car: str
    gate_id: str
    plate: Plate
    by: str
    frames: tuple[str, ...]


class Kept:
    """What a demo left in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.databases = {path.stem: path for path in sorted((folder / "data").glob("*.db"))}
        self.hubs = sorted(name for name in self.databases if "." not in name and name != CENTRAL)
        self.gates = sorted(name for name in self.databases if "." in name)

    @cached_property
    def cars(self) -> list[Car]:
        record = street_record(self.folder)
        lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        return [Car(one["car"], one["gate_id"], Plate(one["plate"]), one["by"], tuple(one["frames"])) for one in lines]

    def rows(self, database: str, sql: str, *values: object) -> list[sqlite3.Row]:
        connection = sqlite3.connect(f"file:{self.databases[database]}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def facts(self, database: str, unit: str, kind: str = "%") -> list[dict[str, Any]]:
        """The facts of `unit` as `database` holds them, in order, with their payloads."""
        table = "facts" if database == CENTRAL else "fact"
        sql = f"SELECT * FROM {table} WHERE unit = ? AND kind LIKE ? ORDER BY epoch, seq"  # noqa: S608 two known names
        return [{**dict(row), "payload": json.loads(row["payload"])} for row in self.rows(database, sql, unit, kind)]

    def seal(self, owner: str) -> Seal:
        """A lot's, or central's own."""
        return Seal.from_hex((self.folder / plate_key(owner)).read_text(encoding="ascii").strip())


def audit(folder: Path) -> list[Finding]:
    """Every finding; none where all is as it must be."""
    kept = Kept(folder)
    return [finding for check in CHECKS.values() for finding in check(kept)]


def _lost_facts(kept: Kept) -> Iterator[Finding]:
    """no-lost-fact: every subscriber holds exactly what the unit has written, and nothing was set aside."""
    for unit, owner, copies in _logs(kept):
        written = kept.facts(owner, unit)
        own, said = _multiset(written), {_key(fact): (fact["kind"], fact["payload"]) for fact in written}
        last = Counter(epoch for _, epoch, _ in own)  # where there is no gap, an epoch's count is its last number
        if sorted(own) != [(unit, epoch, seq) for epoch in sorted(last) for seq in range(1, last[epoch] + 1)]:
            yield Finding("no-lost-fact", f"the log of {unit} has gaps")
        for copy in copies:
            taken = kept.facts(copy, unit)
            if _multiset(taken) != own:
                missing, doubled = own - _multiset(taken), _multiset(taken) - own
                yield Finding(
                    "no-lost-fact", f"{copy} of {unit}: missing {sorted(missing)}, too many {sorted(doubled)}"
                )
            for fact in taken:
                if said.get(_key(fact)) not in (None, (fact["kind"], fact["payload"])):
                    yield Finding("no-lost-fact", f"{copy} of {unit}: {fact['epoch']}/{fact['seq']} says otherwise")
                if fact["set_aside"]:
                    yield Finding("no-lost-fact", f"{copy} set {unit} {fact['seq']} aside: {fact['set_aside']}")


def _logs(kept: Kept) -> Iterator[tuple[str, str, list[str]]]:
    """Each log: its unit, the database of its owner, the databases that must hold a copy."""
    for hub in kept.hubs:
        gates = [gate for gate in kept.gates if gate.startswith(f"{hub}.")]
        yield hub, hub, [CENTRAL, *gates]
        yield f"{CENTRAL}:{hub}", CENTRAL, [hub]
        for gate in gates:
            yield gate, gate, [hub]


def _multiset(facts: list[dict[str, Any]]) -> Counter[FactKey]:
    return Counter(map(_key, facts))


def _key(fact: dict[str, Any]) -> FactKey:
    return fact["unit"], fact["epoch"], fact["seq"]


def _doubled_spots(kept: Kept) -> Iterator[Finding]:
    """one-spot-one-car: by the hub's log, no two reservations ever held one spot for overlapping windows at once."""
    for hub in kept.hubs:
        granted: dict[str, tuple[str, Window]] = {}
        for fact in kept.facts(hub, hub, "reservation.changed/%"):
            now = fact["payload"]
            reservation_id, spot_id = now["reservation_id"], now["spot_id"]
            granted.pop(reservation_id, None)
            if now["status"] not in ("held", "confirmed", "checked_in"):
                continue
            window = Window(parse_instant(now["start_time"]), parse_instant(now["end_time"]))
            for other, (spot, theirs) in granted.items():
                if spot == spot_id and theirs.overlaps(window):
                    yield Finding("one-spot-one-car", f"{spot_id}: {reservation_id} and {other}")
            granted[reservation_id] = (spot_id, window)


def _money(kept: Kept) -> Iterator[Finding]:
    """money-adds-up: what the bank did follows from the stays, once for each, and central's ledger says the same."""
    record = kept.folder / "provider.jsonl"
    moved = provider.moved(record)
    for hub in kept.hubs:
        promise = kept.facts(hub, hub, "policy.changed/%")[-1]["payload"]
        policy, tariff = _POLICY.validate_python(promise["policy"]), Tariff(**promise["tariff"])
        for reservation_id, account in _accounts(kept, hub).items():
            for what in wrong(account, moved.pop(reservation_id, []), policy, tariff):
                yield Finding("money-adds-up", f"{reservation_id}: {what}")
    for what in books.wrong(lambda sql: kept.rows(CENTRAL, sql), provider.moved(record)):
        yield Finding("money-adds-up", what)
    if moved:
        yield Finding("money-adds-up", f"the bank moved money for reservations that no hub knows: {[*moved]}")
    if held := provider.authorised(record):
        yield Finding("money-adds-up", f"authorised, and neither captured nor given back: {sorted(held)}")
    for what in _undecided(kept):
        yield Finding("money-adds-up", what)


def _undecided(kept: Kept) -> Iterator[str]:
    """Payments and cancellations that have come to no end, at central."""
    for row in kept.rows(CENTRAL, "SELECT reservation_id, step FROM payments WHERE step NOT IN ('paid', 'failed')"):
        yield f"{row['reservation_id']}: its payment is still at {row['step']}"
    for row in kept.rows(CENTRAL, "SELECT reservation_id FROM bookings WHERE state = 'cancelling'"):
        yield f"{row['reservation_id']}: it is still being cancelled"


def _accounts(kept: Kept, hub: str) -> dict[str, Account]:
    """The reservations of a lot, with what became of them by its hub's log."""
    wishes = kept.rows(CENTRAL, "SELECT reservation_id, cancel_requested_at FROM bookings")
    cancelled_at = {row["reservation_id"]: row["cancel_requested_at"] for row in wishes}
    told = [fact["payload"] for fact in kept.facts(hub, hub, "stay.changed/%")]
    stays = {stay["stay_id"]: stay for stay in told}
    left_unseen = {stay["reservation_id"] for stay in told if stay["conflict"] == Conflict.EXIT_WITHOUT_ENTRY.value}
    settled = {
        fact["payload"]["reservation_id"]: fact["payload"]["complete"]
        for fact in kept.facts(hub, hub, "withdrawal.settled/%")
    }
    latest = {f["payload"]["reservation_id"]: f["payload"] for f in kept.facts(hub, hub, "reservation.changed/%")}
    return {
        reservation_id: Account(
            now,
            tuple(stay for stay in stays.values() if stay["reservation_id"] == reservation_id),
            settled.get(reservation_id),
            parse_instant(at) if (at := cancelled_at.get(reservation_id)) else None,
            left_unseen=reservation_id in left_unseen,
        )
        for reservation_id, now in latest.items()
    }


def _plates_decided(kept: Kept) -> Iterator[Finding]:
    """The plate in the frames, the plate that drove, and the plate that the gate decided on are one.

    Whose plate could not be read was let in on their own booking all the same.
    """
    for gate in kept.gates:
        cars = [car for car in kept.cars if car.gate_id == gate]
        passages: dict[str, dict[str, Any]] = {}
        for fact in kept.facts(gate, gate, "gate.decided/%"):
            passages[fact["payload"]["passage_id"]] = fact["payload"]
        if len(passages) != len(cars):
            yield Finding("plates-decided", f"{gate}: {len(cars)} cars came, {len(passages)} were decided on")
            continue
        seal = kept.seal(gate.partition(".")[0])
        rights = kept.rows(gate, "SELECT reservation_id, plate_box, plate_mark FROM rights")
        booked = {row["reservation_id"]: seal.open(SealedPlate(row["plate_box"], row["plate_mark"])) for row in rights}
        expected = list(booked.values())
        for car, decided in zip(cars, passages.values(), strict=True):
            if car.by != "plate":
                admitted, theirs = decided["verdict"] == "admit", booked.get(decided["reservation_id"])
                if admitted and (theirs is None or theirs.folded != car.plate.folded):
                    yield Finding("plates-decided", f"{gate}: {car.car}, known by {car.by}, was let in as another")
                continue
            plate = None if decided["plate"] is None else seal.open(SealedPlate(**decided["plate"]))
            passed = decided["reservation_id"] is not None
            if passed and (plate is None or plate.folded != car.plate.folded):
                yield Finding("plates-decided", f"{gate}: {car.car} passed on the booking of another plate")
            verdict = replay([kept.folder / "frames" / name for name in car.frames], expected)
            if passed != (verdict == "accept"):
                said = "a booked car" if passed else "no booked car"
                yield Finding("plates-decided", f"{gate}: {car.car} was {said}; by its frames alone: {verdict}")


def _plates_in_clear(kept: Kept) -> Iterator[Finding]:
    """plates-sealed: no plate of a car that drove, or was registered, stands in clear in any file."""
    registered = [
        kept.seal(CENTRAL).open(SealedPlate(row["plate_box"], row["plate_mark"]))
        for row in kept.rows(CENTRAL, "SELECT plate_box, plate_mark FROM vehicles")
    ]
    plates = PlatesInClear(plate.open for plate in (*registered, *(car.plate for car in kept.cars)))
    for path in sorted(kept.folder.rglob("*")):
        if path.is_file() and (at := plates.found(path.read_bytes())) is not None:
            yield Finding("plates-sealed", f"{path.relative_to(kept.folder)} at byte {at}")


CHECKS: dict[str, Callable[[Kept], Iterator[Finding]]] = {
    "no-lost-fact": _lost_facts,
    "one-spot-one-car": _doubled_spots,
    "money-adds-up": _money,
    "plates-decided": _plates_decided,
    "plates-sealed": _plates_in_clear,
}


def main() -> None:
    """Print the findings; the exit status is 1 where there are any."""
    parser = argparse.ArgumentParser(prog="python -m simulator.demo.audit", description="Check what a demo left.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="as `gatehouse demo --once --keep DIR` left it")
    folder = parser.parse_args().folder.resolve()
    if not (folder / "data").is_dir() or not street_record(folder).is_file():
        parser.error(f"{folder} and {street_record(folder).name} were not left by a demo in which a car drove")
    findings = audit(folder)
    for finding in findings:
        print(f"{finding.invariant}: {finding.detail}")
    print(f"{len(findings)} findings" if findings else "all invariants hold")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
