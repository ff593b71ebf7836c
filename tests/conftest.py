"""What every test shares."""

import os

from hypothesis import settings

# Tests run on machine code, in their own processes too, and whoever has none compiles it first:
# none begins interpreted unless it is about that.
os.environ["LIONROCK_COMPILE"] = "1"

# No deadline: the first example may pay for a compilation, and the machine may be busy.
settings.register_profile("lionrock", deadline=None, print_blob=True)
settings.load_profile("lionrock")
