"""What every test shares."""

from hypothesis import settings

# No deadline: the first example may pay for a compilation, and the machine may be busy.
settings.register_profile("lionrock", deadline=None, print_blob=True)
settings.load_profile("lionrock")
