"""A pytest plugin for ComfyUI's suite: wait for its servers on machines that are slow to start."""

import time

SECONDS = 180


def pytest_collection_finish(session):
    """Let the suite's client try to connect for longer than five times."""
    from tests.execution.test_execution import ComfyClient

    connect = ComfyClient.connect

    def patient(self, *arguments, **more):
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return connect(self, *arguments, **more)
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    ComfyClient.connect = patient
