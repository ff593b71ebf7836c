"""Numbers of a configuration that lie outside their bounds."""


def note_outside(
    problems: list[str], where: str, spec: object, low: int, high: int, *names: str
) -> None:
    """Add a line for every field of these names that is not between the two bounds."""
    for name in names:
        value = getattr(spec, name)
        if not low <= value <= high:
            problems.append(f"{where}: {name} {value} is not between {low} and {high}")
