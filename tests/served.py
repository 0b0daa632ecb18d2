"""`unclip serve` in a thread, for tests whose clients block."""

import asyncio
import threading
from pathlib import Path

from aiohttp import web
from unclip_graph.headless import runner
from unclip_graph.headless.serve.app import application
from unclip_graph.headless.serve.context import SERVER


class Served:
    """Serves on a free port, with folders below ``base``, until it is closed."""

    def __init__(self, base: Path, port: int = 0, **settings):
        made = self.runner = runner.Runner(inputs=[base / "input"], output=base / "output")
        editor = base / "editor"
        editor.mkdir(parents=True, exist_ok=True)
        (editor / "index.html").write_text("the editor")
        self.app = application(made, user=base / "user", editor=editor, **settings)
        self.app.middlewares.append(self._middleware())
        self.store = self.app[SERVER].store
        self.failing = {}
        """Errors to answer with: by the start of a path, statuses in turn."""
        self._loop = asyncio.new_event_loop()
        self._site = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._do(self._start(port))
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self):
        if self._loop.is_closed():
            return
        self._do(self._site.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def paused(self):
        """A context in which no job gets its turn."""
        return runner._ongoing

    def ids(self, *statuses):
        return [job.id for job in self.store.list(statuses)]

    def lose(self):
        """Forget every job, as a server does that keeps them in memory and starts again."""
        self.store._write("DELETE FROM jobs")

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _start(self, port):
        await self._site.setup()
        await web.TCPSite(self._site, "127.0.0.1", port).start()
        return self._site.addresses[0][1]

    def _middleware(self):
        @web.middleware
        async def fails(request, handler):
            for start, statuses in self.failing.items():
                if request.path.startswith(start) and statuses:
                    return web.Response(status=statuses.pop(0), text="no")
            return await handler(request)

        return fails
