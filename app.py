"""Space entry: build the demo and launch it. ``python app.py --help`` shows the options."""

from __future__ import annotations

import argparse

from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.runtime.memory import share_pools
from mobilefaceswap_core.runtime.threads import default_threads, share_cores


def main() -> None:
    parser = argparse.ArgumentParser(
        description="MobileFaceSwap in the browser. Settings: MFS_* environment variables."
    )
    parser.add_argument("--host", default=None, help="address to listen on (default: GRADIO_SERVER_NAME, or 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=None, help="port (default: GRADIO_SERVER_PORT, or the first free from 7860)"
    )
    parser.add_argument("--share", action="store_true", help="ask Gradio for a public link (off by default)")
    options = parser.parse_args()
    share_cores()
    share_pools(default_threads())
    from demo.keeping import stop_in_order, use_own_folder

    use_own_folder()
    stop_in_order()
    from demo.build import launch
    from demo.settings import Settings

    try:
        launch(Settings.from_environment(), server_name=options.host, server_port=options.port, share=options.share)
    except SwapError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
    from demo.keeping import leave

    leave()
