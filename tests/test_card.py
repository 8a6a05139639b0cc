"""The model card says what the manifest says."""

import json

import pytest

from stickers.embed import MODELS
from stickers.training.card import FAIR, WATCHED, model_card


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((MODELS / "manifest.json").read_text(encoding="utf-8"))


def test_the_shipped_card_is_the_shipped_manifests(manifest: dict) -> None:
    assert (MODELS / "MODEL_CARD.md").read_text(encoding="utf-8") == model_card(manifest)


def test_it_says_the_terms_and_every_traits_figures(manifest: dict) -> None:
    card = model_card(manifest)
    assert manifest["terms"] in card
    for trait in manifest["heads"]:
        mean = manifest["metrics"]["traits"][trait]["model_rater"]["mean"]
        assert f"| {trait} | {mean:.2f} |" in card


def test_it_says_plainly_whom_the_model_serves_worse(manifest: dict) -> None:
    worst = manifest["metrics"]["worst"]
    told = manifest | {"metrics": manifest["metrics"] | {"worst": dict(worst)}}
    for name in WATCHED:
        told["metrics"]["worst"][name] = worst[name] | {"gap": FAIR - 1}
    assert "at most 8 points below the mean" in model_card(told)
    told["metrics"]["worst"]["facial_hair"] = worst["facial_hair"] | {"gap": FAIR + 1}
    card = model_card(told)
    assert "More than 8 points below the mean: facial_hair for" in card
    assert "at most 8 points" not in card


def test_a_model_that_was_not_measured_says_so(manifest: dict) -> None:
    bare = {k: v for k, v in manifest.items() if k != "metrics"}
    assert "Nothing was measured" in model_card(bare)
