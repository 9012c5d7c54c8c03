"""The graph that comes out: its inputs and outputs, one file, readable without torch."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto
from tests.builders.networks import small_network

from catalens.core.errors import BundleError
from catalens.core.preprocess import Preprocess
from catalens.export import onnx as export
from catalens.export.onnx import Shapes, export_onnx
from catalens.predict.session import OPSET

PREPROCESS = Preprocess(size=32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    assert export_onnx(small_network(PREPROCESS, 5), PREPROCESS, path) == Shapes(classes=5, embedding_dim=16)
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    return onnx.load(path, load_external_data=False)


def _form(value: onnx.ValueInfoProto) -> tuple[str, int, list[str | int]]:
    tensor = value.type.tensor_type
    return value.name, tensor.elem_type, [axis.dim_param or axis.dim_value for axis in tensor.shape.dim]


def test_inputs_and_outputs(model: onnx.ModelProto) -> None:
    assert [_form(value) for value in model.graph.input] == [("pixels", TensorProto.UINT8, ["N", 32, 32, 3])]
    assert [_form(value) for value in model.graph.output] == [
        ("logits", TensorProto.FLOAT, ["N", 5]),
        ("embedding", TensorProto.FLOAT, ["N", 16]),
    ]


def test_opset_is_stated_and_batch_norm_is_folded(model: onnx.ModelProto) -> None:
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_a_model_too_large_for_one_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_BYTES", 1000)
    with pytest.raises(BundleError, match=r"the weights take [\d,]+ bytes; one ONNX file holds 1,000"):
        export_onnx(small_network(PREPROCESS, 5), PREPROCESS, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
