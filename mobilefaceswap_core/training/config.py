"""Options of every training program: frozen dataclasses, read from TOML, YAML or JSON; an unknown key is refused.

A config file names only what differs from the defaults here. ``--set losses.identity=5`` changes one value on the command
line. What was resolved is saved as ``config.json`` in the run's folder, and that file is itself a valid config.
"""

from __future__ import annotations

import json
import reprlib
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from ..errors import OptionError

_FORBID_UNKNOWN = {"extra": "forbid"}  # read by pydantic
_MAX_CONFIG_BYTES = 1 << 20  # a config of every option has some 5 KB

T = TypeVar("T")


def load_config(kind: type[T], source: str, *, changes: Sequence[str] = ()) -> T:
    """Read a config.

    Args:
        kind: dataclass of the program.
        source: name of a preset (``tiny``, ``cpu``, ``gpu``), path of a .toml, .yaml or .json file, or empty for defaults.
        changes: ``dotted.key=value`` in TOML's notation for values; a bare word is a string.

    Raises:
        OptionError: no such file, unknown key, or a value of the wrong type.
    """
    values = _read(kind, source) if source else {}
    for change in changes:
        _apply(values, change)
    return from_values(kind, values, where=source or "options")


def from_values(kind: type[T], values: dict[str, Any], *, where: str) -> T:
    """Build a config dataclass, refusing unknown keys and wrong types."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(_strict(kind)).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        got = reprlib.repr(first["input"])  # shortened: aliases of a small YAML file can print as gigabytes
        count = f" ({error.error_count()} problems in all)" if error.error_count() > 1 else ""
        raise OptionError(f"{where}: {key}: {first['msg']}, got {got}{count}. See `--help`.") from error


def save_config(config: Any, path: Path) -> None:
    """Write all resolved values as JSON."""
    from ..files.atomic import write_bytes

    write_bytes(path, (json.dumps(asdict(config), indent=2) + "\n").encode())


def _strict(kind: Any) -> Any:
    """The class itself, told to refuse unknown keys; so are the option groups in it."""
    kind.__pydantic_config__ = _FORBID_UNKNOWN  # type: ignore[attr-defined]
    for group in get_type_hints(kind).values():
        if is_dataclass(group):
            _strict(group)
    return kind


def _read(kind: type, source: str) -> dict[str, Any]:
    path = Path(source)
    if not path.suffix:
        program = kind.__name__.removesuffix("Config").lower()
        folder = resources.files(__package__) / "presets"
        preset = folder / f"{program}_{source}.toml"
        if not preset.is_file():
            known = sorted(f.name[:-5].split("_", 1)[1] for f in folder.iterdir() if f.name.startswith(f"{program}_"))
            raise OptionError(
                f"Unknown preset {source!r} for {program}; known are: {', '.join(known)}; or give a file."
            )
        return tomllib.loads(preset.read_text())
    if not path.is_file():
        raise OptionError(f"Config file {path} does not exist; give a preset's name or a .toml, .yaml or .json file.")
    try:
        values = _parsed(path)
    except OSError as error:
        raise OptionError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path} cannot be read: {error}. Correct the file.") from error
    if not isinstance(values, dict):
        raise OptionError(f"{path}: wanted keys and values, got a {type(values).__name__}.")
    return values


def _parsed(path: Path) -> Any:
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise ValueError(f"it has {path.stat().st_size} bytes, wanted at most {_MAX_CONFIG_BYTES}")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix in (".yaml", ".yml"):
        import yaml

        try:
            return yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
    raise OptionError(f"{path}: wanted a .toml, .yaml or .json file.")


def _apply(values: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        raise OptionError(f"--set {change}: wanted key=value, such as losses.identity=5.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        value = text
    *groups, last = key.strip().split(".")
    for group in groups:
        values = values.setdefault(group, {})
        if not isinstance(values, dict):
            raise OptionError(f"--set {change}: {group} is a value, not a group of options.")
    values[last] = value
