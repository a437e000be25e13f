"""What every container of ours must not do, and how it ends."""

import time
from datetime import datetime

from tests.images.containers import Container

END_S = 1.0
"""From SIGTERM to the end."""


def confined(box: Container) -> None:
    """AssertionError where the container may do more than it must."""
    status = box.run("cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert fields["CapEff"].strip("0") == fields["CapPrm"].strip("0") == fields["CapBnd"].strip("0") == ""
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Uid"].split()[0] == "10001"
    for folder in ("/", "/home/app", "/tmp", "/opt/venv", "/etc"):
        said = box.run("sh", "-c", f"[ ! -e {folder} ] || touch {folder}/x", check=False)
        assert folder == "/home/app" or "Read-only file system" in said or said == "", said
        assert "No such file" in box.run("cat", f"{folder}/x", check=False)


def ended_cleanly(box: Container, name: str) -> None:
    """Says its memory, stops it; AssertionError where it needs longer or did not stop by itself."""
    peak = box.peak_mb()
    began = time.time()
    box.engine.docker("kill", "--signal", "TERM", box.id)
    code = box.engine.docker("wait", box.id)
    state = box.inspect()["State"]
    took = ended_at(state["FinishedAt"]) - began
    print(f"{name}: {peak:.0f} MB at most, ended {took:.2f} s after SIGTERM")
    assert (code, state["OOMKilled"]) == ("0", False), box.logs()
    assert took < END_S


def ended_at(stamp: str) -> float:
    """Seconds since 1970 of the engine's time, which has nanoseconds."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
