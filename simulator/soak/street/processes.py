"""The processes of a run as the operating system shows them: their memory, and whether one has ended of itself."""

import asyncio
import time
from collections.abc import Sequence

from simulator.demo.supervisor import Supervisor
from simulator.soak.street.memory import Memory
from simulator.soak.street.tally import Tally
from simulator.soak.street.trouble import DOWN, Trouble, now_ms
from simulator.world.campaign import OWN_FAILURE

LOOK_EVERY_S, SAMPLE_EVERY_S = 1.0, 15.0
DIED_MS = 5_000
"""So long after a kill its process may still be the one that is not there."""


class Processes:
    """Looks at `names`; a process that is another one than before, and was not killed, is a finding."""

    def __init__(self, supervisor: Supervisor, names: Sequence[str], trouble: Trouble, tally: Tally) -> None:
        self.memory = Memory()
        self._supervisor = supervisor
        self._names = names
        self._trouble = trouble
        self._tally = tally
        self._ids: dict[str, int] = {}

    async def watch(self) -> None:
        """Until cancelled."""
        sampled_s = 0.0
        while True:
            now_s = time.monotonic()
            is_due = now_s - sampled_s >= SAMPLE_EVERY_S
            for name in self._names:
                self._look(name, now_s, is_due=is_due)
            sampled_s = now_s if is_due else sampled_s
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self, name: str, now_s: float, *, is_due: bool) -> None:
        process_id = self._supervisor.process_id(name)
        if process_id is None:
            return
        before = self._ids.get(name)
        self._ids[name] = process_id
        if before not in (None, process_id) and not self._trouble.felt(name, DOWN, now_ms(), DIED_MS):
            self._tally.found(OWN_FAILURE, f"{name} ended of itself and was started again")
        if is_due or before != process_id:
            self.memory.sample(name, process_id, now_s)
