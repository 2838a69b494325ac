"""lists-kept: staff come in at every gate that must have heard of them, and who is denied does not.

By the hub's log, and by the plates that the gates have surely read.
"""

from collections.abc import Iterator

from cloud_sync.link.v1.facts import Direction, Listing
from domain.admission import Reason
from simulator.world.checks.scene import Finding, Scene

NAME = "lists-kept"

_NOT_STAFF = frozenset({Reason.NO_BOOKING.value, Reason.DENIED.value})


def check(scene: Scene) -> Iterator[Finding]:
    for lot in scene.seen.lots:
        listed = {
            fact.payload["mark"]: (at_ms, fact.payload["listing"])
            for fact in scene.store(lot.lot_id).of_kind(lot.lot_id, "plate.listed")
            if (at_ms := scene.made_at_ms(fact)) is not None
        }
        for gate_id, direction in lot.gates.items():
            for fact in scene.store(gate_id).of_kind(gate_id, "gate.decided") if direction is Direction.ENTRY else ():
                decided, at_ms = fact.payload, scene.made_at_ms(fact)
                if at_ms is None or decided["plate"] is None or decided["plate"]["mark"] not in listed:
                    continue
                since_ms, listing = listed[decided["plate"]["mark"]]
                what = _wrong(listing, decided["verdict"], decided["reason"], decided["evidence"])
                if what is not None and scene.have_heard(lot.lot_id, since_ms, at_ms):
                    yield Finding(NAME, gate_id, what, at_ms)


def _wrong(listing: str, verdict: str, reason: str, evidence: str) -> str | None:
    if listing == Listing.STAFF.value and reason in _NOT_STAFF:
        return f"somebody of the staff was told {reason}"
    by_people = reason in (Reason.ATTENDANT.value, Reason.HELD_OPEN.value)
    if listing == Listing.DENIED.value and verdict == "admit" and evidence == "plate" and not by_people:
        return "who is denied was let in"
    return None
