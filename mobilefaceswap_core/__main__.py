"""``python -m mobilefaceswap_core``, and the command ``mobilefaceswap``: see ``--help`` and docs/cli.md."""

from collections.abc import Sequence

from mobilefaceswap_core.runtime.threads import share_cores


def main(args: Sequence[str] | None = None) -> None:
    """Share the cores, then run the command line and leave the process with its exit code."""
    share_cores()  # before numpy and torch are imported
    from .cli import main as run

    run(args)


if __name__ == "__main__":
    main()
