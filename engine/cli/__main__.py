"""`python -m engine.cli`: the command `lionrock` without the installed script."""

from engine.cli import main

if __name__ == "__main__":
    main()
