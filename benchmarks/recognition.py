"""What recognition costs and gives: models side by side, and heads fitted four ways.

    python benchmarks/recognition.py models MODEL...
    python benchmarks/recognition.py heads MODEL --ratings ratings --cache model/.cache

``models`` prints a row for each folder that ``stickers train`` wrote: size, work and time
on one core, and what its manifest says that was measured on faces held out. ``heads``
fits heads on a model's frozen network separately and jointly, and sets them beside each
other on the faces held out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import fmean, median

import numpy as np
import onnx
import onnxruntime

from stickers.embed import EMBEDDING, FACE, PROPORTIONS, load_model
from stickers.geometry import PROPORTIONS as MEASURED
from stickers.traits import PREDICTED

RUNS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    kinds = parser.add_subparsers(required=True)
    models = kinds.add_parser("models", help="models side by side")
    models.add_argument("model", type=Path, nargs="+")
    models.set_defaults(run=lambda given: compare_models(given.model))
    heads = kinds.add_parser("heads", help="heads fitted separately and jointly")
    heads.add_argument("model", type=Path)
    heads.add_argument("--ratings", type=Path, required=True, help="a folder with ratings.csv")
    heads.add_argument("--cache", type=Path, required=True, help="keeps cut-out faces")
    heads.set_defaults(run=lambda given: compare_heads(given.model, given.ratings, given.cache))
    given = parser.parse_args()
    given.run(given)


def compare_models(folders: list[Path]) -> None:
    print(
        "| network | begun from | side | parameters | MACs | MB | ms | CelebA accuracy | balanced |"
        " mean agreement with raters |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for folder in folders:
        manifest = load_model(folder).manifest
        graph = onnx.load(str(folder / manifest["file"]))
        side, past = manifest["preprocessing"]["side"], manifest["pretraining"]
        held = past.get("held_out", {})
        traits = manifest.get("metrics", {}).get("traits", {})
        agreed = fmean(t["model_rater"]["mean"] for t in traits.values()) if traits else np.nan
        print(
            f"| {manifest['backbone']} | {past.get('start', 'the hub')} | {side} "
            f"| {parameters(graph) / 1e6:.2f} M | {multiplications(graph, side) / 1e6:.0f} M "
            f"| {manifest['bytes'] / 1e6:.1f} | {milliseconds(folder):.2f} "
            f"| {held.get('accuracy', np.nan):.4f} | {held.get('balanced_accuracy', np.nan):.4f} "
            f"| {agreed:.4f} |",
            flush=True,
        )


def milliseconds(folder: Path) -> float:
    """One face through network and all heads on one core: the median of `RUNS`."""
    model = load_model(folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / model.manifest["file"]), options)
    rng = np.random.default_rng(0)
    given = {
        FACE: rng.integers(0, 256, (1, model.side, model.side, 3), dtype=np.uint8),
        PROPORTIONS: np.full((1, MEASURED), np.nan, np.float32),
    }
    names = [EMBEDDING, *(trait.name for trait in PREDICTED)]
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run(names, given)
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def parameters(model: onnx.ModelProto) -> int:
    """How many numbers the file holds as weights."""
    return sum(int(np.prod(t.dims)) for t in model.graph.initializer if len(t.dims) > 0)


def multiplications(model: onnx.ModelProto, side: int) -> int:
    """Multiply-adds of convolutions and matrix products for one face."""
    known = onnx.shape_inference.infer_shapes(model)
    graph = known.graph
    shapes = {
        v.name: [d.dim_value or 1 for d in v.type.tensor_type.shape.dim]
        for v in (*graph.value_info, *graph.output, *graph.input)
    }
    weights = {t.name: list(t.dims) for t in graph.initializer}
    halves = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Cast"}
    total = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        weight = weights.get(node.input[1]) or weights[halves[node.input[1]]]
        if node.op_type == "Gemm":
            total += int(np.prod(weight))
        else:
            out = shapes[node.output[0]]
            total += int(np.prod(weight)) * int(np.prod(out[2:]))
    return total


def compare_heads(folder: Path, ratings: Path, cache: Path) -> None:
    from stickers.training.data import read_rated
    from stickers.training.export import detach_heads
    from stickers.training.heads import HeadConfig, agreement, fit_heads
    from stickers.training.ratings import targets
    from stickers.training.vectors import look_at

    model = load_model(folder)
    faces = read_rated(ratings / "ratings.csv", cache / "faces", progress=print)
    network = detach_heads(onnx.load(str(folder / model.manifest["file"])))
    parts = ("train", "valid", "test")
    rows = {part: faces.rows(part) for part in parts}
    vectors = {
        part: look_at(
            network,
            [faces.cuts[i] for i in rows[part]],
            cache / "vectors",
            views=2 if part == "train" else 0,
            progress=print,
        )
        for part in parts
    }
    ways = {
        "linear": HeadConfig(hidden=0),
        "shipped": HeadConfig(),
        "separate": HeadConfig(hidden=128),
        "joint": HeadConfig(hidden=128, joint=True),
    }
    plain = targets(faces.ratings, [faces.items[i] for i in rows["test"]], 0.0)
    found: dict[str, dict[str, float]] = {}
    for way, how in ways.items():
        want = targets(faces.ratings, faces.items, how.second)
        heads = fit_heads(
            vectors["train"],
            {k: v[rows["train"]] for k, v in want.items()},
            vectors["valid"][:, 0],
            {k: v[rows["valid"]] for k, v in want.items()},
            how,
        )
        found[way] = {k: agreement(heads[k], vectors["test"][:, 0], plain[k]) for k in heads}
    print(f"| trait | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
    for trait in PREDICTED:
        print(f"| {trait.name} | {' | '.join(f'{found[w][trait.name]:.3f}' for w in ways)} |")
    print(f"| mean | {' | '.join(f'{fmean(found[w].values()):.4f}' for w in ways)} |")


if __name__ == "__main__":
    main()
