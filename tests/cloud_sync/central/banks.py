"""Stand in for the bank: in memory, where no provider is needed, and localstripe, where its own record counts."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cloud_sync.central.bank import Debt, Intent, IntentState, Order, PaidBack, Taken
from cloud_sync.central.stripe_bank import StripeBank
from domain.errors import Refused, TryLater
from domain.money import Money
from tests.parts import NOON


class MemoryBank:
    """Stands in for `StripeBank` where no provider is needed: keeps causes, and can fail before or after it did."""

    def __init__(self) -> None:
        self.intents: dict[str, tuple[Order, IntentState]] = {}
        self.refunds: dict[str, int] = {}
        self.refund_of: dict[str, str] = {}
        self.request_of: dict[str, str | None] = {}
        self.charges: dict[str, int] = {}  # to the card on file
        self.calls: list[str] = []
        self.silent: set[str] = set()  # what gets no answer, and is not done
        self.refuses: dict[str, str] = {}  # what gets a no, and its code
        self.wants_driver = False
        self.read_since = NOON

    def open_customer(self, user_id: str) -> str:
        return f"cus_{user_id}"

    def authorise(self, order: Order) -> Intent:
        self._met("authorise")
        intent_id = f"pi_{order.cause}"
        state = IntentState.NEEDS_DRIVER if self.wants_driver else IntentState.AUTHORISED
        self.intents.setdefault(intent_id, (order, state))
        return self.look(intent_id)

    def look(self, intent_id: str) -> Intent:
        return Intent(intent_id, self.intents[intent_id][1], "secret", "cus_1", "pm_1")

    def capture(self, intent_id: str, cause: str) -> None:
        self._met("capture")
        self.set(intent_id, IntentState.CAPTURED)

    def void(self, intent_id: str, cause: str) -> None:
        self._met("void")
        self.set(intent_id, IntentState.GONE)

    def charge(self, debt: Debt) -> str:
        self._met("charge")
        self.charges.setdefault(debt.cause, debt.amount.amount_minor)
        return f"pi_{debt.cause}"

    def refund(self, intent_id: str, amount: Money, cause: str, request_key: str | None = None) -> str:
        self._met("refund")
        self.refunds.setdefault(cause, amount.amount_minor)
        self.refund_of[cause] = intent_id
        self.request_of[cause] = request_key
        return f"re_{cause}"

    def taken_since(self, since: datetime) -> list[Taken]:
        self._must_answer("record")
        self.read_since = since
        taken = [
            Taken(order.cause, order.amount, self.look(intent_id), NOON, order.booked)
            for intent_id, (order, _) in self.intents.items()
        ]
        charged = Intent("", IntentState.CAPTURED, None)
        return taken + [
            Taken(cause, Money(minor, "EUR"), replace(charged, intent_id=f"pi_{cause}"), NOON, None)
            for cause, minor in self.charges.items()
        ]

    def paid_back_since(self, since: datetime) -> list[PaidBack]:
        self._must_answer("record")
        return [
            PaidBack(f"re_{cause}", self.refund_of[cause], cause, Money(minor, "EUR"), self.request_of.get(cause))
            for cause, minor in self.refunds.items()
        ]

    def set(self, intent_id: str, state: IntentState) -> None:
        self.intents[intent_id] = (self.intents[intent_id][0], state)

    def taken_minor(self) -> int:
        """What the bank has taken in all."""
        captured = sum(o.amount.amount_minor for o, state in self.intents.values() if state is IntentState.CAPTURED)
        return captured + sum(self.charges.values())

    def _met(self, call: str) -> None:
        self.calls.append(call)
        self._must_answer(call)
        if call in self.refuses:
            raise Refused(self.refuses[call], "no")

    def _must_answer(self, call: str) -> None:
        if call in self.silent:
            raise TryLater("provider_silent", "no answer")


class FreshStripe(StripeBank):
    """Stripe as if its record began now: the process that plays it serves many tests."""

    def __init__(self, url: str) -> None:
        super().__init__("sk_test_12345", url)
        long_ago = NOON - timedelta(days=365)
        self._of_others = {one.cause for one in super().taken_since(long_ago)}
        self._of_others |= {one.cause for one in super().paid_back_since(long_ago)}

    def taken_since(self, since: datetime) -> list[Taken]:
        return [one for one in super().taken_since(since) if one.cause not in self._of_others]

    def paid_back_since(self, since: datetime) -> list[PaidBack]:
        return [one for one in super().paid_back_since(since) if one.cause not in self._of_others]


class BankProcess:
    """`python -m simulator.bank` on a free port, and what it has recorded."""

    def __init__(self, folder: Path) -> None:
        self._record = folder / "bank.jsonl"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulator.bank", "--port", "0", "--record", str(self._record)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().removeprefix("bank: ").strip()

    def requests(self, where: Callable[[dict[str, Any]], bool] = lambda line: True) -> list[dict[str, Any]]:
        """The requests that were carried out, not replayed, one dictionary each."""
        lines = [json.loads(line) for line in self._record.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if not line["replayed"] and line["status"] == 200 and where(line)]

    def posted(self, ending: str, cause: str) -> list[dict[str, Any]]:
        """What was done at a path with this ending, for this cause."""
        return self.requests(
            lambda line: (
                line["method"] == "POST"
                and line["path"].endswith(ending)
                and str(line["idempotency_key"]).startswith(cause)
            )
        )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
