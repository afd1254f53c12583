"""What bench measures is what it says; how fast anything is, no test judges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mobilefaceswap_core.diagnose.bench import eager_idn, measure
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.student.idn import IdnWeights
from mobilefaceswap_core.student.network import MobileFaceSwapNet


@pytest.mark.parametrize("sources", [1, 2])
def test_the_naive_port_computes_the_same_function(sources) -> None:
    torch.manual_seed(0)
    network = MobileFaceSwapNet.compact().eval()
    crops = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        weights = network.condition(F.normalize(torch.randn(sources, 512), dim=1), torch.randn(sources, 512, 7, 7))
        want, want_mask = network.idn(crops, weights)
        got, mask = eager_idn(network.idn, crops, weights)
    assert isinstance(weights, IdnWeights)
    assert (got - want).abs().max() < 1e-5
    assert (mask - want_mask).abs().max() < 1e-5


def test_tasks_take_turns_after_their_warm_up() -> None:
    calls: list[str] = []
    tasks = {name: (f"backend {name}", lambda name=name: calls.append(name)) for name in "ab"}
    timings = measure(tasks, runs=3, warm_up=2)
    assert calls == list("aabb") + list("ab") * 3
    assert timings["a"].runs == 3 and timings["b"].backend == "backend b"


def test_median_and_spread_are_those_of_the_durations(monkeypatch) -> None:
    clock = iter(np.cumsum([0, 0.001, 0, 0.003, 0, 0.002, 0, 0.010, 0, 0.004]).tolist())
    monkeypatch.setattr("mobilefaceswap_core.diagnose.bench.time.perf_counter", lambda: next(clock))
    timing = measure({"a": ("", lambda: None)}, runs=5, warm_up=1)["a"]
    low, high = np.percentile([1, 2, 3, 4, 10], [10, 90])
    assert timing.median == 3
    assert timing.spread == pytest.approx((low, high), abs=1e-3)


def test_no_runs_are_refused() -> None:
    with pytest.raises(OptionError, match="wanted at least 1"):
        measure({}, runs=0)


def test_what_is_no_stage_cannot_be_left_out_and_what_is_one_is_off() -> None:
    from mobilefaceswap_core.cli.bench import _options, bench
    from mobilefaceswap_core.errors import OptionError
    from mobilefaceswap_core.marking import UNMARKED

    with pytest.raises(OptionError, match=r"'nose'; wanted one of occlusion, .*, marks"):
        bench("image", without=["nose"])
    chosen = _options(["lids", "texture", "marks"])
    assert (chosen.lids, chosen.texture, chosen.marks) == (False, 0, UNMARKED)
    assert chosen.brows and chosen.sharpen is None, "the others are as they were"
