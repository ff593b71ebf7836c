"""What can go wrong between compiling and keeping the image must cost time alone."""

import pytest

from engine import kernel
from tests.kernel.test_cache import SAY, plant, python, result

pytestmark = pytest.mark.skipif(not kernel.JIT, reason="about compiled code")


def test_a_cache_that_somebody_cleared_meanwhile_leaves_no_image(tmp_path):
    tree = plant(tmp_path / "tree")
    clear = "import shutil; shutil.rmtree(kernel.cache_directory()); "
    assert str(result(1)) in python(tree, SAY + "; " + clear + "kernel.keep_image()")


def test_an_edit_that_was_taken_back_leaves_the_start_alone(tmp_path):
    """`git stash; git stash pop` during the first compilation: what was compiled of the other text
    has been forgotten, and the digest fits again."""
    tree = plant(tmp_path / "tree")
    there = "p = 'risk/far.py'; s = open(p).read(); open(p, 'w').write(s + '#'); "
    back = "; open(p, 'w').write(s); kernel.keep_image()"
    start = "from engine import kernel; kernel.cache_directory(); " + there + SAY + back
    assert python(tree, start).split()[0] == str(result(1))
    assert not list(tree.rglob("*.image"))


def test_an_image_serves_no_other_text(tmp_path):
    """An edit behind the digest of a start and before the import of its module."""
    tree = plant(tmp_path / "tree")
    python(tree, SAY + "; kernel.keep_image()")
    edit = (
        "from engine import kernel; kernel.cache_directory(); p = 'risk/far.py'; "
        "s = open(p).read(); open(p, 'w').write(s.replace('* 1000 + y', '* 1000 - y')); "
    )
    assert python(tree, edit + SAY).split()[0] == str(result(1) - 10)


def test_a_part_left_by_a_process_that_died_is_not_copied_on(tmp_path):
    """Of a disk that filled up: the half file stays for good."""
    tree = plant(tmp_path / "tree")
    fail = (
        "from pathlib import Path; "
        "Path.replace = lambda *a: (_ for _ in ()).throw(OSError('full')); "
    )
    python(tree, SAY + "; " + fail + "kernel.keep_image()")
    assert not list(tree.rglob("*.part"))


def test_an_image_that_is_let_go_leaves_the_compiler_alone(tmp_path):
    tree = plant(tmp_path / "tree")
    python(tree, SAY + "; kernel.keep_image()")
    drop = (
        "; import gc, numba; kernel._image.cache_clear(); gc.collect(); "
        "print([numba.njit('int64(int64)')(eval('lambda x: x + %d' % k))(1) for k in range(30)])"
    )
    told = python(tree, SAY + drop)
    assert told.endswith(str(list(range(1, 31))))
