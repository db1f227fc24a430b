"""`python -m wail` is the `wail` command."""

from wail.cli import main

if __name__ == "__main__":
    main()
