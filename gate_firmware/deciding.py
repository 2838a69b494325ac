"""From what was seen of a car to a decision, alone: rights, policy and cars inside are this gate's own copies."""

from dataclasses import dataclass
from datetime import timedelta

from cloud_sync.link.journal import Journal
from cloud_sync.link.seal import Seal
from cloud_sync.link.v1.facts import Direction, GateDecided, GatePassed
from domain.admission import Decision, Evidence, Reason, Right, Verdict, admission
from domain.now import Now
from domain.plate import SealedPlate
from domain.reservation import Status
from gate_firmware.events import Looked, Sight
from gate_firmware.replica import Replica

PASSES = (Verdict.ADMIT, Verdict.RELEASE)

RESUME_WITHIN = timedelta(minutes=15)
"""A gate that was down for longer than this does not know whose passage an arm that is up belongs to."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision with its evidence; `plate` is what was read, sealed as it leaves the reader."""

    decision: Decision
    evidence: Evidence
    plate: SealedPlate | None
    score: float | None
    frames: int

    @property
    def passes(self) -> bool:
        """Whether the arm goes up."""
        return self.decision.verdict in PASSES

    @property
    def reservation_id(self) -> str | None:
        return None if self.decision.right is None else self.decision.right.reservation_id

    @property
    def spot_id(self) -> str | None:
        return None if self.decision.right is None else self.decision.right.spot_id


class Judge:
    """Decides for one lane."""

    def __init__(self, direction: Direction, replica: Replica, seal: Seal) -> None:
        self._direction = direction
        self._replica = replica
        self._seal = seal

    def judge(self, looked: Looked, now: Now) -> Judgement:
        """The decision on the car that was looked at. Changes nothing."""
        sealed = None if looked.plate is None else self._seal.seal(looked.plate)
        known = sealed is not None and looked.sight is Sight.KNOWN
        decide = self._entry if self._direction is Direction.ENTRY else self._exit
        rights = self._replica.rights_of(sealed.mark, now) if sealed is not None and known else []
        return Judgement(
            decision=decide(looked.sight, rights, now),
            evidence=Evidence.PLATE if known else Evidence.NONE,
            plate=sealed,
            score=looked.score,
            frames=looked.frames,
        )

    def resume(self, journal: Journal, now: Now) -> tuple[Judgement | None, str]:
        """The judgement and passage that the arm was last opened for.

        Neither where that passage was completed, or where the decision is older than `RESUME_WITHIN`.
        """
        decided, passed = journal.last_own(GateDecided.kind), journal.last_own(GatePassed.kind)
        if decided is None:
            return None, ""
        last = GateDecided.model_validate(decided.payload)
        done = passed is not None and passed.payload["passage_id"] == last.passage_id
        if done or last.verdict not in PASSES or now.utc - decided.at > RESUME_WITHIN:
            return None, ""
        right = None if last.reservation_id is None else self._replica.right(last.reservation_id)
        decision = Decision(last.verdict, last.reason, right)
        return Judgement(decision, last.evidence, last.plate, last.score, last.frames), last.passage_id

    def _entry(self, sight: Sight, rights: list[Right], now: Now) -> Decision:
        match sight:
            case Sight.BLIND:
                return Decision(Verdict.ASK, Reason.CAMERA_BLIND)
            case Sight.UNSURE:
                return Decision(Verdict.ASK, Reason.PLATE_UNSURE)
            case Sight.STRANGER:
                return Decision(Verdict.REFUSE, Reason.NO_BOOKING)
            case Sight.KNOWN:
                return admission(rights, self._replica.inside(), self._replica.policy, now)

    def _exit(self, _sight: Sight, rights: list[Right], _now: Now) -> Decision:
        """Everyone gets out; what was read only says whose stay ends."""
        right = leaving(rights, self._replica.inside())
        return Decision(Verdict.RELEASE, Reason.UNKNOWN_CAR if right is None else Reason.STAY_CLOSED, right)


def leaving(rights: list[Right], inside: set[str]) -> Right | None:
    """The right that the car at an exit came in on: the one inside, else one that may have come in moments ago.

    The second is for a car that another gate let in, of which the hub could not tell yet.
    """
    known = [right for right in rights if right.reservation_id in inside or right.status is Status.CHECKED_IN]
    perhaps = [right for right in rights if right.status is Status.CONFIRMED]
    return next(iter([*known, *perhaps]), None)
