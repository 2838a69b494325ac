"""What is told of a run while it goes on, and what was found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from domain.plate import Plate
from simulator.demo.audit import Finding
from simulator.world.seen import At, CarMoved


@dataclass(slots=True)
class Tally:
    """Counts by name, findings in the order in which they were made, and where cars went."""

    say: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    moved: list[CarMoved] = field(default_factory=list)
    plates: list[Plate] = field(default_factory=list)
    exit_waits_ms: list[int] = field(default_factory=list)
    """From the line at an exit to the arm up, where nothing was wrong there."""

    def found(self, invariant: str, detail: str) -> None:
        """Take down, once, what must not be, and say so."""
        finding = Finding(invariant, detail)
        if finding not in self.findings:
            self.findings.append(finding)
            self.say(f"FOUND {invariant}: {detail}")

    def car(self, at_ms: int, gate_id: str, driver: str, plate: Plate, to: At) -> None:
        self.moved.append(CarMoved(at_ms, gate_id, driver, plate, to))
        if to in (At.THROUGH, At.GONE):
            self.counts[f"{gate_id} {'through' if to is At.THROUGH else 'backed out'}"] += 1

    def through(self, direction: str) -> int:
        """How many cars came through all lanes that are entries, or exits."""
        return sum(n for name, n in self.counts.items() if f".{direction}-" in name and name.endswith(" through"))
