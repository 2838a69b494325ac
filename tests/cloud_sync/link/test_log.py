"""The two ends of a log on a bad carrier (`carrier.py`), which must find deliberate faults."""

import contextlib
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from cloud_sync.link.log import Cursor, Position
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.sending import Sender
from cloud_sync.link.v1.messages import Ack, AckState, Facts, Head, WireFact
from domain.errors import BadInput, PeerError
from domain.fact import Fact, link
from domain.now import Now
from tests.cloud_sync.link.carrier import LogMachine, PowerCut


def test_on_a_bad_carrier_every_fact_is_applied_exactly_once_and_in_order() -> None:
    run_state_machine_as_test(LogMachine, settings=settings(max_examples=100, stateful_step_count=40))


class AppliesTwice(Receiver):
    """Does not know again what it has seen."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        for fact in facts:
            if Position(fact.epoch, fact.seq) <= self._inbox.cursor(self._unit).position:
                with contextlib.suppress(PeerError, BadInput), self._inbox.transaction():
                    self._apply(fact)
        return super().receive(facts)


class AcknowledgesBeforeCommit(Receiver):
    """Its acknowledgement is out when the power is cut."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        try:
            return super().receive(facts)
        except PowerCut:
            return self._ack(Cursor.at(facts[-1]), AckState.OK)


class TakesEffectBeforeTheCursorMoves(Receiver):
    """Commits the two one after the other."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        apply, self._apply = self._apply, lambda _: None
        try:
            for fact in facts:
                if fact.chain == link(self._inbox.cursor(self._unit).chain, fact):
                    with contextlib.suppress(PeerError, BadInput):
                        apply(fact)
                    super().receive([fact])
            return super().receive(facts)
        finally:
            self._apply = apply


class ReturnsOneTooFew(Receiver):
    """What it gives back begins one fact too late."""

    def asked(self, head: Head) -> Ack:
        answer = super().asked(head)
        return answer.model_copy(update={"returned": answer.returned[1:]})


class JamsOnJunk(Receiver):
    """Does not move on behind what it cannot understand."""

    def receive(self, facts: Sequence[Fact]) -> Ack:
        understood = itertools.takewhile(lambda fact: fact.payload["detail"].startswith("news"), facts)
        return super().receive(list(understood))


class SendsWithoutBound(Sender):
    """Forgets what is in flight."""

    def appended(self, now: Now) -> list[Facts]:
        self._in_flight.clear()
        return super().appended(now)


class NeverSendsAgain(Sender):
    """Trusts the carrier."""

    def woken(self, now: Now) -> list[Facts]:
        return []

    def next_wakeup_ms(self) -> int | None:
        return None

    def _again(self, now: Now, after: Position) -> list[Facts]:
        return self.appended(now)


class SkipsOne(Sender):
    """Begins one fact behind what was acknowledged."""

    def _again(self, now: Now, after: Position) -> list[Facts]:
        return super()._again(now, Position(max(after.epoch, 1), after.seq + 1))


class NeverCompares(Sender):
    """Takes the subscriber's place for one in its own log, whatever it has lost."""

    def _holds(self, place: Position, chain: str | None) -> bool:
        return True


class TakesNothingBack(Sender):
    """Does not want what it has lost."""

    def _take_back(self, returned: Sequence[WireFact], now: Now) -> list[Facts]:
        return self._snapshot(Position(), now)


SEEDS = {SendsWithoutBound: 9, AcknowledgesBeforeCommit: 14}
"""Examples that come to a fault soon, where the usual ones come to it late."""


@pytest.mark.parametrize(
    "fault",
    [
        AppliesTwice,
        AcknowledgesBeforeCommit,
        TakesEffectBeforeTheCursorMoves,
        ReturnsOneTooFew,
        JamsOnJunk,
        SendsWithoutBound,
        NeverSendsAgain,
        SkipsOne,
        NeverCompares,
        TakesNothingBack,
    ],
)
def test_the_bad_carrier_finds_a_fault(fault: Any) -> None:
    faulty: dict[str, Any] = {"sender_of" if issubclass(fault, Sender) else "receiver_of": fault}
    machine = type(f"LogMachineThat{fault.__name__}", (LogMachine,), faulty)
    if fault in SEEDS:
        machine = seed(SEEDS[fault])(machine)
    searching = settings(  # the same examples each time: a fault is found, or is not
        max_examples=400, stateful_step_count=40, phases=[Phase.generate], report_multiple_bugs=False, derandomize=True
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=searching)
