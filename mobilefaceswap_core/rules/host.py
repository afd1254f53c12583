"""The host's rules on the command line: whose faces are protected, and a log of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import OptionError, OutputError, RefusedError
from ..files.digest import file_sha256

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..types import Image
    from .audit import AuditLog
    from .blocklist import Blocklist, FaceEmbedder

BlocklistOption = Annotated[
    Path | None,
    typer.Option(
        "--blocklist",
        metavar="FOLDER",
        envvar="MOBILEFACESWAP_BLOCKLIST",
        help="Photos of people whose faces are refused as sources.",
    ),
]
AuditLogOption = Annotated[
    Path | None,
    typer.Option(
        "--audit-log",
        metavar="FILE",
        envvar="MOBILEFACESWAP_AUDIT_LOG",
        help="Append what was done to this file: times, hashes, options; no images.",
    ),
]


@dataclass(frozen=True, slots=True, eq=False)
class HostRules:
    """What a run checks sources against and where it is recorded; either may be missing.

    Attributes:
        blocklist: protected people.
        embed: face of a photo to an embedding of the block list's encoder.
        log: to append to.
    """

    blocklist: Blocklist | None = None
    embed: FaceEmbedder | None = None
    log: AuditLog | None = None

    @classmethod
    def load(cls, pipeline: Pipeline, blocklist: Path | None, audit_log: Path | None) -> HostRules:
        """Read the protected photos and try the log.

        Raises:
            OptionError: a protected photo cannot be used, or the swapper brings a source that no photo shows.
            OutputError: the log cannot be written.
        """
        from .audit import AuditLog

        log = None if audit_log is None else AuditLog(audit_log)
        if log is not None:
            log.append("start", model=pipeline.swapper.info.name)
        if blocklist is None:
            return cls(log=log)
        from ..identity.encoder import load_identity_encoder
        from .blocklist import FaceEmbedder, load_blocklist

        embed = FaceEmbedder(pipeline.detector, load_identity_encoder("cpu"))
        return cls(load_blocklist(blocklist, embed), embed, log)

    def check_source(
        self, images: Sequence[Image], paths: Sequence[Path], face: int | Literal["largest"], model: str
    ) -> None:
        """Let one person's photos pass.

        Raises:
            RefusedError: a photo shows a protected person; the log says so.
            OptionError: there is no photo to check.
        """
        if self.blocklist is None or self.embed is None:
            return
        if not images:
            raise OptionError(
                "A model that holds its source cannot be checked against --blocklist. Give the source as a photo."
            )
        try:
            for image in images:
                self.blocklist.check_source(self.embed(image, face))
        except RefusedError:
            if self.log is not None:
                self.log.append("refused", sources=[file_hash(path) for path in paths], model=model)
            raise

    def record(self, event: str, *, sources: Sequence[Path], target: Path, output: Path, model: str) -> None:
        """Note a result by hashes.

        Raises:
            OutputError: the log cannot be written any more; the result is there all the same.
        """
        if self.log is None:
            return
        try:
            self.log.append(
                event,
                sources=[file_hash(path) for path in sources],
                target=file_hash(target),
                output=file_hash(output),
                model=model,
            )
        except OutputError as error:
            raise OutputError(f"{output} was written, but not recorded. {error}") from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content; empty for a folder of pictures."""
    return file_sha256(path) if path.is_file() else ""
