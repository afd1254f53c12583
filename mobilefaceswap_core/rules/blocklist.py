"""Protected faces: a host's folder of photos, and the refusal of sources that show the same person."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..detect import Detector
from ..detect.detector import detect_all
from ..errors import ImageError, NoFaceError, OptionError, OutputError, RefusedError, SwapError
from ..faces.choose import largest
from ..faces.geometry import align_face
from ..files.atomic import written_whole
from ..files.digest import bytes_sha256
from ..files.formats import visible_files
from ..files.npz import read_npz
from ..identity.contract import MOBILEFACENET_CONTRACT
from ..types import Face, Image

if TYPE_CHECKING:
    from ..identity.encoder import IdentityEncoder

# Cosine of the shipped encoder's embeddings. On CelebA pairs 0.4 refuses 4 of 10,000 other people and misses 14 % of
# single photos of a protected person (fewer with several photos of each): docs/marking.md.
THRESHOLD = 0.4
_CACHE = ".embeddings.npz"  # hidden, and so no photo
_CACHE_FORMAT = 1

Embed = Callable[[Image], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Blocklist:
    """Protected people as unit embeddings; immutable and safe to share between threads.

    Attributes:
        embeddings: ``(N, D)`` float32, unit length.
        names: file names, for the host's log; never shown to visitors.
        threshold: refuse a source whose cosine with any of them reaches it.
    """

    embeddings: NDArray[np.float32]
    names: tuple[str, ...]
    threshold: float = THRESHOLD

    def closest(self, embedding: NDArray[np.float32]) -> tuple[str, float] | None:
        """Name and cosine of the most similar protected photo; ``None`` for an empty list."""
        if not self.names:
            return None
        unit = np.asarray(embedding, np.float32).ravel()
        cosines = self.embeddings @ (unit / max(float(np.linalg.norm(unit)), 1e-12))
        best = int(cosines.argmax())
        return self.names[best], float(cosines[best])

    def check_source(self, embedding: NDArray[np.float32]) -> None:
        """Let a source pass or refuse it.

        Args:
            embedding: ``(D,)`` of the same encoder; any length above 0.

        Raises:
            RefusedError: too similar to a protected person.
            OptionError: not finite, or of another size than the list's.
        """
        vector = np.asarray(embedding)
        if (self.names and vector.size != self.embeddings.shape[1]) or not np.isfinite(vector).all():
            raise OptionError(
                f"The source's embedding has {vector.size} values or is not finite; wanted {self.embeddings.shape[1]} "
                "finite ones from the encoder that made the block list."
            )
        found = self.closest(vector)
        if found is not None and found[1] >= self.threshold:
            raise RefusedError(
                "This source looks like a person whose face is protected here, so it is refused. "
                "Use a photo of someone else; if this is a mistake, ask the host of this page."
            )


@dataclass(frozen=True, slots=True, eq=False)
class FaceEmbedder:
    """Photo to the embedding of a face in it, as block lists need it.

    Attributes:
        detector: finds the faces.
        encoder: the shipped one; thresholds were measured with it.
    """

    detector: Detector
    encoder: IdentityEncoder

    def __call__(self, image: Image) -> NDArray[np.float32]:
        """Embed the largest face of a photo.

        Args:
            image: ``(H, W, 3)`` RGB uint8.

        Returns:
            ``(512,)`` unit embedding.

        Raises:
            NoFaceError: the photo shows none.
        """
        faces = detect_all(self.detector, image)
        if not faces:
            raise NoFaceError("No face was found in this photo, so it cannot be compared with protected people.")
        return self.of_face(image, faces[largest(faces)])

    def of_face(self, image: Image, face: Face) -> NDArray[np.float32]:
        """Embed a face whose place is known."""
        crop = align_face(image, face, MOBILEFACENET_CONTRACT.crop).image
        return np.asarray(self.encoder.embed([crop])[0], np.float32)


def load_blocklist(folder: str | os.PathLike[str], embed: Embed, *, threshold: float = THRESHOLD) -> Blocklist:
    """Read a folder of protected photos.

    Args:
        folder: one or more photos per person, any names; sub-folders too. Every file in it must be a photo, whatever its
            extension; only hidden files and folders (names that begin with a dot) are left out.
        embed: photo (RGB uint8) -> embedding of its face; raises NoFaceError without one.
        threshold: see :class:`Blocklist`.

    Returns:
        The list. Embeddings are cached in the folder by each photo's SHA-256, so a restart embeds only new photos.

    Raises:
        OptionError: no such folder, or a file in it that is no photo, shows no face or cannot be reached: a protection
            that silently does not protect would be worse than none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise OptionError(
            f"{folder} is no folder; wanted one with photos of protected people. Create it or fix the path."
        )
    known = _read_cache(folder / _CACHE)
    names, digests, vectors = [], [], []
    for path in _files_of(folder):
        data = _content(path)
        digest = bytes_sha256(data)
        if digest not in known:
            known[digest] = _embed_photo(path, data, embed)
        names.append(str(path.relative_to(folder)))
        digests.append(digest)
        vectors.append(known[digest])
    if not names:
        return Blocklist(np.zeros((0, 0), np.float32), (), threshold)
    if len({v.shape for v in vectors}) > 1:
        raise OptionError(f"{folder / _CACHE} was made by another encoder. Delete it; it is made again.")
    stacked = np.stack(vectors)
    _write_cache(folder / _CACHE, digests, stacked)
    return Blocklist(stacked, tuple(names), threshold)


def _files_of(folder: Path) -> list[Path]:
    try:
        return visible_files(folder)
    except ImageError as error:
        raise OptionError(f"The block list cannot be read whole: {error}") from error


def _content(path: Path) -> bytes:
    """The bytes of a file; links to folders, pipes and files without permission are named instead of passed over."""
    try:
        if not path.is_file():
            raise OptionError(
                f"{path} in the block list is no file that can be read, but a folder elsewhere, a link to nothing or a "
                "device. Put the photos themselves into the folder."
            )
        return path.read_bytes()
    except OSError as error:
        raise OptionError(
            f"Protected photo {path} cannot be read ({error.strerror}). Check its permissions."
        ) from error


def _embed_photo(path: Path, data: bytes, embed: Embed) -> NDArray[np.float32]:
    from ..files.images import read_image

    try:
        vector = np.asarray(embed(read_image(data).image), np.float32).ravel()
    except SwapError as error:
        raise OptionError(
            f"Protected photo {path} cannot be used: {str(error).removeprefix('image bytes: ')} Only photos may lie in a "
            "block list."
        ) from error
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _read_cache(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        stored = read_npz(path, error=OptionError, what="cache of embeddings")
        if int(stored["format"]) != _CACHE_FORMAT:
            return {}
        digests, vectors = stored["sha256"], stored["embeddings"].astype(np.float32)
        if vectors.ndim != 2 or len(digests) != len(vectors) or not np.isfinite(vectors).all():
            return {}
        return {str(digest): vector for digest, vector in zip(digests, vectors, strict=True)}
    except (OptionError, ValueError, KeyError, TypeError):
        return {}  # a missing or damaged cache costs time, nothing else


def _write_cache(path: Path, digests: Sequence[str], vectors: NDArray[np.float32]) -> None:
    # A folder mounted read-only works too: the photos are embedded again at each start.
    with contextlib.suppress(OutputError), written_whole(path) as part, part.open("xb") as stream:
        np.savez(stream, format=np.array(_CACHE_FORMAT), sha256=np.array(digests), embeddings=vectors)
