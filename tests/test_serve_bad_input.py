"""What strangers and accidents send to the server."""

import asyncio
import socket
import struct
import zlib

import pytest

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")

from aiohttp import FormData
from test_serve import PICTURE, SLEEPER, client, ended, folders, queue  # noqa: F401
from unclip_graph.headless.command.cli import main
from unclip_graph.headless.serve import app as serve_app
from unclip_graph.headless.serve.context import SERVER
from unclip_graph.headless.serve.jobs import Job
from unclip_graph.headless.serve.store import JobStore
from unclip_graph.pipelines.errors import UnclipError


def bomb():
    """A PNG of a few bytes that says that it is of 3.6 gigapixels."""

    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_a_bomb_is_no_picture(folders):  # noqa: F811
    async def scenario():
        async with client(folders) as served:
            form = FormData()
            form.add_field("image", bomb(), filename="b.png", content_type="image/png")
            assert (await served.post("/upload/image", data=form)).status == 400
            form = FormData({"file_path": "b.png", "content_type": "image/png"})
            form.add_field("file", bomb(), filename="b.png", content_type="image/png")
            assert (await served.post("/api/v2/assets", data=form)).status == 400
            assert not (folders / "input" / "b.png").exists()

    asyncio.run(scenario())


def test_a_websocket_that_floods_or_leaves_stops_nothing(folders):  # noqa: F811
    (folders / "sleeper.py").write_text(SLEEPER)

    async def scenario():
        async with client(folders, packs=[folders / "sleeper.py"]) as served:
            socket = await served.ws_connect("/ws?clientId=me")
            sleep = {"1": {"class_type": "Sleeper", "inputs": {"seconds": 0.2}}}
            id = await queue(served, sleep, client_id="me")
            for text in ("[" * 10_000, "{", "null", "1e999", '{"type": 1}') * 50:
                await socket.send_str(text)
            await socket.send_bytes(b"\0" * 1000)
            await socket.close()
            assert (await ended(served, id))["status"] == "completed"
            assert (await served.get("/health")).status == 200

    asyncio.run(scenario())


def test_of_two_who_cancel_a_job_one_does(folders):  # noqa: F811
    (folders / "sleeper.py").write_text(SLEEPER)

    async def scenario():
        async with client(folders, packs=[folders / "sleeper.py"]) as served:
            sleep = {"1": {"class_type": "Sleeper", "inputs": {"seconds": 600.0}}}
            running, waiting = [await queue(served, sleep) for _ in "ab"]
            path = f"/api/jobs/{waiting}/cancel"
            both = await asyncio.gather(served.post(path), served.post(path))
            assert sorted([(await one.json())["cancelled"] for one in both]) == [False, True]
            while (await (await served.get(f"/jobs/{running}")).json())["status"] == "pending":
                await asyncio.sleep(0.02)
            path = f"/api/jobs/{running}/cancel"
            await asyncio.gather(served.post(path), served.post(path))
            assert (await ended(served, running))["status"] == "cancelled"

    asyncio.run(scenario())


def test_a_full_disk_is_said_and_costs_only_what_it_must(folders):  # noqa: F811
    large = {"9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}, "x": "y" * 10**6}}

    async def scenario():
        async with client(folders) as served:
            db = served.app[SERVER].store._db
            (pages,) = db.execute("PRAGMA page_count").fetchone()
            db.execute(f"PRAGMA max_page_count = {pages + 8}")
            refused = await served.post("/prompt", json={"prompt": {**PICTURE, **large}})
            assert refused.status == 507
            assert "disk full" in (await refused.json())["error"]
            db.execute("PRAGMA max_page_count = 100000")
            assert (await ended(served, await queue(served)))["status"] == "completed"

    asyncio.run(scenario())


def test_a_half_written_queue_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    for i in range(50):
        store.add(Job(str(i), float(i), {"1": {"x": "y" * 1000}}, [], {}))
    store.close()
    whole = path.read_bytes()
    for broken in (b"no database at all", whole[: len(whole) // 2], b"\0" * 4096 + whole[4096:]):
        path.write_bytes(broken)
        with pytest.raises(UnclipError, match="move the file away"):
            JobStore(path)


def test_without_the_editor_or_a_port_the_reason_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        words = ["serve", "--no-browser", "--port", str(busy.getsockname()[1])]
        if serve_app.importlib.util.find_spec(serve_app.EDITOR_PACKAGE):
            assert main(words) == 2
            assert "is another server running there?" in capsys.readouterr().err
    monkeypatch.setattr(serve_app, "EDITOR_PACKAGE", "no_such_package")
    assert main(["serve", "--no-browser", "--port", "0"]) == 2
    assert "pip install 'unclip-graph[serve]'" in capsys.readouterr().err
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "a token is needed" in capsys.readouterr().err
