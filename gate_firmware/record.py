"""What a lane writes down: its decisions, its passages, its alarms. Each is on disk when the call returns."""

from cloud_sync.link.journal import Journal
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Direction,
    GateDecided,
    GatePassed,
    LaneModeChanged,
    LaneNoted,
    Mode,
    Noted,
    WithdrawalNoted,
)
from domain.admission import Evidence, Reason
from domain.now import Now
from gate_firmware.deciding import Judgement
from gate_firmware.replica import Replica


class Record:
    """One lane's log."""

    def __init__(self, direction: Direction, journal: Journal, replica: Replica) -> None:
        self._direction = direction
        self._journal = journal
        self._replica = replica

    def decision(self, passage_id: str, judgement: Judgement, took_ms: int, now: Now, *, awaited: bool = False) -> None:
        """Write a decision down. Nothing may move before. `awaited`: on a car that is still to come."""
        decision, ticket_id = judgement.decision, judgement.ticket_id
        with self._journal.transaction():
            self._journal.append(
                GateDecided(
                    passage_id=passage_id,
                    direction=self._direction,
                    verdict=decision.verdict,
                    reason=decision.reason,
                    evidence=judgement.evidence,
                    reservation_id=judgement.reservation_id,
                    spot_id=decision.spot_id,
                    plate=judgement.plate,
                    score=judgement.score,
                    frames=judgement.frames,
                    took_ms=took_ms,
                    awaited=awaited,
                    ticket=judgement.ticket if judgement.passes else None,
                    by=judgement.by,
                ),
                now,
            )
            if judgement.passes and ticket_id is not None and decision.right is not None:
                self._replica.note_ticket(passage_id, ticket_id, decision.right.window.end)

    def passage(self, passage_id: str, judgement: Judgement | None, now: Now, *, unseen: bool = False) -> None:
        """Write down that a car has crossed, and keep in mind that it is inside, or out, until the hub says so.

        It uses its ticket up: whoever was let in and did not drive has it still. `unseen`: nobody saw it cross,
        so it has its ticket still, and is inside by no more than its plate: who comes on it by more is let in.
        """
        entry = self._direction is Direction.ENTRY
        passed = GatePassed(
            passage_id=passage_id, direction=self._direction, reservation_id=None, plate=None, unseen=unseen
        )
        if judgement is not None:
            passed = GatePassed(
                passage_id=passage_id,
                direction=self._direction,
                reservation_id=judgement.reservation_id,
                plate=judgement.plate,
                evidence=_weakened(judgement.evidence) if unseen else judgement.evidence,
                spot_id=judgement.decision.spot_id if entry else None,
                ticket_id=judgement.ticket_id if entry and not unseen else None,
                unseen=unseen,
                staff=judgement.decision.reason is Reason.STAFF,
            )
        with self._journal.transaction():
            fact = self._journal.append(passed, now)
            if passed.ticket_id is not None:
                self._replica.use_noted_ticket(passage_id)
            if passed.reservation_id is not None and entry:
                self._replica.spots.came_in(fact.ref, passed.reservation_id, passed.spot_id, passed.evidence)
            elif passed.reservation_id is not None:
                self._replica.went_out(passed.reservation_id)
            self._replica.forget_used_tickets(now)

    def withdrawal(self, reservation_id: str, revision: int, now: Now, *, later: bool) -> None:
        """Write down that a right is known to be withdrawn, or that this is still to be said.

        Called in the transaction of the fact that this gate knows it by.
        """
        if later:
            self._replica.note_withdrawal_later(reservation_id, revision)
        else:
            self._journal.append(WithdrawalNoted(reservation_id=reservation_id, revision=revision), now)

    def withdrawals_due(self, now: Now) -> None:
        """Say what was still to be said: no car is on its way in any more."""
        due = self._replica.withdrawals_due()
        if not due:
            return
        with self._journal.transaction():
            for reservation_id, revision in due:
                self.withdrawal(reservation_id, revision, now, later=False)
            self._replica.withdrawals_noted()

    def noted(self, what: Noted, passage_id: str, now: Now) -> None:
        """Write down what else has happened."""
        with self._journal.transaction():
            self._journal.append(LaneNoted(what=what, passage_id=passage_id), now)

    def mode(self, mode: Mode, by: str, now: Now) -> None:
        """Write down what the lane does from now on."""
        with self._journal.transaction():
            self._journal.append(LaneModeChanged(gate_id=self._journal.unit, mode=mode, by=by), now)

    def last_mode(self) -> Mode:
        """What the lane was set to last. An exit that was closed as it was an entry still is automatic."""
        said = self._journal.about(LaneModeChanged.kind, self._journal.unit)
        mode = Mode.AUTOMATIC if said is None else LaneModeChanged.model_validate(said.payload).mode
        return Mode.AUTOMATIC if mode is Mode.CLOSED and self._direction is Direction.EXIT else mode

    def alarm(self, alarm: str, detail: str, now: Now) -> None:
        """Write an alarm down; docs/running.md lists them."""
        with self._journal.transaction():
            self._journal.append(AlarmRaised(alarm=alarm, detail=detail), now)


def _weakened(evidence: Evidence) -> Evidence:
    return Evidence.PLATE if evidence.outranks(Evidence.PLATE) else evidence
