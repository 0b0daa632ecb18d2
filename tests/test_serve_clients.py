"""Other people's clients, unmodified, against `unclip serve`: each runs a workflow, gets a picture.

With UNCLIP_CLIENTS=1 each is installed from the package index into an environment of its own.
"""

import json
import os
import subprocess
import venv

import pytest
from PIL import Image

pytest.importorskip("aiohttp", reason="pip install '.[serve]'")
pytest.importorskip("blake3", reason="pip install '.[serve]'")

from served import Served

WORKFLOW = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "red.png"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "made"}},
}
CLIENTS = {
    "comfy-sdk": """
from comfy_sdk import Comfy
client = Comfy()
workflow = client.workflows.from_file("workflow.json")
workflow.set_input("1", "image", client.assets.from_file("red.png"))
job = client.submit(workflow)
print([type(event).__name__ for event in job.events()])
job.wait()
for output in job.get_outputs("2"):
    output.to_file("got.png")
""",
    "comfykit": """
import asyncio, urllib.request
from comfykit import ComfyKit
async def main():
    result = await ComfyKit(comfyui_url=URL).execute("workflow.json")
    assert result.status == "completed", result
    urllib.request.urlretrieve(result.images[0], "got.png")
asyncio.run(main())
""",
    "comfyui-autograph": """
from autograph import ApiFlow
result = ApiFlow("workflow.json").submit(server_url=URL, wait=True)
result.fetch_images().save("got.png")
""",
    "comfy-headless": """
import json, urllib.parse, urllib.request
from comfy_headless import ComfyClient
client = ComfyClient(URL)
id = client.queue_prompt(json.load(open("workflow.json")))
result = client.wait_for_completion(id, timeout=60)
(entry,) = client.get_history(id)[id]["outputs"]["2"]["images"]
open("got.png", "wb").write(client.get_image(entry["filename"], entry["subfolder"], entry["type"]))
""",
    "comfy-cli": """
import os, subprocess, sys, urllib.parse, urllib.request
port = str(urllib.parse.urlsplit(URL).port)
command = [os.path.join(os.path.dirname(sys.executable), "comfy"), "--skip-prompt"]
command += ["run", "--workflow", "workflow.json", "--host", "127.0.0.1", "--port", port, "--wait"]
told = subprocess.run(command, capture_output=True, text=True, timeout=120)
print(told.stdout, told.stderr)
assert told.returncode == 0
urllib.request.urlretrieve(URL + "/view?filename=made_00001_.png", "got.png")
assert "made_00001_.png" in told.stdout + told.stderr
""",
}


@pytest.mark.skipif("UNCLIP_CLIENTS" not in os.environ, reason="set UNCLIP_CLIENTS=1 to run them")
@pytest.mark.parametrize("package", CLIENTS)
def test_a_client_runs_a_workflow_and_gets_its_picture(package, tmp_path):
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    installed = subprocess.run([python, "-m", "pip", "install", "-q", package])
    if installed.returncode:
        pytest.skip(f"{package} cannot be installed here")
    (tmp_path / "input").mkdir()
    Image.new("RGB", (8, 6), "red").save(tmp_path / "input" / "red.png")
    Image.new("RGB", (8, 6), "red").save(tmp_path / "red.png")
    (tmp_path / "workflow.json").write_text(json.dumps(WORKFLOW))
    served = Served(tmp_path)
    quiet = {"DO_NOT_TRACK": "1", "COMFY_NO_TELEMETRY": "1", "HOME": str(tmp_path)}
    try:
        done = subprocess.run(
            [python, "-c", f"URL = {served.url!r}\n{CLIENTS[package]}"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "COMFY_BASE_URL": served.url, **quiet},
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        served.close()
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(tmp_path / "got.png") as picture:
        assert (picture.size, picture.getpixel((0, 0))) == ((8, 6), (255, 0, 0))
