"""``python -m mobilefaceswap_core``: see ``--help`` and docs/cli.md."""

from .cli import main

if __name__ == "__main__":
    main()
