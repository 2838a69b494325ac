"""Who stands in the lane, and whether they may pass: what was seen and said of them, judged and written down.

A car is judged by its plate, by codes that its driver shows, and by what others say who know. Each judgement that says
something new is stored. What the lane's mode makes of it is said here too: a lane that is held open lets everyone pass,
and an entry that is closed nobody.
"""

from collections.abc import Callable
from dataclasses import replace

from cloud_sync.link.v1.facts import Direction, Mode, Noted
from domain.admission import Decision, Reason, Verdict
from domain.errors import Refused, TryLater
from domain.now import Now
from gate_firmware.deciding import Judge, Judgement
from gate_firmware.events import ByTicket, CodeSeen, Command, Identified, Looked, OpenedBy, Sight
from gate_firmware.lane_states import ARM_IS_UP_FOR_IT, UNDECIDED, Input, State
from gate_firmware.passage import Passage
from gate_firmware.record import Record

BUSY_S = 3
"""After this it is worth asking again for a car behind the one that is passing."""

JUDGED = (State.LOOKING, State.HELD_BACK, State.HELD_OPEN)
"""In these a car stands in the lane on which nothing final was decided."""


class Identification:
    """The car that the lane has to do with, and what is known of it. Moves nothing: the lane does what follows."""

    def __init__(self, direction: Direction, judge: Judge, record: Record, new_passage: Callable[[], str]) -> None:
        self.passage = Passage()
        self.before: Passage | None = None
        """A car that may pass and has left the arrival loop, where the next one has come before it has crossed."""
        self.doubted: Passage | None = None
        """A car that may pass and has crossed, or has gone back and is the one that stands there: a look will tell."""
        self.mode = Mode.AUTOMATIC
        self._direction = direction
        self._judge = judge
        self._record = record
        self._new_passage = new_passage

    def comes(self, now: Now) -> list[Command]:
        """Another car has come: look at it."""
        self.begin(Passage(self._new_passage(), now.mono_ms), now)
        return [self.passage.look()]

    def begin(self, passage: Passage, now: Now) -> None:
        """Nothing was decided yet on this one. Where nobody else is on their way in, that can be said.

        One that was let pass before, and of which nothing was said since, has not driven.
        """
        if self.passage.may_pass and not self.passage.is_over:
            self.passage.noted(Noted.NOT_DRIVEN, self._record, now)
        self.passage = passage
        self.withdrawals_due(now)

    def withdrawals_due(self, now: Now) -> None:
        """Say what was withdrawn, where nobody is on their way in."""
        if not self._let_pass():
            self._record.withdrawals_due(now)

    def _let_pass(self) -> list[Passage]:
        known = (self.before, self.doubted, self.passage)
        return [passage for passage in known if passage is not None and passage.may_pass]

    @property
    def may_pass_by_itself(self) -> bool:
        """Whether whoever is there may pass on a decision of their own, and not because the lane was held open."""
        judgement = self.passage.judgement
        return judgement is not None and judgement.passes and judgement.decision.reason is not Reason.HELD_OPEN

    def is_on_its_way(self, reservation_id: str) -> bool:
        """Whether a car may be coming through that was let pass on this reservation."""
        return any(passage.reservation_id == reservation_id for passage in self._let_pass())

    def completed(self, now: Now, *, unseen: bool = False) -> str:
        """The car has crossed, and is written down; whoever follows is another one. The passage's id."""
        passage, self.passage = self.passage, Passage()
        passage_id = passage.passage_id or self._new_passage()
        self._record.passage(passage_id, passage.judgement, now, unseen=unseen)
        self.begin(Passage(), now)
        return passage_id

    def before_crossed(self, now: Now, *, unseen: bool, stays: bool) -> None:
        """It was the car before; who stands there is looked at anew, unless what was decided on them `stays`."""
        before, self.before = self.before, None
        assert before is not None, "it was there"
        self._record.passage(before.passage_id, before.judgement, now, unseen=unseen)
        if not stays:
            self.begin(Passage(), now)

    def step_aside(self, now: Now) -> None:
        """Whoever is there has a passage, also where nobody has looked at them."""
        if not self.passage.passage_id:
            self.passage = Passage(self._new_passage(), now.mono_ms)

    def looked(self, looked: Looked, state: State, now: Now) -> Input | None:
        """What a look at this car leads to."""
        if looked.code is not None:
            self.passage.judged(looked.code)
        return self._decide(self._judge.looked(looked, self.passage.saw(looked), now), state, now)

    def read_too_long(self, state: State, now: Now) -> Input | None:
        """It has to be decided by now, and no look has come to its end."""
        nothing = Looked(self.passage.passage_id, Sight.UNSURE, None, None, 0)
        return self._decide(self._judge.looked(nothing, nothing, now), state, now)

    def code_seen(self, seen: CodeSeen, state: State, now: Now) -> Input | None:
        """What a code that the driver holds up leads to."""
        self.passage.judged(seen.code)
        return self._decide(self._judge.named(ByTicket(seen.code), self.passage.seen, now), state, now)

    def named(self, said: Identified, state: State, now: Now) -> Input | None:
        """What it leads to that somebody says which car this is.

        Raises Refused or TryLater where that is of no use now, and nothing has changed then.
        """
        passage = self.passage
        if state in JUDGED and passage.passage_id:
            return self._decide(self._judge.named(said.by, passage.seen, now), state, now, asked=True)
        if state is State.IDLE and not said.car_required and self._direction is Direction.ENTRY:
            return self._decide_unseen(self._judge.named(said.by, None, now), now)
        if state is State.FIRE:
            raise _open_for_fire()
        if state is State.HELD_OPEN:
            raise TryLater("lane_busy", "the barrier is held open, and no car is there", retry_after_s=BUSY_S)
        if state is State.IDLE:
            raise Refused("no_car", "no car stands before the barrier")
        if state is State.CLOSING or not passage.may_pass:
            raise TryLater("lane_busy", "the barrier is still busy with the car before", retry_after_s=BUSY_S)
        judgement = self._judge.named(said.by, passage.seen, now)
        if self._direction is Direction.EXIT:
            passage.recognise(judgement, self._record, now)
        elif judgement.reservation_id is None or judgement.reservation_id != passage.reservation_id:
            raise TryLater("lane_busy", "the barrier is open for another car", retry_after_s=BUSY_S)
        return None

    def opened(self, opened: OpenedBy, state: State, now: Now) -> Input | None:
        """What it leads to that somebody of the lot opens. Raises TryLater while the arm is up, or moves, already."""
        if state is State.FIRE:
            raise _open_for_fire()
        if state is State.HELD_OPEN:
            raise TryLater("lane_busy", "the barrier is held open: everyone passes", retry_after_s=BUSY_S)
        if state not in (*UNDECIDED, State.FAULT):
            busy = "the barrier is open, or still busy with a car: ask again once that car is through"
            raise TryLater("lane_busy", busy, retry_after_s=BUSY_S)
        judgement = self._judge.opened(opened, self.passage.judgement, self.passage.seen, now)
        if not self.passage.passage_id:
            return self._decide_unseen(judgement, now)
        self.passage.decide(judgement, self._record, now, asked=True)
        return Input.LET_PASS

    def judge_by_mode(self, now: Now) -> None:
        """Judge the car that stands there once more: the lane's mode has changed, and may let it pass."""
        if self.passage.judgement is not None and not self.passage.may_pass:
            self.passage.decide(self._within_mode(self.passage.judgement), self._record, now)

    def put_aside(self, now: Now) -> None:
        """The car has crossed, or has not: whoever stands there is looked at as if they were another one."""
        self.doubted, self.passage = self.passage, Passage()
        self.begin(Passage(), now)

    def is_another(self, passage: Passage, looked: Looked, now: Now) -> bool:
        """Whether surely another car stands here than that of this passage."""
        return passage.judgement is not None and self._judge.is_another(passage.judgement, looked, now)

    def is_the_next(self, looked: Looked, state: State, now: Now) -> bool:
        """Whether surely another car stands here than the one that was let pass, and may have crossed."""
        was_in_doubt, self.passage.is_unread = self.passage.may_have_crossed, False
        self.passage.may_have_crossed = was_in_doubt and not looked.is_sure
        return was_in_doubt and state in ARM_IS_UP_FOR_IT and self.is_another(self.passage, looked, now)

    def _decide_unseen(self, judgement: Judgement, now: Now) -> Input | None:
        """On a car that has not come yet."""
        passage = Passage(self._new_passage(), now.mono_ms, is_awaited=True)
        judgement = self._within_mode(judgement) if judgement.by is None else judgement
        passage.decide(judgement, self._record, now)
        if not judgement.passes:
            return None
        self.passage = passage
        return Input.LET_PASS

    def _decide(self, judgement: Judgement, state: State, now: Now, *, asked: bool = False) -> Input | None:
        """Take a judgement: of a car that the arm is up for already it may say more, and leads to nothing."""
        judgement, is_open = self._within_mode(judgement), state is State.HELD_OPEN
        if state in ARM_IS_UP_FOR_IT or (is_open and self.passage.may_pass):
            self.passage.recognise(judgement, self._record, now)
            return None
        if state not in JUDGED:
            return None
        self.passage.decide(judgement, self._record, now, asked=asked)
        if is_open:
            return None
        return Input.LET_PASS if judgement.passes else Input.HOLD_BACK

    def _within_mode(self, judgement: Judgement) -> Judgement:
        """Who passes a lane that is held open is known as ever, so that nobody pays for a stay that was none."""
        decision, is_entry = judgement.decision, self._direction is Direction.ENTRY
        if self.mode is Mode.HELD_OPEN and not judgement.passes:
            return replace(judgement, decision=Decision(Verdict.ADMIT, Reason.HELD_OPEN, decision.right))
        if self.mode is Mode.CLOSED and is_entry:
            return replace(judgement, decision=Decision(Verdict.REFUSE, Reason.LANE_CLOSED, decision.right))
        return judgement


def _open_for_fire() -> TryLater:
    return TryLater("lane_busy", "there is a fire alarm, and the barrier is open", retry_after_s=BUSY_S)
