"""``python -m eval``."""

from mobilefaceswap_core.threads import share_cores

if __name__ == "__main__":
    share_cores()
    from .cli import main

    raise SystemExit(main())
