"""One gate process: its devices, its plate reader, its local interface, and a service for the lane on one store.

    on the disk --- the disk fails ---> in memory --- it works again, and the hub has all ---> on the disk

Where the disk fails, at the start or at any time after it, another service goes on at once with a store in memory
(`spare.py`), with the devices as they then are: whoever stands in the lane is looked at anew. It is another run of
this gate for the hub, as after any start, and tells its facts straight on. Pins, camera and reader stay as they are
meanwhile, and so does what raises the arm in a fire.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack, suppress
from importlib.metadata import version
from typing import Any

from cloud_sync.link.host import Host, this_machine
from cloud_sync.link.log import Position
from cloud_sync.link.process import bound_socket, serve_http
from cloud_sync.link.store import STORE_FAILS, Store, is_failing
from cloud_sync.link.systemd import keep_saying_it_is_well
from domain.errors import OperatorError
from gate_firmware.service import GateService
from gate_firmware.settings import GateSettings
from gate_firmware.spare import Spare, bring_home, tried
from hardware.lane import Lane as Devices
from lpr.pipeline import pipeline
from lpr.plate_formats import PlateFormats
from lpr.reader import PlateReader, engine
from lpr.region import Region

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

CONNECTIONS_MAX = 64
"""To the local interface: some screens and a keypad."""

TRY_EVERY_S = 3_600.0
"""How often a disk that has failed is tried again."""

QUIET_EVERY_S = 2.0
"""How often to look, once the disk works again, whether nobody is in the lane and the hub has all."""

LOOK_EVERY_S = 5.0
"""How often to look whether the store's files are still those that this process has open."""

DETAIL_MAX = 300
"""Signs of why, in an alarm."""


class GateProcess:
    """One lane's process, through all its stores."""

    def __init__(self, settings: GateSettings, host: Host | None = None) -> None:
        self._settings = settings
        self._host = host or this_machine(settings.clock.said, settings.store.floor)
        self._spare = Spare(settings.store.path, settings.gate.gate_id)
        self._stores = ExitStack()
        self._service: GateService | None = None
        self._has_begun = asyncio.Event()

    async def run(self) -> None:
        """Serve the lane until cancelled, once. Raises OperatorError where pins or port are not to be had, the
        store is another's, or the hub has said that this lane is the other way.

        What is a bug ends the process: its pins go to their safe levels, and it is started anew with the lane as it
        then is.
        """
        settings = self._settings
        with self._stores, bound_socket(LOOPBACK, settings.api.port) as listening:
            async with Devices.from_wiring(settings.hardware) as self._devices, asyncio.TaskGroup() as self._tasks:
                self._reader = asyncio.ensure_future(asyncio.to_thread(_lane_reader, settings))
                self._tasks.create_task(serve_http(self._api(), listening, self._ending, CONNECTIONS_MAX))
                self._tasks.create_task(keep_saying_it_is_well(self._is_served))
                self._tasks.create_task(self._say_what_is_served(listening.getsockname()[1]))
                try:
                    await self._go_on()
                finally:
                    self._reader.cancel()

    async def _say_what_is_served(self, api_port: int) -> None:
        """One line for whoever has started it: which lane this is, and where it can be asked."""
        await self._has_begun.wait()
        lane = self._settings.gate
        told = {"version": version("gatehouse"), "gate": lane.gate_id, "direction": lane.direction}
        told |= {"store": self._settings.store.path, "api_port": api_port}
        if self._devices.control_port is not None:
            told["control_port"] = self._devices.control_port
        log.info("gate.serving", extra=told)

    async def _go_on(self) -> None:
        try:
            store = self._kept(Store(self._settings.store.path))
        except OperatorError as error:
            if error.code != STORE_FAILS:
                raise
            store = await self._in_memory(error)
        while True:
            store = await self._in_memory(await self._on_disk(store))

    async def _on_disk(self, store: Store) -> Exception:
        """Serve the lane on this store until it fails; how it has failed."""
        failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        store.when_failed = lambda error: None if failed.done() else failed.set_result(error)
        try:
            service = GateService(self._settings, self._host, store)
            if self._service is None:
                service.check_direction()
        except sqlite3.DatabaseError as error:
            if not is_failing(error):
                raise
            return error
        work = self._tasks.create_task(_until_it_fails(self._serving(service)))
        ahead = self._tasks.create_task(self._spare.keep_ahead(store))
        gone = self._tasks.create_task(_until_it_is_gone(store))
        await asyncio.wait((failed, work, gone), return_when=asyncio.FIRST_COMPLETED)
        why = next(ended for ended in (failed, work, gone) if ended.done()).result()
        for task in (ahead, work, gone):
            task.cancel()
        self._tasks.create_task(_left(work, store))  # its link may take its leave for a while: a car may be waiting
        return why

    async def _in_memory(self, why: Exception) -> Store:
        """Serve the lane from memory until the disk works again; the store on it."""
        log.critical("gate.store_failed", extra={"why": str(why)})
        written = Position() if self._service is None else self._service.journal.written
        store, has_untold = await self._spare.take(written)
        memory = self._kept(store)
        while True:
            service = GateService(self._settings, self._host, memory)
            service.alarm("store-failed", f"this gate goes on in memory: {why}"[:DETAIL_MAX])
            if not has_untold:
                service.log_lost("the disk gives nothing back: what was written since the last copy may be gone")
                has_untold = True
            work = self._tasks.create_task(self._serving(service))
            disk = self._kept(await self._tried_until_it_works())
            await _quiet(service)
            work.cancel()
            await asyncio.wait((work,))
            try:
                await asyncio.to_thread(bring_home, service.journal, disk)
            except sqlite3.DatabaseError as error:
                why = error
                disk.close()
            else:
                log.warning("gate.store_back")
                return disk

    async def _serving(self, service: GateService) -> None:
        """Have this service serve the lane from now on."""
        self._service = service
        self._has_begun.set()
        await service.serve(self._devices, self._reader)

    async def _tried_until_it_works(self) -> Store:
        while True:
            await asyncio.sleep(TRY_EVERY_S)
            try:
                return await asyncio.to_thread(tried, self._settings.store.path, self._settings.gate.gate_id)
            except (OperatorError, sqlite3.Error) as error:
                log.info("gate.store_fails_still", extra={"why": str(error)})

    def _api(self) -> Callable[[Any, Any, Any], Awaitable[None]]:
        """The local interface: that of the service of the moment."""

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            await self._has_begun.wait()
            assert self._service is not None, "one has begun"
            await self._service.api(scope, receive, send)

        return answer

    def _ending(self) -> None:
        if self._service is not None:
            self._service.let_screens_go()

    async def _is_served(self) -> bool:
        return self._service is not None and await self._service.is_served()

    def _kept(self, store: Store) -> Store:
        """A store that is closed at the end, if not before."""
        self._stores.callback(store.close)
        return store


def _lane_reader(settings: GateSettings) -> PlateReader:
    """Load the lane's plate reader, which reads where its cars have their plates."""
    wanted = settings.reader
    reader = engine(wanted.engine, wanted.threads, models=wanted.models, network=wanted.network)
    camera = settings.hardware.camera
    return pipeline(
        reader,
        region=Region(**camera.region.model_dump()) if camera and camera.region else None,
        formats=PlateFormats(wanted.countries) if wanted.countries else None,
    )


async def _until_it_fails(serving: Coroutine[Any, Any, None]) -> Exception:
    """How the store of a service fails; whatever else ends it is raised."""
    try:
        await serving
    except BaseExceptionGroup as errors:
        failures, others = errors.split(lambda error: isinstance(error, sqlite3.DatabaseError) and is_failing(error))
        if failures is None or others is not None:
            raise
        return _first(failures)
    raise AssertionError("a service runs until it is cancelled")


async def _until_it_is_gone(store: Store) -> Exception:
    """How the files of a store fail that were deleted, or replaced, while it is in use."""
    while store.is_in_place:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(LOOK_EVERY_S)
    return OperatorError(STORE_FAILS, "the store's files were deleted or replaced while the gate was running")


async def _quiet(service: GateService) -> None:
    """Until nobody is in the lane, and the hub has all that was written down."""
    while not (service.is_at_rest and service.is_told):  # noqa: ASYNC110  nothing tells of both
        await asyncio.sleep(QUIET_EVERY_S)


async def _left(work: "asyncio.Task[Exception]", store: Store) -> None:
    """Let go of a store that has failed, in a thread of its own: the disk may take its time."""
    await asyncio.wait((work,))
    with suppress(sqlite3.Error):
        await asyncio.to_thread(store.close)


def _first(errors: BaseExceptionGroup[BaseException]) -> Exception:
    first = errors.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first(first)
    assert isinstance(first, Exception), "no store fails with less"
    return first
