from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from batch_album import good_files
from golden_files import Golden
from stickers.avatar import Avatar, default_avatar
from stickers.catalog import Catalog, load_catalog

# A busy machine is no fault of the code: nothing here is timed.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

SHARED = Path(__file__).parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser may lose a click on a busy machine: what is wrong is wrong three times."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    update = bool(request.config.getoption("--update-golden"))
    return Golden(Path(__file__).parent / "golden", update=update)


@pytest.fixture(scope="session")
def sly() -> Catalog:
    return load_catalog("sly")


@pytest.fixture(scope="session")
def somebody(sly: Catalog) -> Avatar:
    return default_avatar(sly.style)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not (SHARED / "ratings" / "ratings.csv").is_file():
        pytest.skip("the rated photographs are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def selfies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six photos of a person, ``0000.jpg`` to ``0005.jpg``."""
    folder = tmp_path_factory.mktemp("selfies")
    good_files(folder, 6)
    return folder
