"""The same command file gives the same digest on every supported Python, JIT on and off (2.1)."""

import glob
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.11", "3.12", "3.13")


def find_interpreters() -> dict[str, str]:
    """Other Pythons of this machine: on the path, or as pyenv keeps them."""
    found = {}
    for version in VERSIONS:
        candidates = sorted(glob.glob(str(Path.home() / f".pyenv/versions/{version}.*/bin/python")))
        on_path = shutil.which(f"python{version}")
        for candidate in [*candidates, *([on_path] if on_path else [])]:
            asked = [candidate, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
            told = subprocess.run(asked, capture_output=True, text=True)
            if told.returncode == 0 and told.stdout.strip() == version:
                found[version] = candidate
    return found


def replay(python: str, file: Path, **environment: str) -> dict[str, object]:
    command = [python, "-m", "engine.cli", "replay", str(file), "--json"]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-2_000:]
    return json.loads(result.stdout)


def generate(file: Path, commands: int) -> Path:
    command = [sys.executable, "-m", "engine.cli", "generate", str(file)]
    command += ["--commands", str(commands), "--seed", "11"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    return file


def test_2_1_a_replayed_file_gives_one_digest_with_and_without_the_jit(tmp_path):
    file = generate(tmp_path / "day.commands", 9_000)
    with_jit = replay(sys.executable, file)
    without = replay(sys.executable, file, NUMBA_DISABLE_JIT="1")
    assert with_jit["digest"] == without["digest"]


@pytest.mark.soak
@pytest.mark.parametrize("version", VERSIONS)
def test_2_1_every_supported_python_gives_the_same_digest(tmp_path, version):
    interpreter = find_interpreters().get(version)
    if interpreter is None:
        pytest.skip(f"this machine has no Python {version}")
    file = generate(tmp_path / "day.commands", 200_000)
    expected = replay(sys.executable, file)["digest"]
    subprocess.run([interpreter, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv/bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--requirement"]
    subprocess.run([*install, str(ROOT / ".ci/requirements.lock")], check=True)
    assert replay(python, file)["digest"] == expected
