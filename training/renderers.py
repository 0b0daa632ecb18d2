"""Processes that make batches of scenes ahead of the one that trains.

They are forked before anything touches the GPU, since CUDA does not survive a fork, and serve
one stream after another: a new one turns all of them to it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from .source import Made, SceneSource, Stream

_AHEAD = 2  # batches a process that wait to be unpacked, and as many that wait to be used
_PATIENCE = 60  # seconds


def _render(rank: int, jobs: Connection, made: Any) -> None:
    """Make batches for the newest stream until the trainer ends."""
    torch.set_num_threads(1)
    number, make, source = 0, None, None
    while True:
        while make is None or jobs.poll():
            try:
                number, make, source = jobs.recv()
            except EOFError:
                return
            source = source.other(number, rank)
        # As plain bytes: shared memory is scarce on some machines.
        made.put((number, pickle.dumps(make(source), pickle.HIGHEST_PROTOCOL)))


class Renderers:
    """``workers`` processes that render; to be started before CUDA is first used."""

    def __init__(self, workers: int):
        context = multiprocessing.get_context("fork")
        self._made = context.Queue(_AHEAD * workers)
        self._ready: queue.Queue[tuple[int, Any]] = queue.Queue(_AHEAD * workers)
        self._jobs: list[Connection] = []
        self._number = 0  # of the stream that is served
        for rank in range(workers):
            theirs, ours = context.Pipe(duplex=False)
            arguments = (rank, theirs, self._made)
            context.Process(target=_render, args=arguments, daemon=True).start()
            self._jobs.append(ours)
        threading.Thread(target=self._unpack, daemon=True).start()

    def _unpack(self) -> None:
        while True:
            number, packed = self._made.get()
            if number == self._number:
                self._ready.put((number, pickle.loads(packed)))

    def stream(self, make: Callable[[SceneSource], Made], source: SceneSource) -> Stream[Made]:
        """Turn to batches that ``make`` draws from sources like this one."""
        self._number += 1
        # What waits is of an older stream. While it does, nobody reads the news.
        with contextlib.suppress(queue.Empty):
            while True:
                self._ready.get_nowait()
        for jobs in self._jobs:
            jobs.send((self._number, make, source))
        return _Ahead(make, source, self, self._number)

    def take(self, number: int, wait: bool) -> Any:
        """The next batch of the stream with that number; without waiting, None if none is ready.

        Raises:
            RuntimeError: another stream is served, or none came in a minute.
        """
        if number != self._number:
            raise RuntimeError("The renderers serve another stream by now.")
        found = -1
        while found != number:
            try:
                found, batch = self._ready.get(wait, _PATIENCE)
            except queue.Empty:
                if wait:
                    raise RuntimeError("No renderer gave a batch in a minute.") from None
                return None
        return batch


class _Ahead(Stream[Made]):
    def __init__(
        self,
        make: Callable[[SceneSource], Made],
        source: SceneSource,
        renderers: Renderers,
        number: int,
    ):
        super().__init__(make, source)
        self.renderers, self.number = renderers, number

    def next(self) -> Made:
        made: Made = self.renderers.take(self.number, wait=True)
        return made

    def poll(self) -> Made | None:
        made: Made | None = self.renderers.take(self.number, wait=False)
        return made
