"""Somebody else's results on disk: which file is which pair's, by one rule for the whole folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.files.formats import PHOTO_SUFFIXES, photos_in

from .images import split_reference
from .pairs import Pair

_SHOWN = 5  # clashes listed in a message


@dataclass(frozen=True, slots=True)
class NamingRule:
    """How results may be named.

    Attributes:
        name: for people.
        stems: file stems that a pair may have.
    """

    name: str
    stems: Callable[[Pair], tuple[str, ...]]


def reference_stem(reference: str) -> str:
    """Stem of a reference's file; frame or crop numbers are kept: ``a/000.mp4#12`` -> ``000_12``."""
    path, number = split_reference(reference)
    stem = PurePosixPath(path).stem
    return stem if number is None else f"{stem}_{number}"


def folder_stem(reference: str) -> str:
    """The stem with the name of its folder before it: ``n000002/0001_01.jpg`` -> ``n000002_0001_01``."""
    folder = PurePosixPath(split_reference(reference)[0]).parent.name
    return f"{folder}_{reference_stem(reference)}" if folder else reference_stem(reference)


# The most telling first: it is taken when two rules find as many results.
RULES = (
    NamingRule("the pair number", lambda pair: (pair.name, str(pair.index))),
    NamingRule("folders and names", lambda pair: (f"{folder_stem(pair.source)}-{folder_stem(pair.target)}",)),
    NamingRule("names", lambda pair: (f"{reference_stem(pair.source)}-{reference_stem(pair.target)}",)),
)


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a folder.

    Attributes:
        rule: by which they are named.
        files: path by stem.
    """

    rule: NamingRule
    files: dict[str, Path]

    def path(self, pair: Pair) -> Path:
        """The file of a pair.

        Raises:
            ImageError: there is none; the message names what was looked for.
        """
        stems = self.rule.stems(pair)
        found = next((self.files[stem] for stem in stems if stem in self.files), None)
        if found is None:
            raise ImageError(f"no result named {stems[0]}.png (this folder's results are named by {self.rule.name})")
        return found


def read_results(folder: Path, pairs: Iterable[Pair]) -> Results:
    """Look through a folder of results and find the rule that names most of them.

    Args:
        folder: of images.
        pairs: of the run.

    Raises:
        OptionError: by that rule two different pairs ask for one file, so that one image would serve both.
    """
    # Of two formats of one name the first of the list is taken.
    files = {path.stem: path for path in sorted(photos_in(folder), key=_preference, reverse=True)}
    asked: list[dict[str, list[Pair]]] = [{} for _ in RULES]
    found = [0] * len(RULES)
    for pair in pairs:
        for number, rule in enumerate(RULES):
            stems = [stem for stem in rule.stems(pair) if stem in files]
            found[number] += bool(stems)
            for stem in stems[:1]:
                asked[number].setdefault(stem, []).append(pair)
    # Where nothing is found, messages name the usual form.
    best = max(range(len(RULES)), key=lambda k: (found[k], -k)) if any(found) else len(RULES) - 1
    _refuse_clashes(folder, RULES[best], asked[best])
    return Results(RULES[best], files)


def _refuse_clashes(folder: Path, rule: NamingRule, asked: dict[str, list[Pair]]) -> None:
    clashes = {stem: rows for stem, rows in asked.items() if len({(row.source, row.target) for row in rows}) > 1}
    if not clashes:
        return
    listed = "; ".join(
        f"{stem}: {' and '.join(_described(row) for row in rows[:2])}" for stem, rows in list(clashes.items())[:_SHOWN]
    )
    example = next(iter(clashes.values()))[0]
    raise OptionError(
        f"The results in {folder.name} are named by {rule.name}, and {len(clashes)} of these names belong to several pairs "
        f"({listed}{'; ...' if len(clashes) > _SHOWN else ''}). Name them by pair number ({example.name}.png) or with folders "
        f"({folder_stem(example.source)}-{folder_stem(example.target)}.png)."
    )


def _described(pair: Pair) -> str:
    return f"pair {pair.index} ({pair.source} onto {pair.target})"


def _preference(path: Path) -> tuple[int, str]:
    suffixes: Sequence[str] = PHOTO_SUFFIXES
    return suffixes.index(path.suffix.lower()), path.name
