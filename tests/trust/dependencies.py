"""What is known against the packages of requirements.txt; says plainly when nobody could be asked."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_SERVICES = ("pypi", "osv")
_TIMEOUT_S = 300


def audit(requirements: Path = _ROOT / "requirements.txt") -> list[dict[str, Any]]:
    """Ask both services through pip-audit; a row a service.

    A package that a service does not know counts as not audited: pip-audit itself ends such a run without an error.
    """
    program = shutil.which("pip-audit")
    if program is None:
        return [{"service": "none", "outcome": "not audited: pip-audit is not installed (pip install pip-audit)"}]
    return [{"service": service, "outcome": _ask(program, service, requirements)} for service in _SERVICES]


def _ask(program: str, service: str, requirements: Path) -> str:
    command = [program, "--vulnerability-service", service, "--no-deps", "--disable-pip", "--format", "json", "-r"]
    try:
        done = subprocess.run(
            [*command, str(requirements)], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
        packages = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return "not reachable: no answer in time"
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return f"not reachable: {last[:160]}"
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return f"not reachable: none of {len(packages)} packages is known to the service"
    found = [f"{package['name']} {v['id']}" for package in asked for v in package.get("vulns", [])]
    return (
        f"{len(asked)} of {len(packages)} packages audited, {len(found)} known weaknesses: {', '.join(found) or 'none'}"
    )
