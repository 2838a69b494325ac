"""Who follows the lane on a screen: each is told how it is now, whenever that is news.

Nothing is kept for anybody: a screen that is slow is told the newest state once it takes one again, and misses those in
between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from domain.errors import TryLater

SCREENS_MAX = 8
"""A lane has a screen or two, and somebody may look at it from outside."""
BUSY_S = 10

State = dict[str, Any]


class Screens:
    """The screens that follow one lane."""

    def __init__(self) -> None:
        self._news: set[asyncio.Event] = set()
        self._is_over = False

    def changed(self) -> None:
        """Something at the lane may have changed."""
        for news in self._news:
            news.set()

    def close(self) -> None:
        """Whoever follows is let go, and nobody follows any more."""
        self._is_over = True
        self.changed()

    @contextmanager
    def one_more(self) -> Iterator[asyncio.Event]:
        """A screen, for as long as the `with` lasts. Raises TryLater where there are `SCREENS_MAX` already."""
        if len(self._news) >= SCREENS_MAX:
            raise TryLater("too_many_screens", f"{SCREENS_MAX} screens follow this lane already", retry_after_s=BUSY_S)
        news = asyncio.Event()
        self._news.add(news)
        try:
            yield news
        finally:
            self._news.discard(news)

    async def follow(self, news: asyncio.Event, state: Callable[[], State]) -> AsyncIterator[State]:
        """The state now, and each time that it is another one, until the lane's process ends."""
        told: State | None = None
        while not self._is_over:
            now = state()
            if now != told:
                told = now
                yield now
            await news.wait()
            news.clear()
