"""The one file that is shipped: does it say what torch says, with heads put on and taken off."""

import numpy as np
import onnxruntime
import pytest
import torch

from stickers.geometry import PROPORTIONS
from stickers.training.export import (
    attach_heads,
    detach_heads,
    export_network,
    halve,
)
from stickers.training.heads import (
    Head,
)
from stickers.training.network import Features, create_backbone
from stickers.traits import PREDICTED
from training_help import BACKBONE, people

pytestmark = pytest.mark.training
torch.set_num_threads(1)  # so small a network only waits for a second one


@pytest.fixture(scope="module")
def features() -> Features:
    torch.manual_seed(0)
    return Features(create_backbone(BACKBONE, 7), 64, 2, torch.full((PROPORTIONS,), 0.25))


def heads_for(width: int, hidden: int = 0) -> dict[str, Head]:
    rng = np.random.default_rng(0)

    def layer(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        weight = rng.normal(0, 0.02, (rows, columns)).astype(np.float32)
        return weight, rng.normal(size=columns).astype(np.float32)

    sizes = {t.name: len(t.predicted) for t in PREDICTED}
    if hidden:
        return {n: Head((layer(width, hidden), layer(hidden, k)), 0, 1) for n, k in sizes.items()}
    return {name: Head((layer(width, k),), 0, 1) for name, k in sizes.items()}


@pytest.fixture(scope="module")
def network(features: Features) -> object:
    return export_network(features)


@pytest.mark.parametrize("hidden", [0, 5])
def test_the_exported_file_says_what_torch_says(
    features: Features, network: object, hidden: int
) -> None:
    images = people(3, 64)
    measured = np.random.default_rng(0).normal(0, 1, (3, PROPORTIONS)).astype(np.float32)
    measured[1] = np.nan
    with torch.inference_mode():
        expected, maps, told = (
            t.numpy() for t in features(torch.from_numpy(images), torch.from_numpy(measured))
        )
    assert np.allclose(expected[1, -PROPORTIONS:], 0.25)
    heads = heads_for(expected.shape[1], hidden)
    model = halve(attach_heads(network, heads))
    data = model.SerializeToString()
    assert len(data) < 0.7 * len(attach_heads(network, heads).SerializeToString())
    session = onnxruntime.InferenceSession(data)
    for count in (1, 3):
        given = {"face": images[:count], "proportions": measured[:count]}
        vector, own_maps, own_told, *logits = session.run(None, given)
        for mine, theirs in ((vector, expected), (own_maps, maps), (own_told, told)):
            assert np.abs(mine - theirs[:count]).max() < 0.02 * theirs.std()
        for trait, row in zip(PREDICTED, logits, strict=True):
            want = heads[trait.name].logits(expected[:count])
            assert np.allclose(row, want, atol=0.05 * max(1.0, float(np.abs(want).max())))
    bare = detach_heads(model)
    assert [o.name for o in bare.graph.output] == ["embedding", "maps", "celeba"]
    again = onnxruntime.InferenceSession(bare.SerializeToString())
    assert np.array_equal(again.run(None, given)[0], vector)
    assert halve(attach_heads(bare, heads)).ByteSize() == model.ByteSize()


def test_a_shared_layer_is_written_once(network: object) -> None:
    alone = heads_for(features_width(network), 5)
    first = alone["lips"].layers[0]
    joint = {name: Head((first, *head.layers[1:]), 0, 1) for name, head in alone.items()}
    model = attach_heads(network, joint)
    spared = attach_heads(network, alone).ByteSize() - model.ByteSize()
    assert spared > (len(PREDICTED) - 1) * first[0].nbytes
    vector, *_, marks = onnxruntime.InferenceSession(model.SerializeToString()).run(
        None, {"face": people(2, 64), "proportions": np.zeros((2, PROPORTIONS), np.float32)}
    )
    want = joint["marks"].logits(vector)
    assert np.allclose(marks, want, rtol=1e-3, atol=1e-3 * float(np.abs(want).max()))


def features_width(network: object) -> int:
    return network.graph.output[0].type.tensor_type.shape.dim[1].dim_value  # type: ignore[attr-defined]
