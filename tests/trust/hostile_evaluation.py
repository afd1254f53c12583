"""The evaluation with hostile data sets, lists, options, networks and run folders."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from . import hostile_files as files
from .hostile_case import Case, write_face

LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


def evaluation() -> list[Case]:
    """The part of the table that concerns the evaluation."""
    return [*data_sets(), *lists(), *options(), *run_folders(), *networks()]


def evaluate(folder: Path, **values: Any) -> None:
    """Draw pairs and swap by the row that needs no network."""
    from eval.options import resolve
    from eval.run import prepare, swap_stage
    from mobilefaceswap_core.errors import OptionError

    options = resolve({"methods": ["target-jpeg"], "detector": "lite", "judge_detector": "lite", **values})
    prepare(folder / "run", options, resume=False, say=lambda text: None)
    swap_stage(folder / "run", options)
    outcomes = [json.loads(line) for line in (folder / "run" / "manifest.jsonl").read_text().splitlines()]
    if failed := [record for record in outcomes if record["status"] != "ok"]:
        raise OptionError(f"{len(failed)} of {len(outcomes)} failed: {failed[0]['error']}: {failed[0]['reason']}")


def people(folder: Path, data: bytes) -> Path:
    """A data set of two people; the second's photo is the hostile one."""
    root = folder / "data"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
    write_face(root / "a" / "1.png")
    (root / "b" / "1.png").write_bytes(data)
    return root


def data_sets() -> Iterator[Case]:
    yield Case("eval, folders of photos", "photos of faces", lambda f: evaluate(f, dataset="folders", root=str(people(f, write_face(f / "x.png").read_bytes())), pairs=2), must_answer=True, writes=("run",))  # fmt: skip
    for name, make in files.PICTURES.items():
        yield Case("eval, folders of photos", name, partial(_folders, make=make), writes=("run",))
    for name, clip in {**files.CLIPS, "ten hours": files.ten_hours}.items():
        yield Case("eval, FaceForensics++ clips", name, partial(_clips, make=clip), writes=("run",))
    for name, pack in PACKS.items():
        yield Case("eval, pack", name, partial(_pack, make=pack), must_refuse=True, writes=("run",))
    yield Case("eval, folders of photos", "link out of the root", _link_out, must_refuse=True, writes=("run",))


def _folders(folder: Path, make: Callable[[], bytes]) -> None:
    evaluate(folder, dataset="folders", root=str(people(folder, make())), pairs=2)


def _link_out(folder: Path) -> None:
    root = people(folder, b"x")
    (root / "b" / "1.png").unlink()
    write_face(folder / "outside.png")
    (root / "b" / "1.png").symlink_to(folder / "outside.png")
    evaluate(folder, dataset="folders", root=str(root), pairs=2)


def _clips(folder: Path, make: Callable[[Path], bytes]) -> None:
    videos = folder / "data" / "original_sequences" / "youtube" / "c23" / "videos"
    videos.mkdir(parents=True)
    (videos / "000.mp4").write_bytes(files.clip_bytes(folder))
    (videos / "001.mp4").write_bytes(make(folder))
    (folder / "data" / "splits").mkdir()
    (folder / "data" / "splits" / "test.json").write_text('[["000", "001"]]')
    evaluate(folder, dataset="ffpp", root=str(folder / "data"), frames=2)


def _npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


_CROP = files.encoded("PNG", side=64)
_GOOD = {
    "buf": np.frombuffer(_CROP * 2, np.uint8), "off": np.array([0, len(_CROP), 2 * len(_CROP)]), "ids": np.array(["a", "b"]),
}  # fmt: skip
PACKS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"", "pickle": lambda: pickle.dumps({"buf": 1}), "cut": lambda: _npz(**_GOOD)[:-30],
    "objects": lambda: _npz(**_GOOD | {"ids": np.array([{}, {}], object)}), "no labels": lambda: _npz(buf=_GOOD["buf"], off=_GOOD["off"]),
    "labels of two axes": lambda: _npz(**_GOOD | {"ids": np.array([["a"], ["b"]])}), "labels that are no text": lambda: _npz(**_GOOD | {"ids": np.array([b"\xff", b"\xfe"])}),
    "offsets of text": lambda: _npz(**_GOOD | {"off": np.array(["0", "1", "2"])}), "offsets of fractions": lambda: _npz(**_GOOD | {"off": np.array([0, 1.5, 2])}),
    "offsets far away": lambda: _npz(**_GOOD | {"off": np.array([0, 1 << 60, 1 << 61])}), "too few offsets": lambda: _npz(**_GOOD | {"off": np.array([0, 5])}),
    "bytes of floats": lambda: _npz(**_GOOD | {"buf": np.zeros(9, np.float32)}), "pixel bomb": lambda: _npz(**_GOOD | {"buf": np.frombuffer(files.png_whole(20_000), np.uint8), "off": np.array([0, 40_000, 49_000])}),
    "landmarks of text": lambda: _npz(**_GOOD | {"lm": np.full((2, 68, 2), "x"), "buf": np.frombuffer(b"x" * 2 * len(_CROP), np.uint8)}),
}  # fmt: skip


def _pack(folder: Path, make: Callable[[], bytes]) -> None:
    (folder / "pack.npz").write_bytes(make())
    evaluate(folder, dataset="pack", root=str(folder / "pack.npz"), methods=["student"], pairs=2)


LISTS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"", "no columns": lambda: b"a,b\n1,2\n", "not UTF-8": lambda: b"source,target\n\xff\xfe,b\n",
    "NUL": lambda: b"source,target\na\0.png,b\0.png\n", "quote without end": lambda: b'source,target\n"a.png,b',
    "cell of 1 MB": lambda: b"source,target\n" + b"a" * (1 << 20) + b",b\n", "../": lambda: b"source,target\n../outside.png,../outside.png\n",
    "absolute": lambda: b"source,target\n/etc/passwd,/etc/passwd\n", "address": lambda: b"source,target\nhttp://127.0.0.1:9/x.png,http://127.0.0.1:9/x.png\n",
    "huge frame": lambda: b"source,target,clip,frame\na/1.png,b/1.png,c," + b"9" * 5000 + b"\n", "huge number": lambda: b"source,target\na/1.png,b/1.png#" + b"9" * 5000 + b"\n",
    "formula": lambda: b"source,target\n=cmd|'/C calc'!A0,@SUM(1+1)\n", "more cells than columns": lambda: b"source,target\na,b,c,d\n" * 3,
    "long name": lambda: b"source,target\na/1.png," + b"a" * 5000 + b".png\n", "device": lambda: b"source,target\n/dev/zero,/dev/zero\n",
}  # fmt: skip


def lists() -> Iterator[Case]:
    for name, make in LISTS.items():
        yield Case("eval, pair list", name, partial(_list, make=make), must_refuse=True, writes=("run",))
    for name, text in {"not UTF-8": b"\xff\xfe", "deep": b"[" * 200_000, "objects": b'[{"a": 1}]', "missing": None}.items():  # fmt: skip
        yield Case("eval, identities", name, partial(_identities, text=text), must_refuse=True, writes=("run",))
    for name, text in {"not UTF-8": b"\xff", "deep": b"[" * 200_000, "numbers": b"[1, 2]", "object": b'{"a": 1}', "three": b'[["a","b","c"]]'}.items():  # fmt: skip
        yield Case(
            "eval, FaceForensics++ list", name, partial(_json_list, text=text), must_refuse=True, writes=("run",)
        )
    for name, text in {"../": b"../../outside.png 1\n/etc/passwd 2\n", "not UTF-8": b"\xff\xfe 1\n"}.items():
        yield Case("eval, CelebA list", name, partial(_celeba, text=text), must_refuse=True, writes=("run",))


def _list(folder: Path, make: Callable[[], bytes]) -> None:
    root = people(folder, files.encoded("PNG"))
    write_face(folder / "outside.png")
    (folder / "pairs.csv").write_bytes(make())
    evaluate(folder, dataset="pairs", root=str(root), pair_file=str(folder / "pairs.csv"))


def _identities(folder: Path, text: bytes | None) -> None:
    if text is not None:
        (folder / "who.json").write_bytes(text)
    root = people(folder, files.encoded("PNG"))
    evaluate(folder, dataset="folders", root=str(root), identities=str(folder / "who.json"))


def _json_list(folder: Path, text: bytes) -> None:
    videos = folder / "data" / "original_sequences" / "youtube" / "c23" / "videos"
    videos.mkdir(parents=True)
    (videos / "000.mp4").write_bytes(files.clip_bytes(folder))
    (folder / "list.json").write_bytes(text)
    evaluate(folder, dataset="ffpp", root=str(folder / "data"), pair_file=str(folder / "list.json"))


def _celeba(folder: Path, text: bytes) -> None:
    root = people(folder, files.encoded("PNG"))
    write_face(folder / "outside.png")
    (root / "identity_CelebA.txt").write_bytes(text)
    evaluate(folder, dataset="folders", root=str(root))


OPTION_FILES: dict[str, tuple[str, bytes]] = {
    "YAML aliases": ("o.yaml", (LAUGHS + "methods: *a11\n").encode()), "YAML object": ("o.yaml", b"!!python/object/apply:os.system ['touch run']\n"),
    "deep YAML": ("o.yaml", b"[" * 3000), "deep TOML": ("o.toml", b"a = " + b"[" * 100_000), "not UTF-8": ("o.toml", b"\xff\xfe"),
    "2 MB": ("o.yaml", b"# " + b"a" * (2 << 20)), "list": ("o.yaml", b"- a\n"), "unknown key": ("o.toml", b"surprise = 1\n"),
    "seed below 0": ("o.toml", b"seed = -1\n"), "10^15 pairs": ("o.toml", b"pairs = 1000000000000000\n"), "10^9 threads": ("o.toml", b"threads = 1000000000\n"),
    "methods that lead out": ("o.toml", b'methods = ["../../x=target"]\n'), "formula as a label": ("o.toml", b'methods = ["=1+1=target"]\n'),
    "method of 5,000 letters": ("o.toml", b'methods = ["' + b"a" * 5000 + b'"]\n'), "another extension": ("o.ini", b"a"),
}  # fmt: skip


def options() -> Iterator[Case]:
    for name, (file, data) in OPTION_FILES.items():
        yield Case(
            "eval, option file", name, partial(_options, file=file, data=data), must_refuse=True, writes=("run",)
        )
    for name, cost in {"deep": b"[" * 200_000, "list": b"[1]", "lists": b'{"a": {"b": [1]}}', "long text": b'{"a": {"b": "' + b"x" * 999 + b'"}}', "not UTF-8": b"\xff"}.items():  # fmt: skip
        yield Case("eval, cost file", name, partial(_cost, data=cost), must_refuse=True)


def _options(folder: Path, file: str, data: bytes) -> None:
    from eval.options import read_option_file

    (folder / file).write_bytes(data)
    values = read_option_file(folder / file)
    root = people(folder, files.encoded("PNG"))
    evaluate(folder, **{"dataset": "folders", "root": str(root), "pairs": 2, **values})


def _cost(folder: Path, data: bytes) -> None:
    from eval.cost.columns import read_costs

    (folder / "cost.json").write_bytes(data)
    read_costs(folder / "cost.json")


# A run's folder that somebody changed ---------------------------------------------------------------------------------


@cache
def whole_run() -> dict[str, bytes]:
    """The files of a judged run."""
    import tempfile

    from eval.options import resolve
    from eval.run import judge_stage, prepare, swap_stage
    from mobilefaceswap_core.files.images import read_image, write_image

    from .photos import PORTRAITS

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for path in sorted(PORTRAITS.glob("*.webp"))[:3]:
            (folder / "data" / path.stem).mkdir(parents=True)
            write_image(folder / "data" / path.stem / "1.png", read_image(path).image)
        options = resolve({
            "dataset": "folders", "root": str(folder / "data"), "pairs": 3, "methods": "target,target-jpeg",
            "detector": "lite", "judge_detector": "lite", "judges": "dlib,pnp",
        })  # fmt: skip
        prepare(folder / "run", options, resume=False, say=lambda text: None)
        swap_stage(folder / "run", options)
        judge_stage(folder / "run", options)
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda b: b"", "cut": lambda b: b[: len(b) // 2], "corrupt": files.scrambled, "null": lambda b: b"null\n", "a list": lambda b: b"[]\n",
    "a number": lambda b: b"1e999\n", "deep": lambda b: b"[" * 200_000 + b"\n", "no line end": lambda b: b"{" * (5 << 20), "not UTF-8": lambda b: b"\xff\xfe\n" + b,
}  # fmt: skip
JSON_FILES = ("run.json", "judges.json", "gallery.json", "methods/target.json")
JSON_LINES = ("manifest.jsonl", "records.jsonl", "gallery.jsonl")
CHANGED: tuple[Any, ...] = (None, -1, 10**18, "x", "../../../etc", [], {}, [None], {"x": None}, True)


def run_folders() -> Iterator[Case]:
    for file in (*JSON_FILES, *JSON_LINES, "pairs.csv"):
        for name, change in BYTES.items():
            yield Case(f"eval, {file} of a run", name, partial(_tampered, file=file, change=change), writes=("run",))
    for file in (*JSON_FILES, *JSON_LINES):
        yield Case(f"eval, {file} of a run", "each key changed", partial(_each_key, file=file), writes=("run",))
    yield Case("eval, run.json of a run", "resumed with another root", partial(_resumed, keys={"root": "/etc"}), writes=("run",))  # fmt: skip
    yield Case("eval, run.json of a run", "resumed with methods that lead out", partial(_resumed, keys={"methods": ["../../x"]}), must_refuse=True, writes=("run",))  # fmt: skip


def _copy(folder: Path) -> Path:
    for name, data in whole_run().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder / "run"


def _read_run(run: Path) -> None:
    from eval.run import failures, summary_of
    from eval.table_files import write_tables

    failures(run)
    write_tables(run, summary_of(run))


def _tampered(folder: Path, file: str, change: Callable[[bytes], bytes]) -> None:
    run = _copy(folder)
    (run / file).write_bytes(change((run / file).read_bytes()))
    _read_run(run)


def _each_key(folder: Path, file: str) -> None:
    """Every value of the first level replaced by values of other kinds; each may be refused, none may crash."""
    from mobilefaceswap_core.errors import SwapError

    run = _copy(folder)
    lines = (run / file).read_text().splitlines()
    first = json.loads(lines[0] if file.endswith(".jsonl") else "\n".join(lines))
    refused = 0
    for number, key in enumerate(first):
        for value in (CHANGED[number % len(CHANGED)], CHANGED[(number + 3) % len(CHANGED)]):
            text = json.dumps(first | {key: value})
            (run / file).write_text("\n".join([text, *lines[1:]]) + "\n" if file.endswith(".jsonl") else text)
            try:
                _read_run(run)
            except SwapError:
                refused += 1
    if refused:
        raise SwapError(f"{refused} changes refused")


def _resumed(folder: Path, keys: dict[str, Any]) -> None:
    from eval.run import options_of, prepare, swap_stage

    run = _copy(folder)
    (run / "run.json").write_text(json.dumps(json.loads((run / "run.json").read_text()) | keys))
    options = options_of(run)
    prepare(run, options, resume=True, say=lambda text: None)
    (run / "manifest.jsonl").unlink()
    swap_stage(run, options)
    _read_run(run)


# Networks and checkpoints that the programs are handed ----------------------------------------------------------------

NETWORKS: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello",
    "pickle": pickle.dumps({"a": 1}),
    "zip": files.zip_of({"a": b"x"}),
}


def networks() -> Iterator[Case]:
    for name, data in NETWORKS.items():
        for suffix in (".onnx", ".safetensors"):
            yield Case("eval, method in a file", f"{name}{suffix}", partial(_method, data=data, suffix=suffix), must_refuse=True, writes=("run",))  # fmt: skip
        yield Case("eval, judge in a file", name, partial(_judge, data=data), must_refuse=True)


def _method(folder: Path, data: bytes, suffix: str) -> None:
    (folder / f"network{suffix}").write_bytes(data)
    root = people(folder, files.encoded("PNG"))
    evaluate(folder, dataset="folders", root=str(root), pairs=2, methods=[str(folder / f"network{suffix}")])


def _judge(folder: Path, data: bytes) -> None:
    from eval.judges.onnx_file import OnnxContract, OnnxNetwork

    (folder / "judge.onnx").write_bytes(data)
    OnnxNetwork(str(folder / "judge.onnx"), OnnxContract())
