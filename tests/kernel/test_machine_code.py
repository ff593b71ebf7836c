"""The image of all cold functions: it serves, and whatever is wrong with it costs time alone."""

import pytest

from engine import kernel
from tests.kernel.test_cache import SAY, plant, python, result, say

pytestmark = pytest.mark.skipif(not kernel.JIT, reason="about compiled code")

KEEP = SAY + "; kernel.keep_image()"
MORE = "\nfrom engine.kernel import cold\n\n@cold\ndef further(x):\n    return x - 1\n"


@pytest.fixture
def tree(tmp_path):
    return plant(tmp_path / "tree")


@pytest.fixture
def image(tree):
    """Of the tree's two cold functions, whose files in numba's cache are gone."""
    python(tree, KEEP)
    (found,) = tree.rglob("*.image")
    lose_files(tree)
    return found


def lose_files(tree):
    files = [path for path in tree.rglob("*.nb*") if "far." in path.name]
    assert files
    for path in files:
        path.unlink()


def test_without_numbas_files_the_image_serves(tree, image):
    assert say(tree)[::2] == (result(1), 4)


def test_the_same_functions_are_not_written_again(tree, image):
    before = image.stat().st_mtime_ns
    python(tree, KEEP)
    assert image.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda octets: b"",
        lambda octets: octets[:-1],
        lambda octets: octets + b"\0",
        lambda octets: octets[:40] + bytes([octets[40] ^ 1]) + octets[41:],
        lambda octets: bytes([octets[0] ^ 128]) + octets[1:],
    ],
    ids=["empty", "cut", "longer", "a bit", "a bit of the sum"],
)
def test_an_image_that_is_not_whole_is_passed_over(tree, image, spoil):
    image.write_bytes(spoil(image.read_bytes()))
    assert say(tree)[::2] == (result(1), 2)  # the two entries; the cold ones are compiled


def test_what_an_image_lacks_is_compiled_and_kept(tree):
    (tree / "funding/more.py").write_text(MORE)
    python(tree, KEEP)
    more = "from funding import more; " + KEEP
    assert python(tree, more).split()[-2:] == ["4", "1"]
    lose_files(tree)
    for path in tree.rglob("*.nb*"):
        if "more." in path.name:
            path.unlink()
    assert python(tree, more).split()[-2:] == ["5", "0"]


def test_an_image_of_other_sources_is_not_read(tree, image):
    far = tree / "risk/far.py"
    far.write_text(far.read_text().replace("* 1000 + y", "* 1000 - y"))
    assert say(tree)[0] == result(1) - 10


def test_sources_that_changed_meanwhile_leave_no_image(tree):
    edit = "open('risk/far.py', 'a').write('#'); "
    python(tree, SAY + "; " + edit + "kernel.keep_image()")
    assert not list(tree.rglob("*.image"))
