"""barrier-clear and inside-gets-out: whatever a street does, in any order."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import (
    Direction,
    GateDecided,
    GatePassed,
    LaneModeChanged,
    Mode,
    WithdrawalNoted,
    payload_of,
)
from domain.admission import Verdict
from domain.errors import Refused, TryLater
from domain.plate import Plate
from domain.reservation import Status
from gate_firmware.arrival_watch import MOMENT_MS
from gate_firmware.events import (
    ArmMoved,
    ArrivalLoop,
    ById,
    ByPlate,
    ByTicket,
    CabinetDoor,
    CallButton,
    CodeSeen,
    Command,
    Event,
    FireAlarm,
    Identified,
    Look,
    Looked,
    LookForCode,
    LowerArm,
    ModeSet,
    OpenedBy,
    Photocell,
    RaiseArm,
    SafetyLoop,
    Sight,
)
from gate_firmware.lane_states import State
from hardware.barrier import Position as Arm
from tests.gate_firmware.gate import (
    KEY_KNOWN,
    MOTION_MS_MAX,
    OTHER,
    OTHER_KEY,
    PLATE,
    SEAL,
    TIMING,
    Gate,
    rid,
    right,
    ticket,
)

# Whatever a street may do, in whatever order.
SIGHTS = st.builds(
    lambda sight, plate: (sight, plate),
    st.sampled_from(Sight),
    st.sampled_from([PLATE, OTHER, None]),
)
MODES = st.sampled_from([*Mode, Mode.AUTOMATIC, Mode.AUTOMATIC])


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The hub hands back the mode that the lane was set to last, which this gate had lost with its disk."""

    mode: Mode


HAPPENINGS = st.lists(
    st.one_of(
        st.builds(ArrivalLoop, st.booleans()),
        st.builds(SafetyLoop, st.booleans()),
        st.builds(SafetyLoop, st.booleans()),
        st.builds(Photocell, st.booleans()),
        st.builds(FireAlarm, st.sampled_from([True, False, False])),
        st.builds(CallButton, st.booleans()),
        st.builds(CabinetDoor, st.booleans()),
        st.builds(ArmMoved, st.sampled_from(Arm)),
        st.builds(ArmMoved, st.sampled_from(Arm)),
        SIGHTS,
        SIGHTS,
        st.sampled_from([ticket(), ticket(2, ticket_id="t2"), ticket(key=OTHER_KEY)]),
        st.builds(
            Identified,
            st.sampled_from([ById(rid(1)), ById(rid(2)), ByTicket(ticket()), ByPlate(SEAL.seal(PLATE))]),
            st.booleans(),
        ),
        st.sampled_from([OpenedBy("Anna"), OpenedBy("Anna", rid(1)), OpenedBy("Anna", rid(7))]),
        st.builds(ModeSet, MODES, st.just("Anna")),
        st.builds(HandedBack, MODES),
        st.sampled_from([1, 500, 2_500, 6_000, 8_000, 30_000]),
        st.just("crash"),
        st.just("withdrawn"),
        st.just("comes"),
        st.just("drives"),
    ),
    max_size=40,
)

OFTEN: dict[str, tuple[object, ...]] = {
    "comes": (ArrivalLoop(True), (Sight.KNOWN, PLATE)),
    "drives": (ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False), SafetyLoop(False)),
}
"""What mostly happens one after the other, and seldom would by chance."""

BEHIND_ANOTHER = ["comes", ArmMoved(Arm.UP), ArrivalLoop(False), 2_500, "comes", "drives"]
"""A second car comes in on the same decision as the first, which has gone back."""

FALLS_ON_WHOEVER_IS_THERE = [ArmMoved(Arm.UP), SafetyLoop(True), ArmMoved(Arm.BETWEEN)]


@dataclass
class Bystander:
    """Watches what the lane is told and what it does, and knows nothing of how."""

    gate: Gate
    safety: bool = False
    photocell: bool = False
    fire: bool = False
    arrival: bool = False
    arm: Arm = Arm.DOWN
    look: str = ""
    is_asked_down: bool = False
    rose: bool = False
    """The arm was not down, or was asked up for everyone, at some time since something came under it."""
    held: bool = False
    was_for_everyone: bool = False
    passages: int = 0
    rose_before: bool = False
    before_the_start: set[str] = field(default_factory=set)
    """Who was decided on last as the process ended: whoever stands there has another passage after it."""

    def check(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Look | LookForCode):
                self.look = command.passage_id
            if isinstance(command, LowerArm | RaiseArm):
                self.is_asked_down = isinstance(command, LowerArm)
            if isinstance(command, LowerArm):
                assert not self.safety, "closes on a car"
                assert not self.photocell, "closes on somebody"
                assert not self.fire, "closes in a fire"
            under = self.safety or self.photocell
            held = self.gate.told(LaneModeChanged)[-1:]
            if held and held[0].mode is Mode.HELD_OPEN:
                assert "lane.mode/1" in self.gate.stored(), "opens on what nobody has written down"
            elif isinstance(command, RaiseArm) and not (under and self.rose) and not self.fire:
                assert self.is_for_somebody(), "opens for nobody who may pass"

    def is_for_somebody(self) -> bool:
        """Whether the last car that was decided on may pass and has not, or the one before: there is no room for more
        between the loops. An exit lets out whoever was let pass by everyone's arm too, whatever it knows of them."""
        last = self.last_two() | self.before_the_start
        passes = {said.passage_id for said in self.gate.decisions if said.verdict in (Verdict.ADMIT, Verdict.RELEASE)}
        may_pass = passes - {passed.passage_id for passed in self.gate.passages}
        return bool(may_pass & last) or (self.gate.direction is Direction.EXIT and self.was_for_everyone)

    def last_two(self) -> set[str]:
        """The passages of the last cars that were decided on."""
        return set(list(dict.fromkeys(said.passage_id for said in reversed(self.gate.decisions)))[:2])

    def happens(self, happening: object) -> None:
        gate = self.gate
        self.rose_before = self.rose
        self._happens(happening, gate)
        self.counts()

    def _happens(self, happening: object, gate: Gate) -> None:
        match happening:
            case "crash":
                self.before_the_start = self.last_two()
                gate.crash()
                self.is_asked_down = False
                self.check(
                    gate.start(
                        arrival=self.arrival,
                        safety=self.safety,
                        arm=self.arm,
                        photocell=self.photocell,
                        fire=self.fire,
                    )
                )
            case int(ms):
                self.check(gate.passes_ms(ms))
                has_arrived = self.arm is Arm.DOWN and ms >= MOTION_MS_MAX
                self.is_asked_down = self.is_asked_down and not has_arrived
            case (Sight() as sight, Plate() | None as plate):
                self.check(gate.happens(Looked(self.look, sight, plate, None, 1)))
            case "comes" | "drives":
                for each in OFTEN[happening]:
                    self.happens(each)
            case "withdrawn":
                gate.hub_says(right(status=Status.NO_SHOW, revision=3, end=9))
            case str(code):
                self.check(gate.happens(CodeSeen(self.look, code)))
            case HandedBack(mode):
                self.sees(ModeSet(mode, "Anna"))
                self.check(gate.recovered(LaneModeChanged(gate_id=gate.unit, mode=mode, by="Anna")))
            case Identified() | OpenedBy() | ModeSet() as said:
                decisions = gate.decisions
                if isinstance(said, ModeSet):
                    self.sees(said)
                try:
                    self.check(gate.happens(said))
                except (Refused, TryLater):
                    assert gate.decisions == decisions
            case ArrivalLoop() | SafetyLoop() | Photocell() | FireAlarm() | ArmMoved() | CallButton() | CabinetDoor():
                self.changes(happening, gate)

    def changes(self, event: Event, gate: Gate) -> None:
        """An input does, and nothing comes down on whoever is under the arm then."""
        was_under, was_up = self.safety or self.photocell, self.arm is Arm.UP
        self.sees(event)
        commands = gate.happens(event)
        self.check(commands)
        if was_up and was_under and self.arm is not Arm.UP:
            assert RaiseArm() in commands, "lets the arm fall on whoever is under it"
        if (self.safety or self.photocell) and not was_under and self.arm is not Arm.DOWN:
            assert not self.is_asked_down, "lets the arm come down on whoever has come under it"

    def sees(self, event: Event) -> None:
        match event:
            case ArrivalLoop(occupied):
                self.arrival = occupied
            case SafetyLoop(occupied):
                self.safety = occupied
            case Photocell(interrupted):
                self.photocell = interrupted
            case FireAlarm(alarmed):
                self.fire = alarmed
            case ArmMoved(position):
                self.arm = position
                self.is_asked_down = self.is_asked_down and position is not Arm.DOWN  # it has arrived
            case ModeSet(mode):
                self.held = mode is Mode.HELD_OPEN
        is_asked_up = self.fire or self.held
        self.was_for_everyone = self.was_for_everyone or is_asked_up
        self.rose = is_asked_up or self.arm is not Arm.DOWN or (self.rose and (self.safety or self.photocell))

    def counts(self) -> None:
        """Nobody is seen to come through an arm that has not risen."""
        new = self.gate.passages[self.passages :]
        self.passages += len(new)
        for passed in new:
            assert passed.unseen or self.fire or self.held or self.rose_before, "comes through an arm that is down"


@settings(max_examples=150)
@given(st.sampled_from(Direction), HAPPENINGS)
@example(Direction.ENTRY, ["comes", "drives", SafetyLoop(True), SafetyLoop(False), "crash"])
@example(
    Direction.ENTRY, ["comes", ArmMoved(Arm.UP), ArrivalLoop(False), 8_000, ArmMoved(Arm.BETWEEN), "crash", "comes"]
)
@example(
    Direction.ENTRY, ["comes", ArmMoved(Arm.UP), 30_000, ArmMoved(Arm.BETWEEN), "crash", ArmMoved(Arm.DOWN), 30_000]
)
@example(Direction.ENTRY, ["comes", SafetyLoop(True), SafetyLoop(False), ArmMoved(Arm.UP), "drives"])
@example(Direction.EXIT, ["comes", ArmMoved(Arm.UP), ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN)])
@example(Direction.ENTRY, ["comes", *FALLS_ON_WHOEVER_IS_THERE])
@example(Direction.ENTRY, [ModeSet(Mode.HELD_OPEN, "Anna"), *FALLS_ON_WHOEVER_IS_THERE])
@example(Direction.ENTRY, [FireAlarm(True), *FALLS_ON_WHOEVER_IS_THERE])
@example(Direction.EXIT, ["comes", SafetyLoop(True), 30_000, SafetyLoop(False)])
@example(Direction.ENTRY, [*BEHIND_ANOTHER, ArmMoved(Arm.DOWN), ArrivalLoop(True), ArrivalLoop(False)])
@example(Direction.ENTRY, [*BEHIND_ANOTHER, ArrivalLoop(True), ArmMoved(Arm.BETWEEN), (Sight.STRANGER, OTHER)])
@example(Direction.ENTRY, [ModeSet(Mode.HELD_OPEN, "Anna"), ModeSet(Mode.AUTOMATIC, "Anna"), 8_000, "drives"])
@example(
    Direction.ENTRY,
    ["comes", "withdrawn", "comes", ArmMoved(Arm.UP), "crash", "comes", ArrivalLoop(False), ArmMoved(Arm.DOWN)],
)
def test_barrier_clear_whatever_happens(direction: Direction, happenings: list[object]) -> None:
    with TemporaryDirectory() as folder, closing(Gate(Path(folder), direction)) as gate:
        gate.hub_says(KEY_KNOWN, right(end=9))
        bystander = Bystander(gate)
        bystander.check(gate.start())
        for happening in happenings:
            bystander.happens(happening)
        assert [fact.seq for fact in gate.journal.after(Position(), 999)] == list(
            range(1, len(gate.journal.after(Position(), 999)) + 1)
        )
        assert len({passed.passage_id for passed in gate.passages}) == len(gate.passages)
        nobody_after_the_withdrawal(gate)
        inside_out(bystander)


def nobody_after_the_withdrawal(gate: Gate) -> None:
    """Once a gate has said that it knows of it, nobody whom it let in before comes through on that right."""
    decided: set[str] = set()
    withdrawn: set[str] = set()
    for said in map(payload_of, gate.journal.after(Position(), 999)):
        match said:
            case GateDecided(verdict=Verdict.ADMIT):
                decided.add(said.passage_id)
            case WithdrawalNoted():
                withdrawn |= decided
            case GatePassed(reservation_id=str()) if gate.direction is Direction.ENTRY:
                assert said.passage_id not in withdrawn or said.reservation_id != rid(1)


def inside_out(bystander: Bystander) -> None:
    """From wherever the lane is now, whatever its arm is doing: the next car at an exit gets out."""
    gate = bystander.gate
    if gate.direction is not Direction.EXIT:
        return
    for event in (
        ModeSet(Mode.AUTOMATIC, "Anna"),
        FireAlarm(False),
        SafetyLoop(False),
        Photocell(False),
        ArrivalLoop(False),
    ):
        bystander.happens(event)
    gate.passes_ms(MOMENT_MS)
    is_awaited = any(said.awaited for said in gate.decisions[-1:])
    is_up_for_whoever_comes = gate.lane.state in (State.OPENING, State.OPEN) and is_awaited
    raised = gate.happens(ArrivalLoop(True)) + gate.passes_ms(TIMING.exit_identify_ms_max)
    assert is_up_for_whoever_comes or RaiseArm() in raised
