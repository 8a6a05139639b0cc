"""Work for a batch's workers that needs no model, in a module that is quick to import."""

from __future__ import annotations

import os
import signal
import time

from stickers.batch.job import Job, appearing
from stickers.batch.journal import Result
from stickers.errors import CannotWrite


def stand_in(job: Job) -> Result:
    """Work without a model: does what the photo's text says."""
    if not job.photo.exists():
        return Result.failed(job.photo, "photo_not_found", "there is no such photo")
    text = job.photo.read_text()
    if text == "fail":
        return Result.failed(job.photo, "no_face", "no face was found", 1.0)
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "full":
        raise CannotWrite("cannot write (no space left on device)", where=job.folder)
    time.sleep(float(text or 0))
    with appearing(job.folder) as stage:
        stage.mkdir(exist_ok=True)
        (stage / "half.txt").write_text(job.photo.name)
        (stage / "avatar.json").write_text("{}")
    return Result(job.photo, 1.0, job.folder, "sly", "code")


def dies_at_once(job: Job) -> Result:
    raise AssertionError("its process never gets here")


def refuse_to_start() -> None:
    os._exit(1)
