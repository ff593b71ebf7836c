"""Generated bugs that no test can find, and why: by the name that the generator gives them."""

SURVIVORS: dict[str, str] = {}
