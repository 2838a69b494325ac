"""The power is cut at a gate: of its real store only what was synced is left, as `simulator.world.disk` has it."""

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from cloud_sync.link.log import Position
from cloud_sync.link.v1.facts import GateDecided, GatePassed
from domain.fact import GENESIS, Fact, link
from gate_firmware.events import ArmMoved, ArrivalLoop, Command, LowerArm, RaiseArm, SafetyLoop
from hardware.barrier import Position as Arm
from simulator.world.disk import Disk
from simulator.world.process import Process
from tests.gate_firmware.gate import KEY_KNOWN, OTHER, Gate, right, ticket
from tests.simulator.world.test_disk import lived

Step = Callable[[Gate], list[Command]]


def comes(gate: Gate) -> list[Command]:
    gate.car_comes()
    return []


def is_read(gate: Gate) -> list[Command]:
    return gate.seen(gate.lane._passage.passage_id)


def shows_a_ticket(gate: Gate) -> list[Command]:
    return gate.seen(gate.lane._passage.passage_id, plate=OTHER, code=ticket(2, plate=OTHER, ticket_id="t2"))


def drives_in(gate: Gate) -> list[Command]:
    gate.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.UP), SafetyLoop(True), ArrivalLoop(False))
    return gate.happens(SafetyLoop(False))


def is_behind_the_arm(gate: Gate) -> list[Command]:
    return gate.happens(ArmMoved(Arm.BETWEEN), ArmMoved(Arm.DOWN))


STREET: tuple[Step, ...] = (
    comes,
    is_read,
    drives_in,
    is_behind_the_arm,
    comes,
    shows_a_ticket,
    drives_in,
    is_behind_the_arm,
)
MOVES = [at for at, step in enumerate(STREET, 1) if step in (is_read, shows_a_ticket, drives_in)]


class Card:
    """A gate and its card, which the power is cut of."""

    def __init__(self, folder: Path) -> None:
        self.disk = Disk(folder, "gate")
        self.gate = Gate(self.disk.path.parent)
        self.log: list[Fact] = []
        """As it was at the end of the last life."""

    def lives(
        self, steps: tuple[Step, ...], *, waits_for_the_disk: bool = True, goes_dark: bool = True
    ) -> list[Command]:
        """The gate does these; then it has no power, in the middle of writing down what follows.

        The store is as the gate opens it, unless its commits are not to wait for the disk.
        """
        commands: list[Command] = []

        def life(_process: Process) -> None:
            self._starts(waits_for_the_disk=waits_for_the_disk)
            for step in steps:
                commands[:] = step(self.gate)
            self.log = self.gate.journal.after(Position(), 1_000)
            if goes_dark:
                self.gate.store.connection.execute("BEGIN IMMEDIATE")
                self.gate.store.connection.execute("DELETE FROM fact")
                self.disk.keep_synced()

        lived(self.disk, life)
        return commands

    def _starts(self, *, waits_for_the_disk: bool) -> None:
        self.gate.store.close()
        self.gate.folder = self.disk.path.parent
        self.gate._open()
        if not waits_for_the_disk:
            self.gate.store.connection.execute("PRAGMA synchronous = NORMAL")
        self.gate.journal.begin_run()
        self.gate.start()

    def is_without_a_gap(self) -> bool:
        facts = self.log
        places = [(fact.epoch, fact.seq) for fact in facts]
        follow = [after in ((epoch, seq + 1), (epoch + 1, 1)) for (epoch, seq), after in pairwise(places)]
        chains = [GENESIS, *(fact.chain for fact in facts)]
        return all(follow) and all(fact.chain == link(chain, fact) for chain, fact in zip(chains, facts, strict=False))


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    card = Card(tmp_path)
    card.gate.hub_says(right(), right(2, plate=OTHER), KEY_KNOWN)
    yield card
    card.gate.store.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.parametrize("count", MOVES)
def test_what_the_arm_moved_on_is_there_and_the_log_goes_on(card: Card, count: int) -> None:
    moved = card.lives(STREET[:count])
    assert any(isinstance(command, RaiseArm | LowerArm) for command in moved)
    before = card.log
    card.lives((comes, is_read), goes_dark=False)
    assert card.log[: len(before)] == before
    assert len(card.log) > len(before)
    assert card.is_without_a_gap()
    kinds = {RaiseArm: GateDecided.kind, LowerArm: GatePassed.kind}
    assert before[-1].kind in {kinds[type(command)] for command in moved if type(command) in kinds}


def test_it_would_not_be_if_a_commit_did_not_wait_for_the_disk(card: Card) -> None:
    card.lives(STREET[:2], waits_for_the_disk=False)
    assert [fact.kind for fact in card.log] == [GateDecided.kind]
    card.lives((), goes_dark=False)
    assert card.log == []
