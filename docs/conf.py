"""The documentation site: ``python -m sphinx -W -b html docs build/docs``, without network."""

from __future__ import annotations

import builtins
import collections.abc
import contextlib
import gc
import importlib
import io
import os
import re
import sys
import typing
from pathlib import Path
from typing import Any

import numpy as np
from sphinx.util.nodes import make_refnode

import mobilefaceswap_core

# A build makes millions of objects and throws few of them away: looking for garbage after every 700 takes a fifth of its time.
gc.set_threshold(200_000, 50, 50)

project = "MobileFaceSwap in PyTorch"
author = "The MobileFaceSwap-PyTorch authors"
copyright = "2026, the MobileFaceSwap-PyTorch authors; Apache-2.0"
version = release = mobilefaceswap_core.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md"]

html_theme = "furo"
html_title = "MobileFaceSwap"
smartquotes = False  # they would turn --resume into a dash
html_copy_source = html_show_sourcelink = False
html_theme_options = {"footer_icons": []}

myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # the pages written by Typer start their sections at the second level

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False  # PyTorch's words about every forward() say nothing here
python_maximum_signature_line_length = 90
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True  # fields of dataclasses stand in the text of the class
napoleon_attr_annotations = False  # the signature has the types
napoleon_custom_sections = ["Convention", "Known deviations", ("Source", "notes_style")]
python_use_unqualified_type_names = True
nitpicky = True
# Without network there are no inventories of other projects.
FOREIGN = {
    "Arrays",  # ours, of runtime.graphs: signatures name it without its module
    "FieldInfo",  # pydantic's, and what its annotations say
    "Ge",
    "Gt",
    "Le",
    "Lt",
    "MinLen",
    "_PydanticGeneralMetadata",
    "NoneType",
    "PydanticUndefined",
    "numpy",
    "np",
    "NDArray",
    "torch",
    "Tensor",
    "nn",
    "pandas",
    "pd",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "c2pa",
    "typer",
}
STANDARD = set(sys.stdlib_module_names) | set(dir(builtins))

# Every program with a command line, and the name it is called by.
PROGRAMS = {
    "mobilefaceswap_core": ("mobilefaceswap_core.cli.app", "app", "python -m mobilefaceswap_core"),
    "training": ("mobilefaceswap_core.training.__main__", "app", "python -m mobilefaceswap_core.training"),
    "eval": ("eval.cli", "app", "python -m eval"),
    "eval_cost": ("eval.cost.cli", "cost_app", "python -m eval cost"),
}


def write_command_pages(app: Any) -> None:
    """Write the pages of all commands from what ``--help`` says, so that they cannot differ."""
    import typer.cli

    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    for page, (module, name, called) in PROGRAMS.items():
        command = typer.main.get_command(getattr(importlib.import_module(module), name))
        with contextlib.redirect_stdout(io.StringIO()):
            text = typer.cli.get_docs_for_click(
                obj=command, ctx=typer.Context(command), name=called, title=f"`{called}`"
            )
        path = folder / f"commands_{page}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# Files outside this folder that have a page here.
PAGES = {"SECURITY.md": "security", "mobilefaceswap_core/weights/MODEL_CARD.md": "model_card"}


def link_outside_files(app: Any, docname: str, source: list[str]) -> None:
    """On a repository page a link to ``../SECURITY.md`` opens that file; here it opens its page, or is plain text."""
    folder = Path(app.srcdir, docname).parent

    def replace(match: re.Match[str]) -> str:
        text, link = match.groups()
        path = Path(os.path.normpath(folder / link))
        if path.is_relative_to(app.srcdir) or not path.is_file():
            return match[0]
        page = PAGES.get(path.relative_to(Path(app.srcdir).parent).as_posix())
        return f"[{text}](/{page}.md)" if page else text

    source[0] = re.sub(r"\[([^\]]+)\]\(([^)#:]+\.md)\)", replace, source[0])


def resolve(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Names written short in docstrings: a link where there is one page for it, plain code where the name exists."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if target.split(".")[0] in FOREIGN | STANDARD or any(target in dir(m) for m in (typing, collections.abc, np)):
        return contnode
    objects = env.get_domain("py").objects
    ends = [name for name in objects if name.endswith("." + target.removeprefix("."))]
    if len(ends) == 1:
        entry = objects[ends[0]]
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, ends[0])
    return contnode if exists(target, node.get("py:module") or "") else None


def exists(target: str, module: str) -> bool:
    """Whether a name can be imported: from the module it is mentioned in, from its package, or as it stands."""
    for name in (f"{module}.{target}", f"{module.rpartition('.')[0]}.{target}", target):
        parts = re.sub(r"\.+", ".", name).strip(".").split(".")
        for end in range(len(parts), 0, -1):
            try:
                value: Any = importlib.import_module(".".join(parts[:end]))
            except ImportError:
                continue
            with contextlib.suppress(AttributeError):
                for part in parts[end:]:
                    fields = getattr(value, "__dataclass_fields__", {})
                    value = fields[part] if part in fields else getattr(value, part)
                return True
            break
    return False


# How NDArray[np.uint8] is shown once it is resolved.
ARRAY = re.compile(
    r"~?(?:numpy\.)?ndarray\[~?tuple\[~?(?:typing\.)?Any, \.\.\.\], ~?(?:numpy\.)?dtype\[~?(?:numpy\.)?(\w+)\]\]"
)


def plain_signature(app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str) -> Any:
    """Arrays short; and ``<factory>`` of a dataclass is no Python, so a signature with it could not be parsed."""
    if signature is None:
        return None
    return ARRAY.sub(r"NDArray[\1]", signature.replace("<factory>", "...")), ARRAY.sub(
        r"NDArray[\1]", returns or ""
    ) or None


def setup(app: Any) -> None:
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("builder-inited", write_command_pages)
    app.connect("source-read", link_outside_files)
    app.connect("missing-reference", resolve)
