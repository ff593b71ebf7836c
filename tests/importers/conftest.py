"""Where real data is, on machines that have it."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def real_data():
    if not DATA.is_dir():
        pytest.skip("the folder ../shared/data with feeds of real venues is absent")
    return DATA
