"""Every worked example runs or stands in the list of those that have no rule, never both."""

from pathlib import Path

from tests.vectors.files import (
    EXCLUDED,
    EXCLUDED_COUNT,
    RUN_COUNT,
    TOPICS,
    is_excluded,
    needs_folder,
    rows,
    vectors,
)

RUNNING = [topic for topics in TOPICS.values() for topic in topics]


@needs_folder
def test_every_example_runs_or_is_excluded() -> None:
    run = sorted(row.id for subject in TOPICS for row in rows(subject))
    assert run == sorted(vector["id"] for vector in vectors() if not is_excluded(vector))
    assert (len(run), len(vectors()) - len(run)) == (RUN_COUNT, EXCLUDED_COUNT)


@needs_folder
def test_no_excluded_topic_runs_and_every_exclusion_is_of_something() -> None:
    topics = {vector["topic"] for vector in vectors()}
    ids = {vector["id"]: vector["topic"] for vector in vectors()}
    assert len(set(RUNNING)) == len(RUNNING) and not set(RUNNING) & set(EXCLUDED)
    assert topics == set(RUNNING) | (set(EXCLUDED) - set(ids))
    assert {ids[key] for key in set(EXCLUDED) - topics} <= set(RUNNING)


def test_every_subject_has_a_file() -> None:
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert {f"test_{subject}.py" for subject in TOPICS} <= files


def test_every_exclusion_has_a_reason() -> None:
    assert all(len(reason.split()) > 5 for reason in EXCLUDED.values())
