"""The model card: what a model is for, what it learnt from, and whom it serves worse.

Every figure in it is the manifest's, so that neither can be true without the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stickers.training.agreement import MILDER
from stickers.training.groups import ENOUGH

FAIR = 8.0
"""Points that a group may lie below the mean before the card calls it served worse."""

WATCHED = ("hair_colour", "skin_tone", "facial_hair")
"""The traits that a person would mind most to see drawn wrongly."""

_STARTS = {
    "packaged": "ImageNet's weights, from a package, where there is one for it",
    "hub": "the hub's weights",
    "random": "random weights",
}
_KINDS = {"skin_tone": "skin tone (Monk scale)", "age": "age", "presentation": "presentation"}


def model_card(manifest: Mapping[str, Any]) -> str:
    """The card of a model in Markdown.

    Args:
        manifest: what `export.write_model` writes; without ``metrics`` the card says
            that nothing was measured.
    """
    return (
        "\n\n".join(
            part
            for part in (
                f"# {manifest['name']}",
                _purpose(manifest),
                f"## Terms\n\n{manifest['terms']}",
                _training(manifest),
                _figures(manifest.get("metrics", {})),
                _fairness(manifest.get("metrics", {})),
                _limits(),
            )
            if part
        )
        + "\n"
    )


def _purpose(manifest: Mapping[str, Any]) -> str:
    size = f"{manifest['bytes'] / 1e6:.1f} MB"
    return (
        f"A frozen network ({manifest['backbone']}) with one small head a trait, {size} in one "
        "ONNX file. It picks the parts of an illustrated avatar from a selfie, as a first "
        "proposal that the person then changes. It is not made to identify anybody, to guess "
        "gender, origin, health or feelings, or to decide anything about a person."
    )


def _training(manifest: Mapping[str, Any]) -> str:
    past, faces = manifest["pretraining"], manifest["training"]["faces"]
    lines = ["## What it learnt from"]
    if "pictures" in past:
        lines.append(
            f"The network: {past['pictures']} pictures of {past['data']}; it began from "
            f"{_STARTS[past['start']]}."
        )
    lines.append(
        f"The heads: {faces['train']} rated faces; {faces['valid']} more decided when to stop "
        f"and calibrated the confidences; {faces['test']} were held out to measure on."
    )
    held = past.get("held_out")
    if held:
        lines.append(
            f"On {held['pictures']} pictures of people held out it knows CelebA's attributes with "
            f"an accuracy of {held['accuracy']:.3f}, balanced {held['balanced_accuracy']:.3f}."
        )
    return "\n\n".join(lines)


def _figures(metrics: Mapping[str, Any]) -> str:
    traits = metrics.get("traits")
    if not traits:
        return "## Figures\n\nNothing was measured: no face was held out."
    rows = [
        "## Figures",
        f"How often it says what a rater says, on {metrics['faces']} photographs it did not learn "
        "from, beside how often two raters agree (`stickers evaluate`). The last column is the "
        "expected calibration error of its confidences.",
    ]
    table = ["| trait | model and rater | rater and rater | ratio | calibration error |"]
    table.append("|---|---|---|---|---|")
    for name, found in traits.items():
        table.append(_row(name, found))
        for kind in MILDER.values():
            if kind in found:
                table.append(_row(f"{name}, {kind.replace('_', ' ')}", found[kind]))
    return "\n\n".join([*rows, "\n".join(table)])


def _row(name: str, found: Mapping[str, Any]) -> str:
    cells = [found["model_rater"]["mean"], found["rater_rater"]["mean"], found["ratio"]]
    cells.append(found.get("calibration_error"))
    return f"| {name} | {' | '.join('' if c is None else f'{c:.2f}' for c in cells)} |"


def _fairness(metrics: Mapping[str, Any]) -> str:
    worst = metrics.get("worst")
    if not worst:
        return ""
    lines = [
        "## Whom it serves worse",
        f"Of the groups with {ENOUGH} faces or more, by the raters' skin tone and age and by the "
        "presentation that the network itself tells, this is where each trait is worst, in points "
        "below the mean:",
    ]
    table = [
        "| trait | worst for | faces | agreement | 95% | below the mean |",
        "|---|---|---|---|---|---|",
    ]
    groups = {(g["kind"], g["name"]): g["traits"] for g in metrics["groups"]}
    for name, found in worst.items():
        figures = groups[found["kind"], found["name"]][name]
        low, high = figures["interval"]
        table.append(
            f"| {name} | {_KINDS[found['kind']]} {found['name']} | {figures['n']} "
            f"| {figures['mean']:.2f} | {low:.2f}..{high:.2f} | {found['gap']:.1f} |"
        )
    behind = [n for n in WATCHED if n in worst and worst[n]["gap"] > FAIR]
    said = (
        f"Hair colour, skin tone (within one step) and facial hair are at most {FAIR:.0f} points "
        "below the mean in every one of these groups."
        if not behind
        else f"More than {FAIR:.0f} points below the mean: "
        + "; ".join(f"{n} for {_KINDS[worst[n]['kind']]} {worst[n]['name']}" for n in behind)
        + ". Those without facial hair are easily told, so that men lie below the mean of all by "
        "nature; elsewhere more rated faces of these people would help most."
    )
    return "\n\n".join([*lines, "\n".join(table), said])


def _limits() -> str:
    return (
        "## Limits\n\nThe raters are the yardstick, with their own blind spots: they saw each face "
        "once, and agree least on the shapes of face, nose, eyes and brows. A tight crop hides "
        "how long hair is. Coloured light shifts skin and hair. Confidences are calibrated for "
        "photographs like those of the raters, and every trait can be changed by hand."
    )
