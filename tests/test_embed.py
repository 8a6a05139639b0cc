import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from stickers.embed import MODELS, Model, embed, embed_many, fit, load_model
from stickers.errors import BadModel
from stickers.geometry import proportions
from stickers.records import Face
from stickers.traits import PREDICTED


def face_of(pixels: np.ndarray, side: int = 288) -> Face:
    return Face(
        crop=fit(np.ascontiguousarray(pixels), side),
        mask=np.ones((side, side), np.float32),
        landmarks=None,
        box=(0, 0, side, side),
        tilt=0.0,
        count=1,
        photo_name="astronaut",
    )


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def face() -> Face:
    return face_of(data.astronaut()[0:230, 110:340])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS, tmp_path / "copy"))


def change(folder: Path, **entries: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_the_shipped_heads_are_the_vocabulary(model: Model) -> None:
    assert model.manifest["heads"] == {t.name: list(t.predicted) for t in PREDICTED}
    outputs = {o.name: o.shape for o in model.session.get_outputs()}
    assert {t.name: outputs[t.name][1] for t in PREDICTED} == {
        t.name: len(t.predicted) for t in PREDICTED
    }


def test_the_shipped_file_is_small_and_says_its_terms(model: Model) -> None:
    assert (MODELS / model.manifest["file"]).stat().st_size < 10e6
    assert "non-commercial" in model.manifest["terms"]
    assert model.trained_on()
    assert model.channels < model.width
    assert all(len(digest) == 12 for digest in model.trained_on())


def test_an_embedding_has_a_vector_and_a_row_per_trait(face: Face, model: Model) -> None:
    embedding = embed(face)
    assert embedding.vector.shape == (model.width,)
    assert embedding.vector.dtype == np.float32
    assert np.isfinite(embedding.vector).all()
    assert list(embedding.logits) == [t.name for t in PREDICTED]
    for trait in PREDICTED:
        assert embedding.logits[trait.name].shape == (len(trait.predicted),)


def test_many_at_once_are_the_same_as_one_by_one(face: Face, model: Model) -> None:
    faces = [face, face_of(data.astronaut()[0:200, 100:300], side=144)]
    together = embed_many(faces, model)
    for alone, one in zip((embed(f, model) for f in faces), together, strict=True):
        assert np.allclose(alone.vector, one.vector, atol=1e-3)
        assert np.allclose(alone.logits["age"], one.logits["age"], atol=1e-3)
    assert embed_many([], model) == []


def test_a_face_without_a_mesh_has_the_usual_proportions(face: Face, model: Model) -> None:
    landmarks = np.random.default_rng(0).uniform(0, 288, (478, 2)).astype(np.float32)
    without, with_mesh = embed(face, model), embed(replace(face, landmarks=landmarks), model)
    assert np.isfinite(without.vector).all()
    usual, own = without.vector[model.channels :], with_mesh.vector[model.channels :]
    assert np.allclose(own, proportions(landmarks), atol=1e-4)
    assert not np.allclose(own, usual)
    assert np.allclose(without.vector[: model.channels], with_mesh.vector[: model.channels])


def test_threads_share_a_model(face: Face, model: Model) -> None:
    first = embed(face, model).vector
    with ThreadPoolExecutor(4) as pool:
        rest = list(pool.map(lambda _: embed(face, model).vector, range(8)))
    assert all(np.allclose(first, vector, atol=1e-4) for vector in rest)


def test_a_model_is_loaded_once() -> None:
    assert load_model() is load_model(MODELS)


def test_fit_keeps_a_square_of_the_right_size() -> None:
    crop = np.zeros((288, 288, 3), np.uint8)
    assert fit(crop, 288) is crop
    assert fit(crop, 128).shape == (128, 128, 3)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="missing"):
        load_model(tmp_path)


def test_a_file_that_is_not_the_manifests(copy: Path, model: Model) -> None:
    (copy / model.manifest["file"]).write_bytes(b"another")
    with pytest.raises(BadModel, match="not the file"):
        load_model(copy)


def test_heads_of_another_vocabulary(copy: Path, model: Model) -> None:
    heads = dict(model.manifest["heads"])
    heads["lips"] = ["thin", "full", "medium"]
    change(copy, heads=heads)
    with pytest.raises(BadModel, match="head lips"):
        load_model(copy)


@pytest.mark.parametrize("entries", [{"preprocessing": {}}, {"heads": 3}, {"file": "gone.onnx"}])
def test_a_damaged_manifest(copy: Path, entries: dict[str, object]) -> None:
    change(copy, **entries)
    with pytest.raises(BadModel):
        load_model(copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(BadModel, match="damaged manifest"):
        load_model(copy)


def test_no_telemetry_is_kept(tmp_path: Path) -> None:
    code = "import stickers.embed as e; e.load_model(); print(e.onnxruntime.__version__)"
    homes = dict.fromkeys(("HOME", "XDG_CACHE_HOME"), str(tmp_path))
    subprocess.run([sys.executable, "-c", code], env=os.environ | homes, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_embedding_needs_no_training_library() -> None:
    code = (
        "import sys; import stickers.embed, stickers.attributes, stickers.training.evaluate; "
        "print([m for m in ('torch', 'timm', 'onnx', 'sklearn') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
