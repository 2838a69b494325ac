"""The bank as one process of central reaches it: what a dead process asks for is not asked."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from cloud_sync.central.bank import Debt, Intent, Order, PaidBack, Taken
from domain.money import Money
from simulator.world.bank import WorldBank
from simulator.world.process import Place, Process

T = TypeVar("T")


class Till:
    """A `Bank` with boundaries around each call."""

    def __init__(self, bank: WorldBank, process: Process) -> None:
        self._bank = bank
        self._process = process

    def open_customer(self, user_id: str) -> str:
        return self._between(lambda: self._bank.open_customer(user_id))

    def authorise(self, order: Order) -> Intent:
        return self._between(lambda: self._bank.authorise(order))

    def charge(self, debt: Debt) -> str:
        return self._between(lambda: self._bank.charge(debt))

    def look(self, intent_id: str) -> Intent:
        return self._between(lambda: self._bank.look(intent_id))

    def capture(self, intent_id: str, cause: str) -> None:
        self._between(lambda: self._bank.capture(intent_id, cause))

    def void(self, intent_id: str, cause: str) -> None:
        self._between(lambda: self._bank.void(intent_id, cause))

    def refund(self, intent_id: str, amount: Money, cause: str, request_key: str | None = None) -> str:
        return self._between(lambda: self._bank.refund(intent_id, amount, cause, request_key))

    def taken_since(self, since: datetime) -> Sequence[Taken]:
        return self._between(lambda: self._bank.taken_since(since))

    def paid_back_since(self, since: datetime) -> Sequence[PaidBack]:
        return self._between(lambda: self._bank.paid_back_since(since))

    def _between(self, call: Callable[[], T]) -> T:
        self._process.passes(Place.BEFORE_BANK)
        answer = call()
        self._process.passes(Place.AFTER_BANK)
        return answer
