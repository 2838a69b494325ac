"""A lane's shell on one store: carries loops, arm and camera into the lane's core, and its commands out, in order."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from cloud_sync.link import topics
from cloud_sync.link.clock_watch import ClockWatch
from cloud_sync.link.host import Host
from cloud_sync.link.journal import Journal
from cloud_sync.link.pipe import FactReceiver, FactSender
from cloud_sync.link.pruning import Pruning
from cloud_sync.link.receiving import Receiver
from cloud_sync.link.seal import Seal
from cloud_sync.link.sending import Sender
from cloud_sync.link.store import Store
from cloud_sync.link.unit import Unit
from cloud_sync.link.v1.facts import AlarmRaised, Direction, GateDecided, LaneModeChanged
from cloud_sync.link.v1.messages import Ack, Reply
from domain.errors import GatehouseError, Refused, TryLater
from domain.fact import Fact
from domain.tries import Tries
from gate_firmware.api import local_api
from gate_firmware.camera_sight import CameraSight
from gate_firmware.car_log import CarLog
from gate_firmware.challenge import Challenge
from gate_firmware.compared import ComparedReplica
from gate_firmware.deciding import Judge
from gate_firmware.devices import Eyes, LaneDevices
from gate_firmware.direction import DirectionCheck
from gate_firmware.events import CodeSeen, Command, Look, LookAway, Looked, LookForCode, ModeSet, Said
from gate_firmware.frames import FrameKeeper
from gate_firmware.hub_presence import HubPresence
from gate_firmware.keypad import TypedIds
from gate_firmware.lane import Lane
from gate_firmware.lane_states import State
from gate_firmware.looking import Looker
from gate_firmware.replica import Replica
from gate_firmware.requests import Requests
from gate_firmware.screens import Screens
from gate_firmware.settings import GateSettings
from gate_firmware.shell import Shell
from gate_firmware.spare import IN_MEMORY
from gate_firmware.waiting import Asked, Probe, Waiting
from hardware.camera import NoCamera
from hardware.lane import Lane as Devices
from lpr.blindness import Blindness
from lpr.qr import QrChain
from lpr.reader import PlateReader

log = logging.getLogger(__name__)

ANSWER_S = 2
"""How long somebody who names a car waits for the lane: only one that is about to end takes so long."""


OVERDUE_MS_MAX = 2_000
"""Where a lane is not woken for so long after it had to be, nobody watches its arm and its car any more."""


class GateService:
    """One run of a lane on one store: its devices, its link to the hub, its local interface."""

    def __init__(self, settings: GateSettings, host: Host, store: Store | None = None) -> None:
        """`store` is open, in place of the one that the settings name."""
        self._settings = settings
        self._clock, self._boot = host.clock, host.boot
        self._clock_watch = ClockWatch(host.clock, host.keep_floor, self._clock_alarm)
        gate_id, direction = settings.gate.gate_id, settings.gate.direction
        lot_id = gate_id.partition(".")[0]
        self._lot_id = lot_id
        self._store = store or Store(settings.store.path)
        self._store.claim(gate_id)
        self._seal = settings.keys.plate.parse(Seal.from_hex)
        self._journal = Journal(self._store, gate_id, self._boot)
        # An exit lets nobody in: no word of it is waited for.
        self._replica = Replica(self._store, self._withdrawn if direction is Direction.ENTRY else None)
        self._journal.when_renumbered = self._replica.renumbered
        self._lane = Lane(
            direction=direction,
            journal=self._journal,
            boot=self._boot,
            replica=self._replica,
            judge=Judge(direction, lot_id, self._replica, self._seal),
            timing=settings.timing,
            barrier=settings.hardware.barrier,
            new_passage=lambda: secrets.token_hex(8),
        )
        self._challenge = Challenge(lambda: secrets.token_hex(16), self._clock())
        self._status_changed = asyncio.Event()
        self._unit = Unit(self._journal, host, topics.gate_status(gate_id), self._fenced, self._in_status)
        self._log_lost = False
        self._link = self._unit.connect(settings.broker, parent="the hub")
        up = Sender(self._journal, lot_id, self._unit.tenure, self._take_back, parent=True)
        self._pruning = self._pruned()
        self._sender = FactSender(self._link, topics.gate_facts(gate_id, "up"), up, self._clock, self._boot)
        self._unit.senders.append(self._sender)
        self._direction = DirectionCheck(gate_id, direction, self.alarm)
        down = Receiver(
            lot_id,
            self._journal,
            self._apply,
            self.alarm,
            forget=self._replica.forget,
            copy=ComparedReplica(self._store),
        )
        heard = topics.gate_facts(gate_id, "down")
        self._unit.receivers.append(FactReceiver(self._link, heard, down, self._take_in, lambda: self._unit.is_granted))
        self._requests = Requests(gate_id, direction, self._challenge, self._ask, self._clock)
        self._link.serve(topics.gate_requests(gate_id, "+"), self._asked)
        keypad = Tries("ids", tries_max=settings.keypad.tries_max, locked_s=settings.keypad.locked_s)
        self.typed_ids = TypedIds(keypad, self._ask, lambda typed: self._replica.right(typed) is not None, self._clock)
        self._screens = Screens()
        hub = HubPresence(self._link, lot_id, self._sender, self._screens.changed)
        self._waiting = Waiting()
        self._wake = asyncio.Event()
        self.api = local_api(gate_id, direction, self._lane, self._journal, hub, self.typed_ids, self._screens)
        """The local interface."""
        self._look: asyncio.Task[None] | None = None
        self._keep_frames: Callable[[str], None] = lambda _passage_id: None
        self._decided = self._journal.last_own(GateDecided.kind)
        self._car_log = CarLog(self._journal, self._clock())

    @property
    def journal(self) -> Journal:
        return self._journal

    @property
    def replica(self) -> Replica:
        """What this gate knows of its lot: what it may expect to see."""
        return self._replica

    def check_direction(self) -> None:
        """Raises OperatorError where the hub has said that this lane is the other way; for the start of a process."""
        self._direction.at_start(self._journal)

    def let_screens_go(self) -> None:
        """End the streams of whoever follows the lane: the process ends."""
        self._screens.close()

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody is in the lane."""
        return self._lane.state is State.IDLE

    @property
    def is_told(self) -> bool:
        """Whether the hub has all that this gate has written down."""
        last = self._journal.marks(1)
        return self._sender.met and all(mark.position <= self._journal.acknowledged(self._lot_id) for mark in last)

    async def serve(self, devices: Devices, loading: asyncio.Future[PlateReader]) -> None:
        """Serve the lane until cancelled, once, with its camera's pictures read by the reader that is `loading`.

        What is a bug, or a store that fails, ends it.
        """
        sight = CameraSight(devices.camera, lambda: self._clock().mono_ms)
        looker = Looker(
            sight,
            loading,
            self._code_reader(),
            self._replica,
            self._seal,
            self._clock,
            look_ms_max=self._settings.timing.look_ms_max(self._settings.gate.direction),
            one_will_do=self._settings.gate.direction is Direction.EXIT,
            picture=lambda: sight.picture,
        )
        with closing(looker), closing(self._screens):
            async with asyncio.TaskGroup() as tasks:
                if not self._store.is_in_memory:
                    tasks.create_task(self._kept_frames(looker).run())
                tasks.create_task(self.work(devices, looker))
                tasks.create_task(self._watch_the_reader(loading))
                if not isinstance(devices.camera, NoCamera):
                    tasks.create_task(sight.run(self._camera_lasts))
                tasks.create_task(self._clock_watch.run())

    def _kept_frames(self, looker: Looker) -> FrameKeeper:
        def keep() -> timedelta:
            return timedelta(hours=self._replica.policy.frames_kept_h)

        keeper = FrameKeeper(self._settings.store.frames, self._seal, self._clock, keep)
        self._keep_frames = lambda passage_id: keeper.add(passage_id, looker.frames_of(passage_id))
        return keeper

    async def work(self, devices: LaneDevices, looker: Eyes) -> None:
        """Be the lane's gate with these devices, without a local interface, until cancelled."""
        self._shell, self._looker = Shell(devices, self._do_look), looker
        async with asyncio.TaskGroup() as self._tasks:
            self._begin()
            self._tasks.create_task(self._carry_events())
            self._tasks.create_task(self._wake_the_lane())
            self._tasks.create_task(self._link.run())
            self._tasks.create_task(self._sender.run())
            self._tasks.create_task(self._unit.watch())
            self._tasks.create_task(self._pruning.run())
            self._tasks.create_task(self._tell_status())

    def _begin(self) -> None:
        """Listen to the devices, and begin with them as they are."""
        self._waiting.begin()
        inputs = self._shell.listen(self._waiting.changed)
        self._shell.listen_for_faults(self._waiting.broken)
        self._perform(self._lane.start(inputs, self._clock()))

    async def _carry_events(self) -> None:
        while True:
            match await self._waiting.next():
                case Asked() as asked:
                    self._answer(asked)
                case Probe(answered):
                    if not answered.done():
                        answered.set_result(None)
                case event:
                    self._perform(self._lane.handle(event, self._clock()))

    async def is_served(self) -> bool:
        """Whether the lane is: what happens there is carried to it, and it is woken in time. Waits until that is sure,
        so without end where it hangs."""
        await self._waiting.probe()
        wakeup_ms = self._lane.next_wakeup_ms()
        return wakeup_ms is None or self._clock().mono_ms - wakeup_ms < OVERDUE_MS_MAX

    async def _watch_the_reader(self, loading: asyncio.Future[PlateReader]) -> None:
        """Without a reader the lane goes on: cars are asked, and whoever is inside gets out."""
        try:
            await asyncio.shield(loading)
        except Exception as error:
            log.error("gate.reader_missing", extra={"why": str(error)}, exc_info=not isinstance(error, GatehouseError))
            why = error.message if isinstance(error, GatehouseError) else type(error).__name__
            self.alarm("reader-missing", f"no plate is read: {why}")
            self._sender.nudge()

    def _code_reader(self) -> QrChain:
        codes = QrChain()
        if codes.missing is not None:
            log.warning("gate.zbar_missing", extra={"why": codes.missing.message})
        return codes

    async def _ask(self, said: Said) -> Fact:
        """Ask something of the lane; the decision, or what else follows, as it is stored.

        It is done among the lane's other events: what fails there ends the unit, and not this call alone.
        """
        answer = self._waiting.ask(said)
        if answer is None:
            raise TryLater("lane_busy", "too many ask at once", retry_after_s=ANSWER_S)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            raise TryLater("lane_busy", "the lane has not answered", retry_after_s=ANSWER_S) from None

    def _answer(self, asked: Asked) -> None:
        if asked.answer.done():
            return  # whoever asked waits no more
        try:
            commands = self._lane.handle(asked.said, self._clock())
        except (Refused, TryLater) as refused:
            asked.answer.set_exception(refused)
            return
        self._perform(commands)
        kind = LaneModeChanged.kind if isinstance(asked.said, ModeSet) else GateDecided.kind
        stored = self._journal.last_own(kind)
        assert stored is not None, "a lane that takes what it is told has written it down"
        asked.answer.set_result(stored)

    async def _asked(self, topic: str, payload: bytes) -> Reply:
        try:
            return await self._requests.serve(topic, payload)
        finally:
            self._status_changed.set()

    async def _tell_status(self) -> None:
        """Say in this gate's status what the challenge is after each request, and the mode that came back; a link that
        comes up does by itself."""
        while True:
            await self._status_changed.wait()
            self._status_changed.clear()
            await self._unit.tell_status()

    async def _take_in(self, call: Callable[[], Ack]) -> Ack:
        """What the hub tells may have led to a fact of this gate's own."""
        ack = call()
        self._sender.nudge()
        return ack

    def _apply(self, fact: Fact) -> None:
        self._replica.apply(fact)
        self._direction.heard(fact)

    def _withdrawn(self, reservation_id: str, revision: int) -> None:
        self._lane.withdrawn(reservation_id, revision, self._clock())

    def alarm(self, alarm: str, detail: str) -> None:
        """Write an alarm down; docs/running.md lists them."""
        with self._journal.transaction():
            self._journal.append(AlarmRaised(alarm=alarm, detail=detail), self._clock())

    def _camera_lasts(self, blindness: Blindness | None) -> None:
        if blindness is None:
            log.info("gate.camera_sees")
        else:
            log.warning("gate.camera_blind", extra={"why": blindness.value})
        self._lane.camera_lasts(blindness, self._clock())
        self._sender.nudge()

    def _clock_alarm(self, alarm: str, detail: str) -> None:
        self.alarm(alarm, detail)
        self._sender.nudge()

    async def _wake_the_lane(self) -> None:
        while True:
            wakeup_ms = self._lane.next_wakeup_ms()
            pause_s = None if wakeup_ms is None else max(wakeup_ms - self._clock().mono_ms, 0) / 1000
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                self._perform(self._lane.woken(self._clock()))
            self._wake.clear()

    def _perform(self, commands: list[Command]) -> None:
        """Carry the core's commands out, and whoever else wants to know hears that something has happened."""
        self._shell.perform(commands)
        self._sender.nudge()
        self._wake.set()
        self._screens.changed()
        self._keep_frames_of_decision()
        self._car_log.tell()

    def _keep_frames_of_decision(self) -> None:
        """Of one that has just been made: its commands are carried out."""
        decided = self._journal.last_own(GateDecided.kind)
        if decided is None or (self._decided is not None and decided.payload == self._decided.payload):
            return  # by what it says: its number may have changed
        self._decided = decided
        self._keep_frames(decided.payload["passage_id"])

    def _do_look(self, command: Look | LookForCode | LookAway) -> None:
        if self._look is not None:
            self._look.cancel()
        match command:
            case Look(passage_id):
                self._look = self._tasks.create_task(self._report(self._looker.look(passage_id)))
            case LookForCode(passage_id, but):
                self._look = self._tasks.create_task(self._report(self._looker.look_for_code(passage_id, but)))
            case LookAway():
                self._look = None

    async def _report(self, look: Coroutine[Any, Any, Looked | CodeSeen]) -> None:
        self._waiting.looked(await look)

    def _in_status(self) -> dict[str, Any]:
        return {"challenge": self._challenge.current, "mode": self._lane.mode}

    def _pruned(self) -> Pruning:
        keep, subscribers = self._settings.store.keep, [self._lot_id]
        if not self._store.is_in_memory:
            return Pruning(self._journal, keep, subscribers, self._clock, own=self._settings.store.own)
        return Pruning(
            self._journal,
            keep,
            subscribers,
            self._clock,
            own=IN_MEMORY,
            others=IN_MEMORY,
            lost=lambda: self.log_lost("the hub was away for too long: what happened first in memory was forgotten"),
        )

    def log_lost(self, detail: str) -> None:
        """Tell, once in a run, that some of this gate's own log may be gone that the hub has not heard."""
        if not self._log_lost:
            self._log_lost = True
            self.alarm("log-lost", detail)

    def _fenced(self, detail: str) -> None:
        """Whoever may pass passes here as ever; but the hub hears another gate in this one's name."""
        self.alarm("fenced", detail)

    def _take_back(self, facts: Sequence[Fact]) -> None:
        with self._journal.transaction():
            lost = self._replica.take_back(self._journal, facts, insert=self._unit.tenure.may_insert)
            if lost:
                self.log_lost("the hub knows more of this gate's log: what it had not heard is gone")
        if lost:
            self._perform(self._lane.recovered(self._clock()))
            self._status_changed.set()
