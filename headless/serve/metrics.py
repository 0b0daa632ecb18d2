"""Numbers for Prometheus at ``/metrics``, in its text format; the worker is not asked."""

from __future__ import annotations

import logging
import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from .context import SERVER, Handler
from .jobs import STATUSES
from .log import say

BOUNDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Seconds that jobs are counted by."""


@dataclass
class Metrics:
    """What happened since the server started."""

    started: float = field(default_factory=time.time)
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    seconds: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total_seconds: float = 0.0

    def job_ended(self, status: str, seconds: float) -> None:
        """A job has ended after so long."""
        self.ended[status] += 1
        self.seconds[bisect_left(BOUNDS, seconds)] += 1
        self.total_seconds += seconds


METRICS = web.AppKey("metrics", Metrics)


@web.middleware
async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer by its status, and log it for whoever listens to that much."""
    start, status = time.perf_counter(), 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        request.app[METRICS].requests[request.method, status] += 1
        say(
            "request",
            logging.DEBUG,
            method=request.method,
            path=request.path,
            status=status,
            ms=round(1000 * (time.perf_counter() - start), 1),
            remote=request.remote,
        )


async def answer(request: web.Request) -> web.Response:
    """The numbers."""
    server, found = request.app[SERVER], request.app[METRICS]
    jobs = {status: 0 for status in STATUSES} | server.store.counts()
    lines = [
        *_family("unclip_jobs", "gauge", "Jobs on disk.", _by("status", jobs)),
        *_family("unclip_jobs_ended_total", "counter", "Runs.", _by("status", found.ended)),
        *_histogram(found),
        *_family(
            "unclip_http_requests_total",
            "counter",
            "Answers.",
            {
                f'{{method="{method}",status="{status}"}}': n
                for (method, status), n in sorted(found.requests.items())
            },
        ),
        *_family("unclip_websockets", "gauge", "Clients.", {"": server.hub.connected}),
        *_family("process_start_time_seconds", "gauge", "Start.", {"": found.started}),
    ]
    if (memory := resident_memory()) is not None:
        lines += _family("process_resident_memory_bytes", "gauge", "Memory.", {"": memory})
    return web.Response(
        text="\n".join(lines) + "\n",
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


def _by(label: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f'{{{label}="{name}"}}': value for name, value in values.items()}


def _family(name: str, kind: str, help: str, values: Mapping[str, float]) -> Iterable[str]:
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        yield f"{name}{labels} {value}"


def _histogram(found: Metrics) -> Iterable[str]:
    name, below = "unclip_job_seconds", 0
    yield f"# HELP {name} How long runs took."
    yield f"# TYPE {name} histogram"
    for bound, count in zip((*BOUNDS, "+Inf"), found.seconds, strict=True):
        below += count
        yield f'{name}_bucket{{le="{bound}"}} {below}'
    yield f"{name}_sum {found.total_seconds}"
    yield f"{name}_count {below}"


def resident_memory() -> int | None:
    """Bytes of this process in memory, where the system tells."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return None
