"""Requests that come together are carried out together: one transaction, one wait for the disk, and then the answers.

A commit returns when it is on disk (`synchronous=FULL`), and on an SD card that takes longer than all the rest. While
it does, further requests arrive; they make up the next group. Nobody waits for company: a group is closed by the first
turn of the event loop that brings no further request.

The whole group is one piece of work in the event loop's own thread. A commit in another thread would let the loop go on
collecting, which it does as well afterwards, from the sockets' buffers. But SQLite has one transaction for a
connection: a fact taken in, or a page shown, meanwhile would see what is not on disk yet, and be committed or undone
with it. Facts do not come here. They are many to a transaction already, as their sender puts them into one message.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from sqlite3 import DatabaseError
from typing import Any, TypeVar

from cloud_sync.link.store import Store
from domain.errors import TryLater

log = logging.getLogger(__name__)

T = TypeVar("T")

TOGETHER_MAX = 100
"""Requests in one commit at most: the first of them waits until the last is carried out."""


@dataclass(frozen=True, slots=True)
class _Asked:
    act: Callable[[], Any]
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: Any = None
    error: Exception | None = None


class GroupCommit:
    """Carries requests out in the order in which they came, and tells their outcome when it is on disk."""

    def __init__(self, store: Store, stored: Callable[[], None]) -> None:
        """`stored` is called after each commit, and after one that failed."""
        self._store = store
        self._stored = stored
        self._waiting: deque[_Asked] = deque()  # not empty: the loop has been asked to call `_gather`

    async def carry_out(self, act: Callable[[], T]) -> T:
        """What `act` returns or raises, once all that it and its group did is on disk.

        `act` does what has to be undone with a refusal in a `Store.transaction` of its own, which here is a savepoint:
        what it raises undoes nothing of the others, and nothing that it had completed before.
        Raises TryLater where the commit failed: then nobody knows whether it is on disk, nor whether a refusal of this
        group rested on what is not.
        """
        asked = _Asked(act, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if len(self._waiting) == 1:
            self._gather_next_turn(0)
        answer: T = await asked.answer
        return answer

    def _gather_next_turn(self, seen: int) -> None:
        asyncio.get_running_loop().call_soon(self._gather, seen)

    def _gather(self, seen: int) -> None:
        if seen < len(self._waiting) < TOGETHER_MAX:
            self._gather_next_turn(len(self._waiting))  # the last turn has brought more, and the next one may
            return
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER_MAX))]
        if self._waiting:
            self._gather_next_turn(0)
        for asked, outcome in zip(group, self._committed(group), strict=True):
            if asked.answer.done():
                continue  # who asked has gone
            if outcome.error is None:
                asked.answer.set_result(outcome.result)
            else:
                asked.answer.set_exception(outcome.error)
        self._stored()

    def _committed(self, group: list[_Asked]) -> list[_Outcome]:
        """What became of each, after the commit."""
        try:
            with self._store.transaction():
                return [self._carried_out(asked.act) for asked in group]
        except Exception:  # the disk's doing, whatever a request may have made of it
            log.exception("commit.failed", extra={"requests": len(group)})
            return [_Outcome(error=TryLater("not_stored", "the hub could not write it down; ask again")) for _ in group]

    def _carried_out(self, act: Callable[[], Any]) -> _Outcome:
        outcome = _outcome(act)
        if not self._store.connection.in_transaction:  # SQLite has given up all of it: nothing may follow
            raise outcome.error or DatabaseError("the transaction is gone")
        return outcome


def _outcome(act: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(act())
    except Exception as error:  # a refusal, or a bug, of this one alone
        return _Outcome(error=error)
