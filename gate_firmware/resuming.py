"""Whom the arm was opened for before a restart, by the gate's own log: their passage goes on."""

from dataclasses import dataclass
from datetime import timedelta

from cloud_sync.link.journal import Journal
from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import GateDecided, GatePassed, LaneNoted, Noted
from domain.admission import Decision
from domain.fact import Fact
from domain.now import Now, Trust
from gate_firmware.deciding import PASSES, Judgement
from gate_firmware.replica import Replica

RESUME_WITHIN = timedelta(minutes=15)
"""A gate that was down for longer than this does not know whose passage an arm that is up belongs to: somebody has to
see whether the car is inside."""

CROSSES_WITHIN = timedelta(minutes=1)
"""A car that was let pass longer ago may have crossed or gone back, and another one may be under the arm."""

AHEAD_WITHIN_MS = 120_000
"""Who was let pass longer before the last one is not between the loops any more."""

DECISIONS_MAX = 8
"""Decisions that are looked back at for the last that let a car pass: the next one in the queue is asked, and asked."""

CARS_MAX = 2
"""The last one, and the one ahead of it: there is no room for more between the loops."""

ENDS = (GatePassed.kind, LaneNoted.kind)
"""Facts that say of a car that it has crossed, or has gone, or that the arm has come down before it."""

SINCE_MAX = 1_000
"""Facts since a decision; after more of them its car is not there any more."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A car that was let pass, and whose passage is not over, as far as this gate has stored.

    `is_long_ago`: it has had the time to cross or to go back since, and another may be in its place; so it may where
    the unit was off meanwhile, or nobody knows for how long. `is_too_long_ago`: it does not go on. `is_before`: another
    car had been decided on since. `in_doubt`: it was under the arm, and had crossed or gone back.
    """

    passage_id: str
    judgement: Judgement
    is_long_ago: bool
    is_too_long_ago: bool
    is_before: bool
    in_doubt: bool


def resumed(journal: Journal, replica: Replica, boot: str, now: Now) -> list[Resumed]:
    """Whom the arm was opened for last, and who was ahead of them on their way, if anybody was: the last one first.

    Nobody whose passage is over. How long ago it was says the clock that no time server moves, where it was decided in
    this `boot`; where no clock can say, it may have been a moment.
    """
    found: list[Resumed] = []
    newest, last = "", None
    for decided in journal.own(GateDecided.kind, DECISIONS_MAX):
        told = GateDecided.model_validate(decided.payload)
        newest = newest or told.passage_id
        if told.verdict not in PASSES or any(told.passage_id == other.passage_id for other in found):
            continue
        since = journal.after(Position(decided.epoch, decided.seq), SINCE_MAX)
        if len(since) == SINCE_MAX or not (last is None or _is_just_before(decided, last)) or len(found) == CARS_MAX:
            break
        last = decided
        ends = [fact for fact in since if fact.kind in ENDS and fact.payload.get("passage_id") == told.passage_id]
        in_doubt = [fact for fact in ends if fact.payload.get("what") == Noted.IN_DOUBT.value]
        if len(ends) == len(in_doubt):
            age, is_before = _age(decided, boot, now), told.passage_id != newest
            is_long_ago = age is None or age > CROSSES_WITHIN or decided.boot != boot
            is_too_long_ago = age is not None and age > RESUME_WITHIN
            judgement, doubted = _judgement(told, replica), bool(in_doubt)
            found.append(Resumed(told.passage_id, judgement, is_long_ago, is_too_long_ago, is_before, doubted))
    return found


def _judgement(told: GateDecided, replica: Replica) -> Judgement:
    return Judgement(
        decision=Decision(told.verdict, told.reason, spot_id=told.spot_id),
        evidence=told.evidence,
        plate=told.plate,
        score=told.score,
        frames=told.frames,
        reservation_id=told.reservation_id,
        ticket_id=replica.noted_ticket(told.passage_id),
    )


def _age(decided: Fact, boot: str, now: Now) -> timedelta | None:
    """How long ago it was decided; None where no clock can say."""
    if decided.boot == boot:
        return timedelta(milliseconds=now.mono_ms - decided.mono_ms)
    if Trust.NONE in (decided.trust, now.trust):
        return None
    return now.utc - decided.at


def _is_just_before(decided: Fact, last: Fact) -> bool:
    """Whether it was decided on a car that may still have been between the loops as the last one was let pass."""
    if decided.boot == last.boot:
        return last.mono_ms - decided.mono_ms <= AHEAD_WITHIN_MS
    is_known = Trust.NONE not in (decided.trust, last.trust)
    return not is_known or last.at - decided.at <= timedelta(milliseconds=AHEAD_WITHIN_MS)
