"""Sessions of ONNX Runtime: from a path and from bytes, with the same result and the same refusals."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mobilefaceswap_core.errors import BackendError, WeightsError
from mobilefaceswap_core.runtime.sessions import open_session, providers_for
from mobilefaceswap_core.runtime.threads import default_threads


def doubling(*, external: str = "") -> bytes:
    """``y = 2 x`` with the factor inside, or in a file of another name."""
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [1], np.array([2], "<f4").tobytes(), raw=True)
    if external:
        factor.ClearField("raw_data")
        factor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", external), ("offset", "0"), ("length", "4")):
            factor.external_data.add(key=key, value=value)
    names = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Mul", ["x", "factor"], ["y"])], "g", names[:1], names[1:], [factor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def run(session: object) -> float:
    return float(session.run(["y"], {"x": np.array([3], np.float32)})[0][0])  # type: ignore[attr-defined]


def test_path_bytes_and_bytes_with_external_weights_give_the_same(tmp_path: Path) -> None:
    onnx.save(onnx.load_model_from_string(doubling()), tmp_path / "g.onnx")
    made = (
        open_session(tmp_path / "g.onnx"),
        open_session(doubling(), threads=None, spinning=False),
        open_session(doubling(external="w.bin"), external={"w.bin": np.array([2], "<f4").tobytes()}),
    )
    assert [run(session) for session in made] == [6.0, 6.0, 6.0]


@pytest.mark.parametrize(("asked", "wanted"), [(1, 1), (3, 3), (None, default_threads())])
def test_threads_are_those_asked_for_or_all_of_this_process(asked: int | None, wanted: int) -> None:
    options = open_session(doubling(), threads=asked).get_session_options()
    assert options.intra_op_num_threads == wanted and options.inter_op_num_threads == 1


def test_what_is_no_network_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"bad\.onnx is not a network.*Download it again\."):
        open_session(tmp_path / "bad.onnx", remedy="Download it again.")
    with pytest.raises(WeightsError, match=r"^theirs is not a network"):
        open_session(b"nothing", name="theirs")


@pytest.mark.skipif("CUDAExecutionProvider" in providers_for("cuda"), reason="there is a GPU")
def test_a_missing_gpu_falls_back_unless_it_must_be_there() -> None:
    assert run(open_session(doubling(), device="cuda")) == 6.0
    with pytest.raises(BackendError, match="onnxruntime-gpu"):
        open_session(doubling(), device="cuda", must_have_device=True)


def test_a_profile_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    session = open_session(doubling(), profile=tmp_path / "profile")
    run(session)
    written = Path(session.end_profiling())
    assert written.parent == tmp_path and "Mul" in written.read_text()


@pytest.mark.parametrize("keeps", [False, True])
def test_a_session_keeps_memory_for_later_runs_where_it_is_asked_to(keeps: bool) -> None:
    session = open_session(doubling(), keeps_memory=keeps)
    assert session.get_session_options().enable_cpu_mem_arena is keeps and run(session) == 6


def test_a_session_does_not_keep_the_bytes_that_it_was_made_of() -> None:
    content = doubling()
    before = sys.getrefcount(content)
    session = open_session(content)
    assert sys.getrefcount(content) == before and run(session) == 6
