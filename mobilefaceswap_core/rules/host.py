"""A host's rules: whose faces are protected, and a log of what was done. One implementation for every door."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..detect import Detector
from ..errors import Cancelled, OptionError, OutputError, RefusedError, SwapError
from ..files.digest import file_sha256
from ..types import Face, Image
from .audit import AuditLog
from .blocklist import Blocklist, FaceEmbedder, load_blocklist

if TYPE_CHECKING:
    from ..identity.encoder import IdentityEncoder


@dataclass(frozen=True, slots=True, eq=False)
class HostRules:
    """What sources are checked against and where it is recorded; either may be missing. Safe to share between threads.

    Attributes:
        blocklist: protected people.
        embed: a face of a photo to an embedding of the block list's encoder.
        log: to append to.
    """

    blocklist: Blocklist | None = None
    embed: FaceEmbedder | None = None
    log: AuditLog | None = None

    @classmethod
    def load(
        cls,
        detector: Detector,
        *,
        blocklist: str | Path | None,
        audit_log: str | Path | None,
        model: str | None = None,
        encoder: IdentityEncoder | None = None,
    ) -> HostRules:
        """Read the protected photos and try the log.

        Args:
            detector: finds the faces in protected photos.
            blocklist: folder of photos of protected people.
            audit_log: file to append to.
            model: name of the swapper, for the log's first line.
            encoder: the shipped one, where it is loaded already.

        Raises:
            OptionError: a protected photo cannot be used.
            OutputError: the log cannot be written.
        """
        log = AuditLog(audit_log) if audit_log else None
        if log is not None:
            log.append("start", model=model)
        if not blocklist:
            return cls(log=log)
        from ..identity.encoder import load_identity_encoder

        embed = FaceEmbedder(detector, encoder or load_identity_encoder("cpu"))
        return cls(load_blocklist(blocklist, embed), embed, log)

    def check(self, images: Sequence[Image], faces: Sequence[Face]) -> None:
        """Let one person's photos pass: each of them, and the person that all of them together make.

        Args:
            images: RGB uint8 photos.
            faces: the chosen face of each.

        Raises:
            RefusedError: a photo shows a protected person, or their mean does.
            OptionError: there is no photo to check.
        """
        if self.blocklist is None or self.embed is None:
            return
        if not images:
            raise OptionError(
                "A model that holds its source cannot be checked against a block list. Give the source as a photo."
            )
        embeddings = [self.embed.of_face(image, face) for image, face in zip(images, faces, strict=True)]
        for embedding in embeddings:
            self.blocklist.check_source(embedding)
        if len(embeddings) > 1:
            self.blocklist.check_source(sum(embeddings[1:], embeddings[0]))

    def checker(self, sources: Sequence[Path], *, model: str) -> Callable[[Sequence[Image], Sequence[Face]], None]:
        """:meth:`check` for one person's files, as ``prepare_source`` takes it; a refusal is written to the log."""
        return partial(self._check_files, tuple(sources), model)

    def _check_files(self, sources: Sequence[Path], model: str, images: Sequence[Image], faces: Sequence[Face]) -> None:
        try:
            self.check(images, faces)
        except RefusedError as error:
            self.note("refused", sources=sources, model=model, options={"reason": type(error).__name__})
            error.is_noted = True
            raise

    @contextlib.contextmanager
    def door(self, name: str) -> Iterator[None]:
        """Note once whatever is refused inside, by the kind of error; what the visitor stopped is no refusal.

        Args:
            name: of the door that was asked.

        Raises:
            OutputError: the log cannot be written.
        """
        try:
            yield
        except Cancelled:
            raise
        except SwapError as error:
            if not error.is_noted:
                self.note("refused", options={"door": name, "reason": type(error).__name__})
                error.is_noted = True
            raise

    def note(
        self, event: str, *, sources: Sequence[Path] = (), target: Path | None = None, output: Path | None = None,
        model: str | None = None, options: Mapping[str, str | int | float | bool | None] | None = None,
    ) -> None:  # fmt: skip
        """Append one line to the log by the files' hashes, where a log is kept; ``options`` are plain values.

        Raises:
            OutputError: the log cannot be written.
        """
        if self.log is None:
            return
        self.log.append(
            event,
            sources=[_hash(path) for path in sources],
            target=None if target is None else _hash(target),
            output=None if output is None else _hash(output),
            model=model,
            options=options,
        )

    def record(self, event: str, *, sources: Sequence[Path], target: Path, output: Path, model: str) -> None:
        """Note a result.

        Raises:
            OutputError: the log cannot be written any more; the result is there all the same.
        """
        try:
            self.note(event, sources=sources, target=target, output=output, model=model)
        except OutputError as error:
            raise OutputError(f"{output} was written, but not recorded. {error}") from error


def _hash(path: Path) -> str:
    """SHA-256 of a file's content; empty for a folder of pictures."""
    return file_sha256(path) if path.is_file() else ""
