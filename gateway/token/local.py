"""Workers and a pool in one process, without the supervisor: for tests, `token check` and benchmarks."""

import asyncio
import select
import time
from types import TracebackType

from gateway.errors import ConfigurationError
from gateway.token.pool import TokenPool
from gateway.token.settings import WorkerSettings
from gateway.token.workers import WorkerProcess, start_workers, worker_pair

WATCH_S = 0.1
RETRY_S = 0.5


class LocalWorkers:
    """`async with LocalWorkers(settings, 2) as pool:`; a worker that dies or hangs is replaced."""

    def __init__(self, settings: WorkerSettings, count: int = 1) -> None:
        self._settings = settings
        self._count = count
        self.workers: list[WorkerProcess] = []
        self.replaced = 0

    async def __aenter__(self) -> TokenPool:
        self.workers = await asyncio.to_thread(start_workers, self._settings, self._count)
        ready = self.workers[0].wait_ready()
        self.pool = TokenPool(ready.profile, ready.info)
        for worker in self.workers:
            self._join(worker)
        self._watcher = asyncio.create_task(self._watch())
        return self.pool

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)
        self.pool.close()
        for worker in self.workers:
            await asyncio.to_thread(worker.stop)

    def _join(self, worker: WorkerProcess) -> None:
        ours, theirs = worker_pair()
        with theirs:
            worker.add_front_end(theirs)
        self.pool.attach(worker.index, ours)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            for worker in list(self.workers):
                if worker.overdue(time.monotonic()) or worker.exit_code() is not None:
                    worker.kill()
                    await self._replace(worker)
                elif _asks_to_retire(worker):
                    await asyncio.to_thread(worker.stop)
                    await self._replace(worker)

    async def _replace(self, old: WorkerProcess) -> None:
        self.pool.detach(old.index)
        if not old.may_restart:
            self.workers.remove(old)
            return
        new = WorkerProcess(self._settings, old.index)
        self.workers[self.workers.index(old)] = new
        try:
            await asyncio.to_thread(new.wait_ready)
        except ConfigurationError:
            await asyncio.sleep(RETRY_S)  # it has ended, and the next round tries again, unless the PIN was refused
            return
        self._join(new)
        self.replaced += 1


def _asks_to_retire(worker: WorkerProcess) -> bool:
    readable, _, _ = select.select([worker.control], [], [], 0)
    return bool(readable) and worker.read_control() and worker.retiring
