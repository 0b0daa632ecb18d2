"""``unclip serve`` as its clients meet it: HTTP, websockets, restarts."""

import asyncio
import io
import json
import struct
import uuid
from contextlib import asynccontextmanager

import pytest
from PIL import Image

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")

from aiohttp import FormData, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from unclip_graph.headless.runner import Runner, _ongoing
from unclip_graph.headless.serve.app import application
from unclip_graph.headless.serve.context import Limits
from unclip_graph.headless.serve.jobs import PENDING, Job
from unclip_graph.headless.serve.log import LOG
from unclip_graph.headless.serve.store import JobStore

PICTURE = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "red.png"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "made"}},
}


@pytest.fixture
def folders(tmp_path):
    editor = tmp_path / "editor"
    editor.mkdir()
    (editor / "index.html").write_text("the editor")
    (tmp_path / "input").mkdir()
    Image.new("RGB", (8, 6), "red").save(tmp_path / "input" / "red.png")
    return tmp_path


@asynccontextmanager
async def client(folders, packs=(), **settings):
    runner = Runner(inputs=[folders / "input"], output=folders / "output", packs=packs)
    app = application(runner, user=folders / "user", editor=folders / "editor", **settings)
    async with TestClient(TestServer(app)) as found:
        yield found


async def ended(client, id):
    while True:
        job = await (await client.get(f"/api/jobs/{id}")).json()
        if job["status"] not in ("pending", "in_progress"):
            return job
        await asyncio.sleep(0.02)


async def queue(client, prompt=PICTURE, **more):
    answer = await client.post("/prompt", json={"prompt": prompt, **more})
    return (await answer.json())["prompt_id"]


def test_a_prompt_runs_and_every_panel_tells_of_it(folders):
    async def scenario():
        async with client(folders) as served:
            id = await queue(served)
            job = await ended(served, id)
            assert job["status"] == "completed"
            assert job["outputs_count"] == 1
            assert job["preview_output"]["filename"] == "made_00001_.png"
            history = await (await served.get(f"/history/{id}")).json()
            (shown,) = history[id]["outputs"]["2"]["images"]
            assert history[id]["status"]["status_str"] == "success"
            listed = await (await served.get("/api/jobs?status=completed&limit=1")).json()
            assert [one["id"] for one in listed["jobs"]] == [id]
            assert listed["pagination"] == {"offset": 0, "limit": 1, "total": 1, "has_more": False}
            picture = await (await served.get("/view", params=shown)).read()
            assert Image.open(io.BytesIO(picture)).size == (8, 6)
            await served.post("/history", json={"delete": [id]})
            assert await (await served.get("/history")).json() == {}

    asyncio.run(scenario())


def test_the_websocket_tells_of_a_run_in_comfyuis_words(folders):
    async def scenario():
        async with client(folders) as served:
            socket = await served.ws_connect("/ws?clientId=me")
            await socket.send_json({"type": "feature_flags", "data": {}})
            id = await queue(served, client_id="me")
            seen = []
            async for message in socket:
                if message.type != WSMsgType.TEXT:
                    continue
                said = json.loads(message.data)
                seen.append(said["type"])
                if said["type"] == "executing" and said["data"]["node"] is None:
                    assert said["data"]["prompt_id"] == id
                    break
            assert seen[:2] == ["status", "feature_flags"]
            for one in ("execution_start", "progress_state", "executed", "execution_success"):
                assert one in seen

    asyncio.run(scenario())


def test_another_client_is_not_told_of_my_run(folders):
    async def scenario():
        async with client(folders) as served:
            other = await served.ws_connect("/ws?clientId=other")
            id = await queue(served, client_id="me")
            await ended(served, id)
            await other.send_json({"type": "feature_flags", "data": {}})
            seen = set()
            while "feature_flags" not in seen:
                seen.add((await other.receive_json())["type"])
            assert seen <= {"status", "feature_flags"}

    asyncio.run(scenario())


def test_a_prompt_with_problems_is_refused_by_node(folders):
    async def scenario():
        async with client(folders) as served:
            wrong = {**PICTURE, "1": {"class_type": "LoadImage", "inputs": {"image": "no.png"}}}
            answer = await served.post("/prompt", json={"prompt": wrong})
            assert answer.status == 400
            told = await answer.json()
            assert told["error"]["type"] == "prompt_outputs_failed_validation"
            assert list(told["node_errors"]) == ["1"]
            for body in ({}, {"prompt": []}, {"prompt": PICTURE, "prompt_id": "not a uuid"}):
                assert (await served.post("/prompt", json=body)).status == 400
            assert (await served.post("/prompt", data="[" * 100_000)).status == 400

    asyncio.run(scenario())


def test_freeing_forgets_results(folders):
    async def scenario():
        async with client(folders) as served:

            async def cached():
                messages = (await ended(served, await queue(served)))["execution_status"]
                return dict(messages["messages"])["execution_cached"]["nodes"]

            assert await cached() == []
            assert await cached() == ["1", "2"]
            await served.post("/free", json={"free_memory": True})
            assert await cached() == []

    asyncio.run(scenario())


def test_the_same_key_or_id_again_is_the_same_job(folders):
    async def scenario():
        async with client(folders) as served:
            id = str(uuid.uuid4())
            assert await queue(served, prompt_id=id) == await queue(served, prompt_id=id) == id
            keyed = {"json": {"prompt": PICTURE}, "headers": {"Idempotency-Key": "k"}}
            first, second = [await (await served.post("/prompt", **keyed)).json() for _ in "ab"]
            assert first["prompt_id"] == second["prompt_id"]

    asyncio.run(scenario())


def test_only_the_wanted_outputs_run(folders):
    async def scenario():
        async with client(folders) as served:
            twice = {**PICTURE, "3": {**PICTURE["2"], "inputs": {**PICTURE["2"]["inputs"]}}}
            id = await queue(served, twice, partial_execution_targets=["3"])
            assert list((await ended(served, id))["outputs"]) == ["3"]

    asyncio.run(scenario())


def test_what_waits_survives_and_what_ran_runs_again_once(tmp_path):
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    for i in range(3):
        store.add(Job(str(i), float(-i if i == 2 else i), {}, [], {}))
    assert store.take().id == "2"  # put before the others
    again = JobStore(path)  # the first died without a word
    assert [job.id for job in again.list([PENDING])] == ["2", "0", "1"]
    assert again.take().id == "2"
    last = JobStore(path)
    assert last.get("2").status == "failed"
    assert "twice" in last.get("2").messages[0][1]["exception_message"]
    assert [job.id for job in last.list([PENDING])] == ["0", "1"]


SLEEPER = """
import asyncio

class Sleeper:
    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "sleep"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"seconds": ("FLOAT", {"default": 0.0})}}

    @classmethod
    async def VALIDATE_INPUTS(cls, seconds):
        await asyncio.sleep(0)
        return seconds >= 0 or "nobody sleeps less than not at all"

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)
        return {"ui": {"text": ["awake"]}}

NODE_CLASS_MAPPINGS = {"Sleeper": Sleeper}
"""


def test_the_running_job_is_stopped_and_waiting_ones_leave_the_queue(folders):
    (folders / "sleeper.py").write_text(SLEEPER)

    async def scenario():
        async with client(folders, packs=[folders / "sleeper.py"]) as served:
            sleep = {"1": {"class_type": "Sleeper", "inputs": {"seconds": 60.0}}}
            running, waiting, last = [await queue(served, sleep) for _ in range(3)]
            while (await (await served.get(f"/jobs/{running}")).json())["status"] == "pending":
                await asyncio.sleep(0.02)
            listed = await (await served.get("/queue")).json()
            assert [entry[1] for entry in listed["queue_running"]] == [running]
            assert [entry[1] for entry in listed["queue_pending"]] == [waiting, last]
            for id in (waiting, running):
                stopped = await served.post(f"/api/jobs/{id}/cancel")
                assert (await stopped.json())["cancelled"]
                assert (await ended(served, id))["status"] == "cancelled"
            while (await (await served.get(f"/jobs/{last}")).json())["status"] == "pending":
                await asyncio.sleep(0.02)
            await served.post("/interrupt", json={"prompt_id": running})  # not the one that runs
            await served.post("/interrupt")
            assert (await ended(served, last))["status"] == "cancelled"
            again = await served.post(f"/api/jobs/{last}/cancel")
            assert not (await again.json())["cancelled"]

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["../../x.png", "/etc/x.png", "..\\x.png"])
def test_an_upload_stays_in_its_folder(folders, name):
    async def scenario():
        async with client(folders) as served:
            form = FormData()
            picture = (folders / "input" / "red.png").read_bytes()
            form.add_field("image", picture, filename=name, content_type="image/png")
            answer = await served.post("/upload/image", data=form)
            assert answer.status == 200
            kept = (await answer.json())["name"]
            assert (folders / "input" / kept).read_bytes() == picture
            form = FormData({"subfolder": "../.."})
            form.add_field("image", picture, filename="x.png", content_type="image/png")
            assert (await served.post("/upload/image", data=form)).status == 400

    asyncio.run(scenario())


def test_an_upload_must_be_a_picture_and_is_kept_once(folders):
    async def scenario():
        async with client(folders) as served:

            async def upload(content):
                form = FormData()
                form.add_field("image", content, filename="a.png", content_type="image/png")
                return await served.post("/upload/image", data=form)

            refused = await upload(b"no picture")
            assert refused.status == 400
            assert "no picture" in (await refused.json())["error"]
            red = (folders / "input" / "red.png").read_bytes()
            blue = io.BytesIO()
            Image.new("RGB", (3, 3), "blue").save(blue, "PNG")
            names = [(await (await upload(c)).json())["name"] for c in (red, red, blue.getvalue())]
            assert names == ["a.png", "a.png", "a (1).png"]

    asyncio.run(scenario())


def test_a_mask_becomes_the_transparency_of_its_picture(folders):
    async def scenario():
        async with client(folders) as served:
            mask = io.BytesIO()
            Image.new("RGBA", (8, 6), (0, 0, 0, 40)).save(mask, "PNG")
            original = {"filename": "red.png", "type": "input", "subfolder": ""}
            form = FormData({"original_ref": json.dumps(original), "subfolder": "clipspace"})
            form.add_field("image", mask.getvalue(), filename="m.png", content_type="image/png")
            told = await (await served.post("/upload/mask", data=form)).json()
            kept = Image.open(folders / "input" / told["subfolder"] / told["name"])
            assert kept.getpixel((0, 0)) == (255, 0, 0, 40)

    asyncio.run(scenario())


def test_files_outside_of_the_folders_are_not_shown(folders):
    (folders / "secret.txt").write_text("secret")

    async def scenario():
        async with client(folders) as served:
            for name, kind in (("../secret.txt", "output"), ("../secret.txt", "input")):
                answer = await served.get("/view", params={"filename": name, "type": kind})
                assert answer.status in (400, 404)
            assert (await served.get("/api/userdata/..%2F..%2Fsecret.txt")).status in (400, 404)
            gone = await served.get("/view", params={"filename": "gone.png"})
            assert gone.status == 404 and "any more" in (await gone.json())["error"]

    asyncio.run(scenario())


def test_settings_and_workflows_are_kept(folders):
    async def scenario():
        async with client(folders) as served:
            await served.post("/api/settings/Comfy.Locale", json="zh")
            assert await (await served.get("/settings/Comfy.Locale")).json() == "zh"
            path = "/api/userdata/workflows%2Fmine.json"
            kept = await served.post(f"{path}?overwrite=false&full_info=true", data=b"{}")
            assert (await kept.json())["path"] == "workflows/mine.json"
            assert (await served.post(f"{path}?overwrite=false", data=b"{}")).status == 409
            moved = await served.post(f"{path}/move/workflows%2Fyours.json")
            assert await moved.json() == "workflows/yours.json"
            listed = await served.get("/userdata?dir=workflows&recurse=true&split=true")
            assert await listed.json() == [["yours.json", "yours.json"]]
            assert (await served.delete("/userdata/workflows%2Fyours.json")).status == 204

    asyncio.run(scenario())


def test_pages_of_other_origins_and_other_names_are_refused(folders):
    async def scenario():
        async with client(folders) as served:
            assert (await served.get("/queue", headers={"Host": "evil.example"})).status == 403
            evil = {"Origin": "http://evil.example"}
            assert (await served.post("/queue", json={}, headers=evil)).status == 403
            page = await served.get("/")
            assert "connect-src 'self'" in page.headers["Content-Security-Policy"]

    asyncio.run(scenario())


def test_beyond_this_machine_a_token_is_needed(folders):
    async def scenario():
        async with client(folders, host="0.0.0.0", token="secret") as served:
            assert (await served.get("/queue")).status == 401
            assert (
                await served.get("/queue", headers={"Authorization": "Bearer no"})
            ).status == 401
            right = {"Authorization": "Bearer secret"}
            assert (await served.get("/queue", headers=right)).status == 200
            await served.get("/?token=secret")  # the browser keeps it from here on
            assert (await served.get("/queue")).status == 200

    asyncio.run(scenario())


def test_what_the_editor_asks_at_start_is_there(folders):
    async def scenario():
        async with client(folders) as served:
            info = await (await served.get("/api/object_info")).json()
            assert info["UnCLIPDecode"]["input_order"]["required"][0] == "decoder"
            assert info["LoadImage"]["input"]["required"]["image"][1]["image_upload"]
            stats = await (await served.get("/api/system_stats")).json()
            assert stats["devices"] and stats["system"]["ram_total"]
            assert not (await (await served.get("/api/features")).json())["assets"]
            (first, *_) = await (await served.get("/templates/index.json")).json()
            name = first["templates"][0]["name"]
            assert name == "Text to image" and first["templates"][0]["description"]
            (chinese, *_) = await (await served.get("/templates/index.zh.json")).json()
            assert chinese["templates"][0]["name"] == name
            assert chinese["templates"][0]["title"] == "文生图"
            template = await served.get(f"/templates/{name}.json")
            assert (await template.json(content_type=None))["nodes"]
            assert (await served.get(f"/templates/{name}-1.jpg")).status == 200
            assert (await served.get("/templates/no such.json")).status == 404
            for path in ("extensions", "i18n", "global_subgraphs", "users", "settings", "prompt"):
                assert (await served.get(f"/api/{path}")).status == 200

    asyncio.run(scenario())


def test_a_preview_travels_with_its_node_to_clients_that_read_that(folders):
    from unclip_graph.headless.serve.worker import Telling

    async def scenario():
        async with client(folders) as served:
            from unclip_graph.headless.serve.context import SERVER

            hub = served.app[SERVER].hub
            new = await served.ws_connect("/ws?clientId=new")
            await new.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": 1}})
            old = await served.ws_connect("/ws?clientId=old")
            for socket, count in ((new, 2), (old, 1)):
                for _ in range(count):
                    await socket.receive_json()
            for sid in ("new", "old"):
                told = Telling(Job("p", 0.0, {}, [], {}, sid), hub)
                told.progress("5", "Decode", 1, 4, "steps", lambda: Image.new("RGB", (9, 9)))

            async def binary(socket):
                async for message in socket:
                    if message.type == WSMsgType.BINARY:
                        return message.data

            kind, length = struct.unpack(">II", (frame := await binary(new))[:8])
            assert kind == 4 and json.loads(frame[8 : 8 + length])["node_id"] == "5"
            assert struct.unpack(">II", (await binary(old))[:8]) == (1, 1)

    asyncio.run(scenario())


def test_numbers_and_lines_tell_what_happened(folders, capsys):
    async def scenario():
        async with client(folders, json_log=True) as served:
            id = await queue(served)
            await ended(served, id)
            while "job ended" not in "".join(await log(served)):
                await asyncio.sleep(0.02)
            told = await (await served.get("/metrics")).text()
            for line in (
                'unclip_jobs{status="completed"} 1',
                'unclip_jobs_ended_total{status="completed"} 1',
                'unclip_job_seconds_bucket{le="+Inf"} 1',
                'unclip_http_requests_total{method="POST",status="200"} 1',
                "unclip_websockets 0",
            ):
                assert line in told.splitlines()
            return json.loads((await log(served))[-1])

    async def log(served):
        entries = (await (await served.get("/internal/logs/raw")).json())["entries"]
        return [entry["m"] for entry in entries]

    LOG.setLevel("INFO")
    line = asyncio.run(scenario())
    assert (line["event"], line["level"], line["status"]) == ("job ended", "info", "completed")
    assert json.loads(capsys.readouterr().err.splitlines()[-1]) == line


def test_a_full_queue_says_when_to_come_again(folders):
    async def scenario(limits, says):
        async with client(folders, limits=limits) as served:
            with _ongoing:
                assert (await served.post("/prompt", json={"prompt": PICTURE})).status == 200
                refused = await served.post("/prompt", json={"prompt": PICTURE})
            assert refused.status == 429 and says in (await refused.json())["error"]
            assert int(refused.headers["Retry-After"]) > 0

    asyncio.run(scenario(Limits(queue=1), "The queue is full"))
    (folders / "user" / "jobs.sqlite").unlink()
    asyncio.run(scenario(Limits(per_client=1), "of yours wait"))


def test_a_request_that_is_too_large_is_refused(folders):
    async def scenario():
        async with client(folders, limits=Limits(upload=1000)) as served:
            form = FormData()
            form.add_field("image", b"x" * 2000, filename="a.png", content_type="image/png")
            for sent in ({"json": {"prompt": "x" * 2000}}, {"data": form}):
                path = "/prompt" if "json" in sent else "/upload/image"
                assert (await served.post(path, **sent)).status == 413

    asyncio.run(scenario())


def test_what_does_not_end_in_time_is_stopped_and_runs_again(folders, monkeypatch):
    (folders / "sleeper.py").write_text(SLEEPER)
    monkeypatch.setattr("unclip_graph.headless.serve.app.DRAIN_SECONDS", 0.1)
    sleep = {"1": {"class_type": "Sleeper", "inputs": {"seconds": 60.0}}}

    async def scenario():
        async with client(folders, packs=[folders / "sleeper.py"]) as served:
            id = await queue(served, sleep)
            while (await (await served.get(f"/jobs/{id}")).json())["status"] == "pending":
                await asyncio.sleep(0.02)
        return id

    id = asyncio.run(scenario())
    assert [job.id for job in JobStore(folders / "user" / "jobs.sqlite").list([PENDING])] == [id]


def test_the_history_is_read_in_parts(folders):
    async def scenario():
        async with client(folders) as served:
            ids = [await queue(served) for _ in range(3)]
            for id in ids:
                await ended(served, id)

            async def told(query):
                return list(await (await served.get(f"/history?{query}")).json())

            assert await told("max_items=2") == ids[1:]
            assert await told("offset=2") == ids[2:]
            assert await told("max_items=1&offset=0") == ids[:1]
            assert await told("offset=3") == []

    asyncio.run(scenario())


def test_nodes_may_validate_asynchronously(folders):
    (folders / "sleeper.py").write_text(SLEEPER)

    async def scenario():
        async with client(folders, packs=[folders / "sleeper.py"]) as served:
            sleep = {"1": {"class_type": "Sleeper", "inputs": {"seconds": -1.0}}}
            refused = await served.post("/prompt", json={"prompt": sleep})
            assert refused.status == 400
            assert "less than not at all" in await refused.text()
            v2 = await served.post("/api/v2/jobs", json={"workflow": sleep})
            assert v2.status == 422

    asyncio.run(scenario())
