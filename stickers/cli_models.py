"""The commands that measure and train models; `stickers.cli` adds them to the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stickers import show
from stickers.errors import UnknownValue
from stickers.options import Json, ModelFolder, Out, extra


def evaluate(
    ratings: Annotated[Path | None, typer.Option(help="A ratings.csv.", show_default=False)] = None,
    faces: Annotated[
        Path | None,
        typer.Option(help="The folder of its photos.", show_default="faces beside the ratings"),
    ] = None,
    celeba: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="CelebA's pictures (a tar file) and labels (a CSV file) instead."),
    ] = None,
    model: ModelFolder = None,
    include_trained: Annotated[
        bool, typer.Option("--include-trained", help="Count faces the model learnt from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Set a model's agreement with raters, or with CelebA's labels, beside the truth."""
    if celeba is not None and ratings is None:
        from stickers.training.celeba_score import evaluate_celeba

        attributes = evaluate_celeba(*celeba, model=model, include_trained=include_trained)
        if as_json:
            print(json.dumps(attributes.as_json()))
        else:
            show.attributes_report(attributes)
        return
    if ratings is None or celeba is not None:
        raise UnknownValue("nothing, or two things, to evaluate on", hint="--ratings or --celeba")
    from stickers.training.evaluate import evaluate as run
    from stickers.training.ratings import photo_folder

    with show.count("looking at") as seen:
        report = run(
            ratings,
            faces or photo_folder(ratings),
            model=model,
            include_trained=include_trained,
            progress=seen,
        )
    if as_json:
        print(json.dumps(report.as_json()))
    else:
        show.report(report)


def train(
    ratings: Annotated[Path, typer.Option(help="A ratings.csv, or its folder, with the photos.")],
    out_dir: Out,
    celeba: Annotated[
        Path | None,
        typer.Option(help="CelebA's folder, to pretrain a network; without it only heads learn."),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="timm's name of a network to pretrain; timm/NAME takes the hub's weights as "
            "they are (downloads them).",
            show_default="the shipped one's",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A first look, under an hour.")] = False,
    search: Annotated[
        int, typer.Option(min=0, help="Try so many settings for the heads; keep the best.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
) -> None:
    """Train a model from ratings; a run that was stopped goes on where it stood."""
    with extra("training", "train"):
        from stickers.training.config import BACKBONE, TrainConfig
        from stickers.training.train import train as run
    config = TrainConfig(
        ratings=ratings,
        output=out_dir,
        celeba=celeba,
        backbone=backbone or BACKBONE,
        quick=quick,
        search=search,
        seed=seed,
    )
    folder = run(config, lambda line: print(line, flush=True))
    print(f"model in {folder}; use it with: stickers make me.jpg --model {folder} -o out")


def probe(
    trait: Annotated[str, typer.Argument(help="A trait that the model predicts.")],
    ratings: Annotated[Path, typer.Option(help="A ratings.csv.", show_default=False)],
    out_dir: Out,
    faces: Annotated[
        Path | None,
        typer.Option(help="The folder of its photos.", show_default="faces beside the ratings"),
    ] = None,
    model: ModelFolder = None,
    limit: Annotated[int, typer.Option(min=1, help="Look at no more faces than this.")] = 2000,
    as_json: Json = False,
) -> None:
    """Find the channels of the frozen network that know a trait, and draw what excites them."""
    with extra("probing", "train"):
        from stickers.training.probe import probe as run
        from stickers.training.probe_page import write_page
    from stickers.training.ratings import photo_folder

    with show.count("looking at") as seen:
        found = run(
            trait,
            ratings,
            faces or photo_folder(ratings),
            model=model,
            limit=limit,
            progress=seen,
        )
    page = write_page(found, out_dir / f"{trait}.html", model=model)
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        show.probe(found)
        print(f"with pictures, for your eyes only: {page}")


COMMANDS: tuple[tuple[Callable[..., None], str], ...] = (
    (
        evaluate,
        "Example: stickers evaluate --ratings ratings.csv --faces faces; "
        "stickers evaluate --celeba labelled.tar labelled.csv. The milder count takes either of "
        "two choices for hair_style, one step beside for skin_tone.",
    ),
    (
        train,
        "Example: stickers train --ratings my/ratings.csv -o model; "
        "stickers train --ratings ratings --celeba celeba -o model --quick; "
        "stickers train --ratings ratings --backbone timm/resnet18 --search 10 -o model",
    ),
    (
        probe,
        "Example: stickers probe glasses --ratings ratings/ratings.csv -o probe",
    ),
)
"""Each command, and the example that its help ends with."""
