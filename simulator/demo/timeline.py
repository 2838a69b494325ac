"""The story as it is told: one line a step for people, one JSON object a step for programs."""

import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.markup import escape


class StepFailed(Exception):
    """What should have happened did not; the story ends here."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story: `at_ms` since the demo began, `detail` what was seen."""

    step: str
    ok: bool
    at_ms: int
    took_ms: int
    detail: str


@dataclass(slots=True)
class Notes:
    """What a step has to tell; said line by line while it goes on."""

    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)


Told = Callable[[Step, list[str]], None]


class Chapter:
    """Steps that belong together and may go on beside those of other chapters."""

    def __init__(self, began_ms: int, tell: Told) -> None:
        """`tell` gets each step with its notes when it has ended; `began_ms` is when the demo began."""
        self._began_ms = began_ms
        self._tell = tell

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Notes]:
        """Time a step. What goes wrong in it is told as its detail, and ends the story with StepFailed."""
        notes, began_ms = Notes(), _now_ms()
        try:
            yield notes
        except Exception as error:  # whatever it is, the story ends with this step told as failed
            self._end(name, False, began_ms, [*notes.lines, f"{type(error).__name__}: {error}"])
            raise StepFailed(name) from error
        self._end(name, True, began_ms, notes.lines)

    def _end(self, name: str, ok: bool, began_ms: int, lines: list[str]) -> None:
        self._tell(Step(name, ok, began_ms - self._began_ms, _now_ms() - began_ms, "; ".join(lines)), lines)


class Timeline:
    """Writes chapters when they have ended, each in one piece."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False, soft_wrap=True)
        self._began_ms = _now_ms()
        self.steps: list[Step] = []

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)

    @asynccontextmanager
    async def chapter(self, title: str) -> AsyncIterator[Chapter]:
        """Collect the steps of a chapter, and write them when it ends, however it ends."""
        told: list[tuple[Step, list[str]]] = []
        try:
            yield Chapter(self._began_ms, lambda step, lines: told.append((step, lines)))
        finally:
            self.headline(title)
            for step, lines in told:
                self._tell(step, lines)

    def headline(self, text: str) -> None:
        """A line between steps, for people only."""
        if not self._as_json:
            self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def say(self, text: str) -> None:
        """A line for people only."""
        if not self._as_json:
            self._console.print(escape(text))

    def end(self) -> None:
        """Say how many steps held, and how long they took; for people only."""
        took_s = (_now_ms() - self._began_ms) / 1000
        self.headline(f"All {len(self.steps)} steps held, in {took_s:.0f} s")

    def _tell(self, step: Step, lines: list[str]) -> None:
        self.steps.append(step)
        if self._as_json:
            print(json.dumps(asdict(step)), flush=True)
            return
        mark = "[green]✓[/green]" if step.ok else "[red]✗[/red]"
        took = f"{step.took_ms / 1000:.1f} s" if step.took_ms >= 1000 else f"{step.took_ms} ms"
        self._console.print(f"[dim]{step.at_ms / 1000:7.1f} s[/dim] {mark} {escape(step.step)} [dim]{took}[/dim]")
        for line in lines:
            self._console.print(f"            [dim]·[/dim] {escape(line)}")
        sys.stdout.flush()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
