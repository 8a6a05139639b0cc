"""Batches on a Ray cluster that the tests start: two nodes on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_album import bad_files, good_files
from stand_in import files_of, photos_in, plain, stand_in
from stickers.batch import Plan, Recipe, plan_batch, recipe_of, run_batch
from stickers.batch.folder import Folder
from stickers.batch.manifest import Result, read_manifest
from stickers.batch.ray_engine import Ray, _slots
from stickers.errors import CannotWrite, StickersError

pytestmark = pytest.mark.ray

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that does no work, and a node of one core; tests add others."""
    from ray import cluster_utils

    before = os.environ.copy()
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    small = {"object_store_memory": 256 * 2**20}
    running = cluster_utils.Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, **small},
    )
    running.add_node(num_cpus=1, **small)
    yield running
    import ray

    ray.shutdown()
    running.shutdown()
    os.environ.clear()
    os.environ.update(before)


def on_ray(plan: Plan, cluster: Any, **more: Any) -> Iterator[Result]:
    return run_batch(plan, engine="ray", address=cluster.address, **more)


def little() -> Recipe:
    return recipe_of(only=["sure"], formats=["png"])


def lines(out: Path) -> dict[str, Result]:
    """The manifest by name, without times."""
    return {r.name: replace(r, ms={}) for r in read_manifest(Folder(out))}


def test_a_node_that_is_lost_half_way_loses_nothing(tmp_path: Path, cluster: Any) -> None:
    good_files(tmp_path / "in", 60)
    alone = tmp_path / "alone"
    list(run_batch(plan_batch([tmp_path / "in"], alone, little()), workers=2))
    lost = cluster.add_node(num_cpus=1, object_store_memory=256 * 2**20)
    out = tmp_path / "out"
    count = 0
    for result in on_ray(plan_batch([tmp_path / "in"], out, little()), cluster):
        assert result.is_pack, result.error
        count += 1
        if count == 30:
            cluster.remove_node(lost, allow_graceful=False)
    assert count == 60
    assert files_of(out) == files_of(alone)
    assert lines(out) == lines(alone)


def test_results_go_straight_to_a_url_that_nodes_reach_and_bad_files_are_told(
    tmp_path: Path, cluster: Any
) -> None:
    good_files(tmp_path / "in", 2)
    bad = bad_files(tmp_path / "in" / "bad", 6)  # the locked one is the seventh
    results = {}
    for name, out in (("near", tmp_path / "near"), ("far", f"file://{tmp_path}/far")):
        plan = plan_batch([tmp_path / "in"], out, little())
        results[name] = list(on_ray(plan, cluster))
        assert {r.photo: r.error.code for r in results[name] if r.error} == bad
        assert plan_batch([tmp_path / "in"], out, little()).todo == 0
    assert files_of(tmp_path / "near") == files_of(tmp_path / "far")
    messages = [{r.name: r.error for r in found} for found in results.values()]
    assert messages[0] == messages[1]
    assert all(str(r.photo) in r.error.message for r in results["near"] if r.error)


def test_what_fails_dies_hangs_or_ends_the_batch_does_so_as_at_home(
    tmp_path: Path, cluster: Any
) -> None:
    album = photos_in(tmp_path / "in", a="0", b="fail", c="die", d="0", e="full")
    plan = plan_batch([album, tmp_path / "gone.jpg"], tmp_path / "out", plain())
    with pytest.raises(CannotWrite, match="no space left"):
        list(on_ray(plan, cluster, workers=1, work=stand_in))
    codes = {r.name: r.error and r.error.code for r in read_manifest(plan.place)}
    assert codes == {"a": None, "b": "no_face", "c": "worker_died", "d": None}
    (album / "e.jpg").write_text("30")  # longer than anybody waits
    plan = plan_batch([album, tmp_path / "gone.jpg"], tmp_path / "out", plain())
    ended = {
        r.name: r.error and r.error.code for r in on_ray(plan, cluster, work=stand_in, patience=1)
    }
    assert ended == {"e": "worker_died", "gone": "photo_not_found"}


def test_a_cluster_that_was_there_is_left_as_it_was(tmp_path: Path, cluster: Any) -> None:
    import ray

    ray.init(address=cluster.address, log_to_driver=False)
    plan = plan_batch([photos_in(tmp_path / "in", a="0")], tmp_path / "out", plain())
    assert [r.name for r in on_ray(plan, cluster, work=stand_in)] == ["a"]
    assert ray.is_initialized()
    ray.shutdown()


def test_a_cluster_that_does_not_answer_is_one_clear_error(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(StickersError, match=r"does not answer, 127\.0\.0\.1:1: check the address"):
        Ray(stand_in, 1, "127.0.0.1:1", 60)
    assert time.monotonic() - start < 60


def test_no_more_is_in_flight_than_the_object_store_holds() -> None:
    assert _slots({"CPU": 8.0, "object_store_memory": 16 * 2**30}) == 16
    assert _slots({"CPU": 8.0, "object_store_memory": 256 * 2**20}) == 4
    assert _slots({"CPU": 0.0, "object_store_memory": 2**20}) == 1
