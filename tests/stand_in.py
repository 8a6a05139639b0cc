"""Work for a batch's workers that needs no model, in a module that is quick to import."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from stickers.batch.job import Job, make_pack
from stickers.batch.manifest import MANIFEST, Result
from stickers.batch.page import PAGE
from stickers.batch.recipe import Layout, Recipe
from stickers.errors import CannotWrite, NoFace, PhotoNotFound


def stand_in(job: Job) -> Result:
    """Work without a model: does what the photo's text says."""
    if job.data is None and not job.photo.exists():
        return job.failed(PhotoNotFound("there is no such photo"))
    data = job.photo.read_bytes() if job.data is None else job.data
    text = data.decode().strip()
    if text == "fail":
        return job.failed(NoFace("no face was found", where=job.photo))
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "hang":
        os.kill(os.getpid(), signal.SIGSTOP)
    if text == "full":
        raise CannotWrite("cannot write (no space left on device)")
    time.sleep(float(text or 0))
    files = [(path, job.photo.name.encode()) for path in job.recipe.paths(job.name)]
    return job.made("code", job.place.put(files), "", {"draw": 1.0})


def tell_threads(job: Job) -> Result:
    """The real work; its times are the threads that OpenCV and onnxruntime may use."""
    import cv2

    from stickers.embed import load_model

    result = make_pack(job)
    options = load_model(job.recipe.model).session.get_session_options()
    threads = {"opencv": cv2.getNumThreads(), "network": options.intra_op_num_threads}
    return replace(result, ms=threads)


def dies_at_once(job: Job) -> Result:
    raise AssertionError("its process never gets here")


def refuse_to_start() -> None:
    os._exit(1)


def plain(layout: Layout = Layout.FOLDER) -> Recipe:
    """A recipe for work without a model."""
    return Recipe("sly", None, ("png",), ("sure",), layout, "sly@1", "none@1")


def photos_in(folder: Path, **texts: str) -> Path:
    """A folder of photos that say to `stand_in` what to do."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, text) in enumerate(texts.items()):
        (folder / f"{name}.jpg").write_text(text + " " * number)  # no two the same
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Path -> content of all files of a batch's folder, but those that tell times."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in (MANIFEST, PAGE)
    }
