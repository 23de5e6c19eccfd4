"""`letterhead`, and `python -m letterhead`."""

from importlib import import_module

from letterhead import memory


def main() -> None:
    """Run one command."""
    with memory.loading():
        cli = import_module("letterhead.cli")
    cli.main()


if __name__ == "__main__":
    main()
