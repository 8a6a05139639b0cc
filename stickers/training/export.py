"""One ONNX file: the frozen network, and the heads as plain matrix products after it.

The network gives ``embedding``; heads are attached to it by name, so they can be
taken off and others put on without the network's own code or checkpoint. Weights
are stored as float16 and cast back, which halves the file and leaves arithmetic in
float32.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from stickers.embed import ATTRIBUTES, EMBEDDING, FACE, MAPS, PROPORTIONS
from stickers.errors import BadModel, CannotWrite
from stickers.output import whole
from stickers.training.card import model_card
from stickers.training.heads import Head, Layer
from stickers.training.network import Features
from stickers.traits import PREDICTED

OPSET = 18
_HEADS = "heads/"
_SMALL = 64  # elements; below that float16 saves nothing


def export_network(features: Features) -> onnx.ModelProto:
    """The frozen network, with the inputs and outputs of `Features.forward`.

    The embedding has two parts; what the backbone gives comes first.
    """
    features = features.eval()
    faces = torch.zeros(2, features.side, features.side, 3, dtype=torch.uint8)
    count = torch.export.Dim("faces", min=1)
    with contextlib.redirect_stdout(io.StringIO()), torch.inference_mode():
        program = torch.onnx.export(
            features,
            (faces, torch.zeros(2, len(features.usual))),
            input_names=[FACE, PROPORTIONS],
            output_names=[EMBEDDING, MAPS, ATTRIBUTES][: 2 if features.told is None else 3],
            opset_version=OPSET,
            dynamic_shapes={"face": {0: count}, "proportions": {0: count}},
            dynamo=True,
            verbose=False,
        )
    model: onnx.ModelProto = cast(torch.onnx.ONNXProgram, program).model_proto
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.ClearField("metadata_props")
    del model.graph.value_info[:]
    return model


def attach_heads(model: onnx.ModelProto, heads: Mapping[str, Head]) -> onnx.ModelProto:
    """A copy of ``model`` with a logits output per trait, in the vocabulary's order.

    A layer that several heads share is written once.
    """
    out = detach_heads(model)
    done: dict[tuple[int, str], str] = {}
    for trait in PREDICTED:
        tensor = EMBEDDING
        layers = heads[trait.name].layers
        for number, layer in enumerate(layers):
            last = number == len(layers) - 1
            known = (id(layer[0]), tensor)
            if known not in done or last:
                name = f"{_HEADS}{trait.name}/{number}"
                done[known] = _attach(out, layer, tensor, name, trait.name if last else "")
            tensor = done[known]
        out.graph.output.append(
            helper.make_tensor_value_info(
                trait.name, TensorProto.FLOAT, ["faces", len(trait.predicted)]
            )
        )
    return out


def _attach(model: onnx.ModelProto, layer: Layer, tensor: str, name: str, output: str) -> str:
    """Add a layer after ``tensor``, with a ReLU unless it gives an ``output``."""
    for kind, array in zip(("weight", "bias"), layer, strict=True):
        array = np.ascontiguousarray(array, dtype=np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, f"{name}/{kind}"))
    result = output or f"{name}/sum"
    inputs = [tensor, f"{name}/weight", f"{name}/bias"]
    model.graph.node.append(helper.make_node("Gemm", inputs, [result], name=name))
    if output:
        return output
    model.graph.node.append(helper.make_node("Relu", [result], [f"{name}/out"]))
    return f"{name}/out"


def detach_heads(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of ``model`` without its heads."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    graph = out.graph
    _keep(
        graph.node,
        (
            n
            for n in graph.node
            if not any(_of_head(i) for i in n.input) and not any(_of_head(o) for o in n.output)
        ),
    )
    _keep(graph.initializer, (i for i in graph.initializer if not _of_head(i.name)))
    own = {trait.name for trait in PREDICTED}
    _keep(graph.output, (o for o in graph.output if o.name not in own))
    if not graph.output:
        raise BadModel("a network without an embedding", hint="export it again")
    return out


def _of_head(name: str) -> bool:
    return name.startswith(_HEADS)


def _keep(field: Any, kept: Iterable[Any]) -> None:
    """Replace a repeated field's elements."""
    elements = list(kept)
    copies = [type(e).FromString(e.SerializeToString()) for e in elements]
    del field[:]
    field.extend(copies)


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large float32 weights are stored as float16 and cast when loaded."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    casts = []
    for tensor in out.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < _SMALL or abs(array).max() > 6e4:
            continue
        name, half = tensor.name, f"{tensor.name}/half"
        if _of_head(name):
            half = f"{name}/half"
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    nodes = [type(n).FromString(n.SerializeToString()) for n in out.graph.node]
    del out.graph.node[:]
    out.graph.node.extend([*casts, *nodes])
    return out


def write_model(
    folder: Path,
    model: onnx.ModelProto,
    manifest: Mapping[str, object],
    digests: Iterable[str],
    name: str,
) -> Path:
    """Write ``<name>.onnx``, its manifest, model card and ``trained_on.txt``.

    Returns ``folder``.

    The manifest gets the file's name, sha256 and size. It is written last, so that a
    folder with one is a whole model.

    Raises:
        CannotWrite: the folder refuses.
    """
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    described: dict[str, Any] = {
        "name": name,
        "file": f"{name}.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        **manifest,
    }
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{name}.onnx", data)
        _write(folder / "trained_on.txt", "".join(f"{d}\n" for d in sorted(set(digests))).encode())
        _write(folder / "MODEL_CARD.md", model_card(described).encode())
        _write(folder / "manifest.json", text.encode())
    except OSError as exc:
        raise CannotWrite("the model was not saved", where=folder, hint=str(exc)) from exc
    return folder


def _write(path: Path, data: bytes) -> None:
    with whole(path) as part:
        part.write_bytes(data)
