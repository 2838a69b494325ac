"""From how a car was identified to a decision, alone: rights, keys, policy, cars inside are this gate's own copies."""

from dataclasses import dataclass, replace
from datetime import timedelta

from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.facts import Direction, Listing
from domain.admission import Decision, Evidence, Reason, Right, Verdict, admission
from domain.errors import Refused
from domain.now import Now
from domain.plate import SealedPlate
from domain.reservation import Status
from gate_firmware.events import ById, ByPlate, ByTicket, Credential, Looked, OpenedBy, Sight
from gate_firmware.plates import Plates
from gate_firmware.replica import Replica
from gate_firmware.tickets import Tickets

PASSES = (Verdict.ADMIT, Verdict.RELEASE)

MISSED_BY = timedelta(days=1)
"""Who leaves longer after the window of a booking that they have missed, did not come on that."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision with its evidence; `plate` is what was read, sealed as it leaves the reader.

    `ticket_id` is the ticket that the decision rests on, and that is used up when the car has come in; `ticket` its
    text, where nothing else tells of its reservation here. `by` is who of the lot has opened, where somebody has.
    """

    decision: Decision
    evidence: Evidence
    plate: SealedPlate | None
    score: float | None
    frames: int
    reservation_id: str | None = None
    ticket_id: str | None = None
    ticket: str | None = None
    by: str | None = None

    @property
    def passes(self) -> bool:
        """Whether the arm goes up."""
        return self.decision.verdict in PASSES


class Judge:
    """Decides for one lane. Changes nothing."""

    def __init__(self, direction: Direction, lot_id: str, replica: Replica, seal: Seal) -> None:
        self._direction = direction
        self._replica = replica
        self._seal = seal
        self._plates = Plates(replica, seal)
        self._tickets = Tickets(lot_id, replica)

    def looked(self, looked: Looked, seen: Looked, now: Now) -> Judgement:
        """The decision on the car that was looked at; `seen` is the best look at it so far, this one perhaps.

        A code in view says more than the plate alone, but it takes no right away that the plate has. Nor does who
        has a ticket come in on another's booking whose plate was read because theirs looks like it.
        """
        return self._unless_denied(self._looked(looked, seen, now), seen, now)

    def named(self, by: Credential, seen: Looked | None, now: Now) -> Judgement:
        """The decision on a car that somebody has named; `seen` is what has been seen of it by now."""
        return self._unless_denied(self._named(by, seen, now), seen, now)

    def _looked(self, looked: Looked, seen: Looked, now: Now) -> Judgement:
        by_plate = self._by_sight(seen, now)
        if looked.code is None:
            return by_plate
        by_code = self._named(ByTicket(looked.code), seen, now)
        if self._is_taken_for_another(looked.code, looked, now):
            return by_code
        if self._direction is Direction.ENTRY:
            return by_plate if by_plate.passes and not by_code.passes else by_code
        known = by_plate.reservation_id
        return by_plate if known is not None and known != by_code.reservation_id else by_code

    def _named(self, by: Credential, seen: Looked | None, now: Now) -> Judgement:
        seen = seen or Looked("", Sight.UNSURE, None, None, 0)
        match by:
            case ByTicket(text):
                judgement = self._by_ticket(text, seen, now)
            case ById(reservation_id):
                judgement = self._by_id(reservation_id, seen, now)
            case ByPlate(plate):
                judgement = replace(self._by_plate(plate.mark, now), plate=plate)
                seen = replace(seen, plate=None, score=None)
        sealed = judgement.plate if seen.plate is None else self._seal.seal(seen.plate)
        return replace(judgement, plate=sealed, score=seen.score, frames=seen.frames)

    def opened(self, opened: OpenedBy, judged: Judgement | None, seen: Looked | None, now: Now) -> Judgement:
        """Somebody of the lot lets this car pass, on the reservation that they name, else on what it was judged by: so
        nobody pays for not coming whom an attendant has let in. Raises Refused for a reservation that is unknown."""
        before = judged or self._unjudged(seen)
        if opened.reservation_id is not None:
            before = self.named(ById(opened.reservation_id), seen, now)
            if before.reservation_id is None:
                raise Refused("reservation_unknown", "this gate knows no such reservation for this car")
        right, is_entry = before.decision.right, self._direction is Direction.ENTRY
        promised = right is not None and right.status is Status.CONFIRMED and now.utc < right.window.end
        spot_id = self._replica.spots.spot_for(right, now) if right is not None and promised and is_entry else None
        decision = Decision(Verdict.ADMIT if is_entry else Verdict.RELEASE, Reason.ATTENDANT, right, spot_id)
        return replace(before, decision=decision, by=opened.by)

    def is_another(self, judgement: Judgement, looked: Looked, now: Now) -> bool:
        """Whether the car that was looked at is surely not the one that was judged."""
        reservation_id, plate = judgement.reservation_id, self._plate_of(judgement)
        if plate is not None:
            return self._plates.is_another(plate.mark, reservation_id, looked, now)
        known = self._by_sight(looked, now).reservation_id
        return None not in (known, reservation_id) and known != reservation_id

    def _plate_of(self, judgement: Judgement) -> SealedPlate | None:
        """Of the booking that a car was judged by, else what was read of it."""
        right = None if judgement.reservation_id is None else self._replica.right(judgement.reservation_id)
        if right is not None and right.plate is not None:
            return right.plate
        return judgement.plate if judgement.reservation_id is None else None

    def _by_sight(self, looked: Looked, now: Now) -> Judgement:
        sealed = None if looked.plate is None else self._seal.seal(looked.plate)
        if looked.sight is Sight.KNOWN:
            judgement = self._by_plate("" if sealed is None else sealed.mark, now)
        elif self._direction is Direction.EXIT:
            judgement = self._judgement([], Evidence.NONE, now)
        else:
            judgement = _unnamed(_UNKNOWN[looked.sight])
        return replace(judgement, plate=sealed, score=looked.score, frames=looked.frames)

    def _by_plate(self, mark: str, now: Now) -> Judgement:
        """Staff come on their bookings where they have any, and without: their stays are in order either way."""
        judgement = self._judgement(self._replica.rights_of(mark, now), Evidence.PLATE, now)
        is_known = judgement.passes and judgement.reservation_id is not None
        if is_known or self._replica.lists.of(mark, now) is not Listing.STAFF:
            return judgement
        verdict = Verdict.ADMIT if self._direction is Direction.ENTRY else Verdict.RELEASE
        return replace(judgement, decision=Decision(verdict, Reason.STAFF), reservation_id=None)

    def _unless_denied(self, judgement: Judgement, seen: Looked | None, now: Now) -> Judgement:
        """Who is not to be let in comes in by no booking of theirs, and by nobody else's ticket. Exits ask nobody."""
        if self._direction is Direction.EXIT or not judgement.passes:
            return judgement
        right, marks = judgement.decision.right, set[str]()
        if seen is not None and seen.sight is Sight.KNOWN and seen.plate is not None:
            marks.add(self._seal.mark(seen.plate))
        if judgement.evidence is Evidence.PLATE and judgement.plate is not None:
            marks.add(judgement.plate.mark)
        if right is not None and right.plate is not None:
            marks.add(right.plate.mark)
        return self._unless_any_denied(marks, judgement, now)

    def _unless_any_denied(self, marks: set[str], judgement: Judgement, now: Now) -> Judgement:
        if not judgement.passes or all(self._replica.lists.of(mark, now) is not Listing.DENIED for mark in marks):
            return judgement
        return replace(judgement, decision=Decision(Verdict.REFUSE, Reason.DENIED, judgement.decision.right))

    def _unjudged(self, seen: Looked | None) -> Judgement:
        plate = None if seen is None or seen.plate is None else self._seal.seal(seen.plate)
        return replace(_unnamed(_UNKNOWN[Sight.UNSURE]), plate=plate)

    def _by_ticket(self, text: str, seen: Looked, now: Now) -> Judgement:
        ticket = self._tickets.verified(text)
        if isinstance(ticket, Decision):
            return _unnamed(ticket) if self._direction is Direction.ENTRY else self._judgement([], Evidence.NONE, now)
        right = self._tickets.right(ticket)
        evidence = Evidence.TICKET_AND_PLATE if self._plates.is_this(ticket.plate_mark, seen) else Evidence.TICKET
        judgement = self._judgement([right], evidence, now)
        if self._direction is Direction.ENTRY:
            spent = self._tickets.spent(ticket, right)
            judgement = judgement if spent is None else replace(judgement, decision=spent)
            is_known = self._replica.right(ticket.reservation_id) is not None
            judgement = replace(judgement, ticket_id=ticket.ticket_id, ticket=None if is_known else text)
            judgement = self._unless_any_denied({ticket.plate_mark}, judgement, now)  # of a booking not heard of, too
        return self._unless_another(judgement, ticket.plate_mark, seen, now)

    def _is_taken_for_another(self, text: str, looked: Looked, now: Now) -> bool:
        ticket = self._tickets.verified(text)
        if isinstance(ticket, Decision):
            return False
        return self._plates.is_taken_for_another(ticket.plate_mark, ticket.reservation_id, looked, now)

    def _by_id(self, reservation_id: str, seen: Looked, now: Now) -> Judgement:
        right = self._replica.right(reservation_id)
        if right is None or right.plate is None:
            return self._judgement([], Evidence.ID, now)
        is_out = self._direction is Direction.EXIT
        if is_out and self._plates.is_another(right.plate.mark, reservation_id, seen, now):
            return self._judgement([], Evidence.NONE, now)  # somebody says an id, and another car leaves
        return self._unless_another(self._judgement([right], Evidence.ID, now), right.plate.mark, seen, now)

    def _unless_another(self, judgement: Judgement, mark: str, seen: Looked, now: Now) -> Judgement:
        """Nobody comes in on what was issued for a plate that is surely not this car's, before somebody has looked."""
        decision = judgement.decision
        if decision.verdict is not Verdict.ADMIT or decision.right is None:
            return judgement
        if not self._plates.is_another(mark, decision.right.reservation_id, seen, now):
            return judgement
        return replace(judgement, decision=Decision(Verdict.ASK, Reason.PLATE_DIFFERS, decision.right))

    def _judgement(self, rights: list[Right], evidence: Evidence, now: Now) -> Judgement:
        inside = self._replica.spots.inside([right.reservation_id for right in rights])
        if self._direction is Direction.EXIT:
            decision = _release(leaving(rights, set(inside), now))
        else:
            decision = admission(
                rights,
                evidence,
                inside,
                self._replica.policy,
                lambda right: self._replica.spots.spot_for(right, now),
                now,
            )
        right = decision.right
        return Judgement(decision, evidence, None, None, 0, None if right is None else right.reservation_id)


_UNKNOWN: dict[Sight, Decision] = {
    Sight.BLIND: Decision(Verdict.ASK, Reason.CAMERA_BLIND),
    Sight.UNSURE: Decision(Verdict.ASK, Reason.PLATE_UNSURE),
    Sight.STRANGER: Decision(Verdict.REFUSE, Reason.NO_BOOKING),
}
"""What an entry decides on a car whose plate is none that it expects, by how that was seen."""


def _unnamed(decision: Decision) -> Judgement:
    return Judgement(decision, Evidence.NONE, None, None, 0)


def _release(right: Right | None) -> Decision:
    """Everyone gets out; how the car was identified only says whose stay ends."""
    if right is None:
        return Decision(Verdict.RELEASE, Reason.UNKNOWN_CAR)
    return Decision(Verdict.RELEASE, Reason.STAY_CLOSED, right, right.spot_id)


def leaving(rights: list[Right], inside: set[str], now: Now) -> Right | None:
    """The right that the car at an exit came in on: the one inside, else one that may have come in moments ago, else
    one that it was thought not to have come on.

    The second is for a car that another gate let in, of which the hub could not tell yet; the third for one that came
    in unknown, by an attendant or a lane that was held open: nobody who came in pays for not coming.
    """
    known = [right for right in rights if right.reservation_id in inside or right.status is Status.CHECKED_IN]
    perhaps = [right for right in rights if right.status is Status.CONFIRMED]
    missed = [right for right in rights if right.status is Status.NO_SHOW and not right.has_left]
    late = [right for right in missed if right.window.start - MISSED_BY <= now.utc <= right.window.end + MISSED_BY]
    return next(iter([*known, *perhaps, *late]), None)
