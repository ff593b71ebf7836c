"""The compiled code that runs is the code in the sources, whatever was compiled before.

Most cases run a small copy of our tree in a process of its own: `engine.front` is the entry,
`engine.inlined` a kernel that it inlines from another file, `risk.far` a cold function.
"""

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numba
import pytest
from llvmlite import binding
from numba import njit

from engine import cold_code, interpreted, kernel, machine_code

pytestmark = pytest.mark.skipif(not kernel.JIT, reason="about compiled code")

KERNEL = Path(kernel.__file__).read_text()
COLD_CODE = Path(cold_code.__file__).read_text()
INTERPRETED = Path(interpreted.__file__).read_text()
MACHINE_CODE = Path(machine_code.__file__).read_text()
INLINED = "from engine.kernel import kernel\n\n@kernel\ndef add(x):\n    return x + {step}\n"
FAR = """
from engine.kernel import cold, kernel

@kernel
def twice(x):
    return x * 2

@cold
def inner(x):
    return twice(x) + 1

@cold
def outer(x, y):
    return inner(x) * 1000 + y
"""
FRONT = """
from engine.inlined import add
from engine.kernel import entry, kernel
from risk.far import outer

@kernel
def through(x):
    return outer(add(x), x)

@entry("int64(int64)")
def one(x):
    return through(x)

@entry("int64(int64, int64)", nogil=True)
def divide(x, y):
    return x // y
"""
SAY = "from engine import front, kernel; print(front.one(5), *kernel.cache_use())"


def result(step):
    """outer(5 + step, 5), in plain arithmetic."""
    return ((5 + step) * 2 + 1) * 1000 + 5


def plant(root, kernel_source=KERNEL, step=1):
    for package in kernel.PACKAGES:
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    (root / "engine/kernel.py").write_text(kernel_source)
    (root / "engine/cold_code.py").write_text(COLD_CODE)
    (root / "engine/interpreted.py").write_text(INTERPRETED)
    (root / "engine/machine_code.py").write_text(MACHINE_CODE)
    (root / "engine/inlined.py").write_text(INLINED.format(step=step))
    (root / "engine/front.py").write_text(FRONT)
    (root / "risk/far.py").write_text(FAR)
    return root


def environment(root, *path, **more):
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    # An edit of equal length in the same second would leave Python's own byte code stale.
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(root.parent / "user")}
    env |= {kernel.COMPILE_HERE: "1"}  # test_interpreted.py is about those that are not asked to
    return env | {"PYTHONPATH": os.pathsep.join([*map(str, path), str(root)])} | more


def python(root, code, *path, program=sys.executable, **more):
    done = subprocess.run(
        [program, "-P", "-W", "error", "-c", textwrap.dedent(code)],
        cwd=root,
        env=environment(root, *path, **more),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def say(root, **more):
    """Run the entry in a new process: its result, the cache directory, loaded, compiled."""
    value, directory, loaded, compiled = python(root, SAY, **more).split()
    return int(value), Path(directory), int(loaded), int(compiled)


@pytest.fixture
def tree(tmp_path):
    return plant(tmp_path / "tree")


# The cache serves, and never serves old code.


def test_second_process_compiles_nothing_and_first_stays_in_the_package(tree):
    value, directory, loaded, compiled = say(tree)
    assert (value, loaded, compiled) == (result(1), 0, 4)
    assert directory.parent == tree / "engine/__pycache__/lionrock"
    assert say(tree) == (result(1), directory, 4, 0)


@pytest.mark.parametrize("name", ["front.one-", "far.outer-"])
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "spoil", [lambda octets: b"", lambda octets: octets[:99], lambda octets: bytes(len(octets))]
)
def test_a_file_that_a_loss_of_power_has_torn_is_compiled_anew(tree, name, suffix, spoil):
    """numba syncs nothing, and reads what is there: of an entry and of a cold function."""
    say(tree)
    (torn,) = (path for path in tree.rglob(f"*.{suffix}") if name in path.name)
    torn.write_bytes(spoil(torn.read_bytes()))
    value, _, loaded, compiled = say(tree)
    assert (value, loaded, compiled) == (result(1), 3, 1)
    assert say(tree)[2:] == (4, 0)


def test_edit_in_an_inlined_file_is_seen(tree):
    assert say(tree)[0] == result(1)
    (tree / "engine/inlined.py").write_text(INLINED.format(step=2))
    assert say(tree)[0] == result(2)


def test_without_the_digest_the_same_edit_is_missed(tmp_path):
    """The control of the test above: it can fail, and the digest is what makes it pass."""
    constant = KERNEL.replace("return sha.hexdigest()[:16]", 'return "0" * 16')
    assert constant != KERNEL
    tree = plant(tmp_path / "tree", constant)
    assert say(tree)[0] == result(1)
    (tree / "engine/inlined.py").write_text(INLINED.format(step=2))
    assert say(tree)[0] == result(1)


def test_going_back_to_an_old_source_finds_its_old_code(tree):
    first = say(tree)
    (tree / "engine/inlined.py").write_text(INLINED.format(step=2))
    say(tree)
    (tree / "engine/inlined.py").write_text(INLINED.format(step=1))
    assert say(tree) == (first[0], first[1], 4, 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_ENABLE_AVX": "0"},
        pytest.param({"NUMBA_CPU_FEATURES": "-sse4.2"}, marks=pytest.mark.soak),
        pytest.param({"NUMBA_OPT": "1"}, marks=pytest.mark.soak),
        pytest.param({"NUMBA_SLP_VECTORIZE": "1"}, marks=pytest.mark.soak),
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_code_for_another_processor_is_not_loaded(tree, settings):
    if "NUMBA_ENABLE_AVX" in settings and not binding.get_host_cpu_features().get("avx"):
        pytest.skip("this processor has no AVX to leave out")
    own = say(tree)
    assert own[2:] == (0, 4)
    assert say(tree, **settings)[2:] == (0, 4)
    assert say(tree, **settings)[2:] == (4, 0)
    assert say(tree) == (own[0], own[1], 4, 0)


EDIT_WHILE_COMPILING = """
from pathlib import Path
from engine import cold_code, kernel, machine_code
kernel.cache_directory()
inlined = Path("engine/inlined.py")
inlined.write_text(inlined.read_text().replace("+ 1", "+ 2"))
from engine.front import one
print(one(5))
"""


@pytest.mark.parametrize("is_forgotten", [True, False])
def test_edit_while_compiling_leaves_nothing_under_the_old_name(tmp_path, is_forgotten):
    forgetting = KERNEL.replace("compiled._cache.flush()", "pass")
    assert forgetting != KERNEL
    tree = plant(tmp_path / "tree", KERNEL if is_forgotten else forgetting)
    assert int(python(tree, EDIT_WHILE_COMPILING)) == result(2)
    (tree / "engine/inlined.py").write_text(INLINED.format(step=1))
    value, _, loaded, compiled = say(tree)
    expected = (result(1), 0, 4) if is_forgotten else (result(2), 4, 0)
    assert (value, loaded, compiled) == expected


def test_two_processes_may_start_cold_together(tree):
    command = [sys.executable, "-P", "-c", SAY]
    options = {"cwd": tree, "env": environment(tree), "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **options) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=120)[0].split()[0] == str(result(1))
        assert process.returncode == 0
    assert say(tree)[2:] == (4, 0)


# Upgrade by pip.


def make_wheel(directory, version, step, kernel_source):
    """Write a wheel by hand: a build back end would take longer than the rest of the test."""
    tree = plant(directory / f"source-{version}", kernel_source, step)
    wheel = directory / f"tiny-{version}-py3-none-any.whl"
    about = f"tiny-{version}.dist-info"
    files = {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*.py")}
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
    return wheel


def install(program, wheel):
    options = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", program, "install", "-U", *options, wheel],
        check=True,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize("has_digest", [True, False])
def test_upgrade_by_pip_is_seen(tmp_path, has_digest):
    source = KERNEL
    if not has_digest:
        source = KERNEL.replace("return sha.hexdigest()[:16]", 'return "0" * 16')
    home = tmp_path / "home"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, timeout=120)
    program = str(home / "bin/python")
    (site,) = home.glob("lib/python*/site-packages")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ours = Path(numba.__file__).parent.parent

    def run_version(version, step):
        install(program, make_wheel(tmp_path, version, step, source))
        # The worst case for stamps: restored files of equal length and equal time.
        for path in site.glob("*/*.py"):
            os.utime(path, (1_600_000_000, 1_600_000_000))
        said = python(elsewhere, SAY, site, ours, program=program).split()
        assert Path(said[1]).is_relative_to(site)
        return int(said[0]), Path(said[1])

    old_value, old_directory = run_version("1", 1)
    assert old_value == result(1)
    new_value, _ = run_version("2", 2)
    assert old_directory.is_dir(), "pip leaves the cache behind, or this test shows nothing"
    assert new_value == (result(2) if has_digest else result(1))


# Where the cache goes.


def test_unwritable_package_falls_back_to_the_user_cache(tree):
    (tree / "engine/__pycache__").mkdir()
    (tree / "engine/__pycache__/lionrock").write_text("a file in place of the directory")
    value, directory, _, compiled = say(tree)
    assert (value, compiled) == (result(1), 4)
    assert directory.parent == tree.parent / "user/lionrock"
    assert say(tree)[2:] == (4, 0)


def test_nothing_writable_takes_a_private_directory_and_removes_it(tree):
    (tree / "engine/__pycache__").write_text("a file in place of the directory")
    blocked = tree / "blocked"
    blocked.write_text("another")
    value, directory, loaded, compiled = say(tree, XDG_CACHE_HOME=str(blocked))
    assert (value, loaded, compiled) == (result(1), 0, 4)
    assert directory.parent.name.startswith("lionrock-")
    assert not directory.parent.exists()


def test_read_only_image_starts_warm_from_what_it_was_shipped_with(tree):
    shipped = say(tree)[1]
    read_only = f"""
        from engine import kernel
        can_write = kernel._is_writable
        kernel._is_writable = lambda path: "__pycache__" not in path.parts and can_write(path)
        {SAY}
    """
    value, directory, loaded, compiled = python(tree, read_only).split()
    assert (int(value), int(loaded), int(compiled)) == (result(1), 4, 0)
    assert Path(directory) == tree.parent / "user/lionrock" / shipped.name
    assert not list(Path(directory).rglob("*.part"))


def test_prune_keeps_new_recent_and_current(tmp_path):
    def put(name, age_seconds):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (10_000_000 - age_seconds,) * 2)

    ages = {"now": 0, "hour": 3500, "day": 86_400, "week": 604_800, "month": 2_600_000}
    for name, age_seconds in ages.items():
        put(name, age_seconds)
    kernel.prune(tmp_path / "now")
    assert {path.name for path in tmp_path.iterdir()} == {"now", "hour", "day"}
    for name in ("a", "b", "c"):
        put(name, 60)
    kernel.prune(tmp_path / "now")
    assert {path.name for path in tmp_path.iterdir()} == {"now", "hour", "a", "b", "c"}
    kernel.prune(tmp_path / "absent")


# The digest.


@pytest.mark.parametrize("package", kernel.PACKAGES)
def test_digest_covers_every_source(tmp_path, package):
    tree = plant(tmp_path / "tree")
    seen = {kernel.source_digest(tree)}
    deep = tree / package / "deep/er/file.py"
    deep.parent.mkdir(parents=True)
    for text in ("", "x = 1\n", "x = 2\n"):
        deep.write_text(text)
        seen.add(kernel.source_digest(tree))
    deep.rename(deep.with_name("other.py"))
    seen.add(kernel.source_digest(tree))
    assert len(seen) == 5
    (tree / package / "notes.md").write_text("not code")
    (tree / package / ".#file.py").symlink_to("nowhere")
    assert kernel.source_digest(tree) in seen


@pytest.mark.parametrize("module", ["numba", "np", "llvmlite"])
def test_digest_covers_the_compiler(tmp_path, monkeypatch, module):
    tree = plant(tmp_path / "tree")
    before = kernel.source_digest(tree)
    monkeypatch.setattr(getattr(kernel, module), "__version__", "0.0.0")
    assert kernel.source_digest(tree) != before


# The host's own numba settings.


def test_host_settings_are_back_after_success_and_failure(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/host")
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "InTreeCacheLocator")
    with pytest.raises(ZeroDivisionError), kernel._our_cache_directory():
        assert str(kernel.cache_directory()) == numba.config.CACHE_DIR
        assert numba.config.CACHE_LOCATOR_CLASSES == ""
        raise ZeroDivisionError
    assert numba.config.CACHE_DIR == "/host"
    assert numba.config.CACHE_LOCATOR_CLASSES == "InTreeCacheLocator"


def test_numba_reads_the_setting_at_decoration_and_not_later(tmp_path, monkeypatch):
    def half(x):
        return x // 2

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "first"))
    compiled = njit(cache=True)(half)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "second"))
    assert compiled(9) == 4
    assert list((tmp_path / "first").rglob("*.nbc"))
    assert not (tmp_path / "second").exists()


def test_host_functions_and_ours_go_to_their_own_directories(tree):
    (tree / "host.py").write_text(
        "from engine.front import one\nfrom numba import njit\n\n"
        "@njit(cache=True)\ndef f(x):\n    return x\n"
    )
    code = "from host import f; print(f(1), f.stats.cache_path)"
    host = tree.parent / "host-cache"
    more = {"NUMBA_CACHE_DIR": str(host), "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    _, theirs = python(tree, code, **more).split()
    assert Path(theirs).is_relative_to(host)
    assert {path.name.split("-")[0] for path in host.rglob("*.nbi")} == {"host.f"}
    ours = (tree / "engine/__pycache__/lionrock").rglob("*.nbi")
    assert "front.one" in {path.name.split("-")[0] for path in ours}


# What the decorators make.


def test_division_rounds_down_and_never_traps(tree):
    code = "from engine.front import divide as d; print(d(-7, 2), d(7, -2), d(5, 0))"
    assert python(tree, code) == "-4 -4 0"


@pytest.mark.parametrize("first", ["", "import engine.front"])
def test_kernel_called_from_python_is_an_error_not_a_crash(tree, first):
    # Reached through an entry or not: numba knows no signature of it yet, or one.
    code = f"""
        {first}
        from engine.inlined import add
        try:
            add(1)
        except TypeError as error:
            print(error)
    """
    assert python(tree, code) == "kernel add is called from Python; wrap it in an entry"


def test_two_cold_functions_of_one_name_are_refused(tree):
    (tree / "risk/twins.py").write_text(
        "from engine.kernel import cold\n\n"
        "@cold\ndef f(x):\n    return x\n\n@cold\ndef f(x):\n    return -x\n"
    )
    code = """
        try:
            import risk.twins
        except ImportError as error:
            print(error)
    """
    assert python(tree, code) == "two functions share the symbol lionrock_risk_twins_f"


def test_without_the_jit_the_decorators_are_the_identity(tree):
    code = """
        from engine import front, inlined, kernel
        from risk import far
        for f in (front.one, front.through, inlined.add, far.inner, far.outer):
            assert type(f) is type(lambda: 0), f
        assert not kernel.JIT
        print(front.one(5), kernel.cache_use())
    """
    said = python(tree, code, NUMBA_DISABLE_JIT="1")
    assert said == f"{result(1)} CacheUse(directory=None, loaded=0, compiled=0)"
    assert not (tree / "engine/__pycache__").exists()


# One installation.


TRY_SIBLINGS = """
from engine.kernel import must_find_siblings
try:
    must_find_siblings()
except ImportError as error:
    print(error)
"""


def test_siblings_of_one_installation_pass(tree):
    assert python(tree, TRY_SIBLINGS) == ""


def test_a_stranger_of_the_same_name_is_refused(tree, tmp_path):
    stranger = tmp_path / "stranger"
    (stranger / "risk").mkdir(parents=True)
    (stranger / "risk/__init__.py").touch()
    said = python(tree, TRY_SIBLINGS, stranger)
    assert said == (
        f"lionrock: package 'risk' comes from {stranger}, but 'engine' from {tree};"
        " all three must be of one installation"
    )


def test_a_missing_sibling_is_refused(tree):
    (tree / "funding/__init__.py").unlink()
    only_here = """
        import sys
        from pathlib import Path
        sys.path = [p for p in sys.path if not (Path(p) / "funding/__init__.py").exists()]
        sys.path.append(str(Path.cwd()))
    """
    said = python(tree, textwrap.dedent(only_here) + TRY_SIBLINGS)
    assert said == f"lionrock: package 'funding' is missing beside 'engine' in {tree}"
