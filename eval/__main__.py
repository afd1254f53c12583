"""``python -m eval``, and the command ``mobilefaceswap-eval``."""

from mobilefaceswap_core.runtime.threads import share_cores


def main() -> int:
    """Share the cores, then run the command line; its process status."""
    share_cores()  # before numpy and torch are imported
    from .cli import main as run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
