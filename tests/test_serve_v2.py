"""Comfy API v2: the contract's own client, and what it does not ask for."""

import asyncio
import io
import json

import pytest
from PIL import Image

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")
pytest.importorskip("blake3", reason="pip install '.[serve]'")

from aiohttp import FormData
from test_serve import SLEEPER, client, folders  # noqa: F401
from unclip_graph.headless.serve.context import Limits
from unclip_graph.headless.serve.v2.assets import digest
from unclip_graph.headless.serve.v2.routes_jobs import STREAMS


def png(colour="green"):
    out = io.BytesIO()
    Image.new("RGB", (5, 4), colour).save(out, "PNG")
    return out.getvalue()


def saving(image):
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": image}},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": "v2"},
        },
    }


async def upload(served, content, **fields):
    form = FormData({"content_type": "image/png", "file_path": "photo.png", **fields})
    form.add_field("file", content, filename="photo.png", content_type="image/png")
    return await served.post("/api/v2/assets", data=form)


async def code(answer):
    return answer.status, (await answer.json())["error"]["code"]


async def events(served, url):
    """The whole stream, as pairs."""
    answer = await served.get(url)
    assert answer.content_type == "text/event-stream"
    found = []
    for frame in (await answer.text()).split("\n\n"):
        if frame.startswith("event: "):
            name, _, data = frame.removeprefix("event: ").partition("\ndata: ")
            found.append((name, json.loads(data)))
    return found


def test_an_asset_goes_in_and_an_asset_comes_out(folders):  # noqa: F811
    async def scenario():
        async with client(folders) as served:
            hash = digest(png())
            assert (await served.head(f"/api/v2/assets/by-hash/{hash}")).status == 404
            missing = await served.post("/api/v2/assets/from-hash", json={"hash": hash})
            assert await code(missing) == (404, "blob_not_found")
            first, second = [await upload(served, png(), expected_hash=hash) for _ in "ab"]
            assert (first.status, second.status) == (201, 200)
            asset = await first.json()
            assert asset["hash"] == hash and asset["id"] != (await second.json())["id"]
            assert (await served.head(f"/api/v2/assets/by-hash/{hash}")).status == 200
            reference = {"__type": "core/ASSET", "info": {"id": asset["id"]}}
            sent = await served.post("/api/v2/jobs", json={"workflow": saving(reference)})
            job = await sent.json()
            assert sent.status == 201 and job["status"] in ("queued", "running", "succeeded")
            told = await events(served, job["urls"]["events"])
            assert told[-1] == ("status", {"status": "succeeded", "queue_position": None})
            (output,) = [data for name, data in told if name == "output"]
            done = await (await served.get(job["urls"]["self"])).json()
            assert done["outputs"][0]["id"] == output["id"]
            assert output["node_id"] == "2" and output["type"] == "image"
            content = await served.get(f"/api/v2/assets/{output['id']}/content")
            picture = Image.open(io.BytesIO(await content.read()))
            assert picture.getpixel((0, 0)) == (0, 128, 0)
            part = {"Range": "bytes=0-3"}
            few = await served.get(f"/api/v2/assets/{output['id']}/content", headers=part)
            assert (few.status, await few.read()) == (206, b"\x89PNG")
            kept = await served.delete(f"/api/v2/assets/{output['id']}")
            assert await code(kept) == (409, "asset_in_use")
            for status in (204, 404):
                assert (await served.delete(f"/api/v2/assets/{asset['id']}")).status == status
            (folders / "output" / output["name"]).unlink()
            gone = await served.get(f"/api/v2/assets/{output['id']}/content")
            assert await code(gone) == (404, "not_found")
            flow = await (await served.get(f"{job['urls']['self']}/workflow")).json()
            assert flow["format"] == "api" and flow["workflow"]["2"]["class_type"] == "SaveImage"

    asyncio.run(scenario())


def test_what_is_wrong_is_told_by_code(folders):  # noqa: F811
    async def scenario():
        async with client(folders) as served:

            async def post(**body):
                return await code(await served.post("/api/v2/jobs", json=body))

            assert await post(workflow={"nodes": [], "links": []}) == (422, "workflow_format_ui")
            assert await post(workflow=saving("none.png")) == (422, "invalid_workflow")
            assert await post(workflow={"1": {"inputs": {}}}) == (422, "invalid_workflow")
            assert await post(workflow=saving("red.png"), inputs={}) == (422, "invalid_request")
            gone = {"__type": "core/ASSET", "info": {"id": "none"}}
            assert await post(workflow=saving(gone)) == (422, "missing_asset")
            assert await code(await served.get("/api/v2/jobs/none")) == (404, "not_found")
            assert await code(await upload(served, b"no picture")) == (400, "invalid_request")
            wrong = await upload(served, png(), expected_hash="blake3:00")
            assert await code(wrong) == (409, "hash_mismatch")
            foreign = await served.get("/api/v2/jobs/x", headers={"Origin": "http://evil.example"})
            assert await code(foreign) == (403, "forbidden")

    asyncio.run(scenario())


def test_a_key_is_taken_once_and_jobs_are_listed_by_label(folders):  # noqa: F811
    async def scenario():
        async with client(folders) as served:
            key = {"Idempotency-Key": "k"}
            labelled = {"workflow": saving("red.png"), "metadata": {"customer": "7"}}
            first = await served.post("/api/v2/jobs", json=labelled, headers=key)
            assert first.status == 201
            again = await served.post("/api/v2/jobs", json=labelled, headers=key)
            assert await code(again) == (422, "idempotency_key_reuse")
            await served.post("/api/v2/jobs", json={"workflow": saving("red.png")})
            found = await (await served.get("/api/v2/jobs?metadata[customer]=7")).json()
            assert [one["id"] for one in found["jobs"]] == [(await first.json())["id"]]
            page = await (await served.get("/api/v2/jobs?limit=1")).json()
            assert len(page["jobs"]) == 1 and page["next_cursor"]

    asyncio.run(scenario())


def test_a_job_is_cancelled_and_a_full_queue_says_when(folders):  # noqa: F811
    (folders / "sleeper.py").write_text(SLEEPER)
    sleep = {"workflow": {"1": {"class_type": "Sleeper", "inputs": {"seconds": 600.0}}}}

    async def scenario():
        limits, packs = Limits(queue=2, streams=1), [folders / "sleeper.py"]
        async with client(folders, packs=packs, limits=limits) as served:
            running, waiting = [
                await (await served.post("/api/v2/jobs", json=sleep)).json() for _ in "ab"
            ]
            full = await served.post("/api/v2/jobs", json=sleep)
            assert await code(full) == (429, "queue_full")
            assert int(full.headers["Retry-After"]) > 0
            following = asyncio.create_task(events(served, running["urls"]["events"]))
            while not served.app[STREAMS]:
                await asyncio.sleep(0.02)
            second = await served.get(waiting["urls"]["events"])
            assert await code(second) == (429, "too_many_streams")
            for job in (waiting, running):
                told = await (await served.post(job["urls"]["cancel"])).json()
                assert told["status"] in ("canceled", "canceling")
            assert (await following)[-1][1]["status"] == "canceled"
            again = await (await served.post(running["urls"]["cancel"])).json()
            assert again["status"] == "canceled" and again["completed_at"]

    asyncio.run(scenario())
