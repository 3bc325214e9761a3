"""Drawn people, and a model pack of insightface's two kinds of networks that finds and tells them.

The detector has the outputs of the published ones, for strides of 8, 16 and 32 pixels and two anchors at each
place: it finds red noses, the only ones of that color, which fill one of its cells of 32 pixels. The
recognizer gives the colors of 16 parts of an aligned face.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

SIDE = 640  # of a photo, as large as faces are looked for at
CELL = 32
PEOPLE = {  # color of skin and of hair
    "ana": ((250, 220, 190), (20, 10, 0)),
    "ben": ((60, 40, 30), (240, 240, 230)),
}
# Eyes, nose and corners of the mouth, from the upper left corner of the nose's cell on, in cells.
LANDMARKS = ((-1.0, -0.8), (2.0, -0.8), (0.5, 0.5), (-0.7, 2.2), (1.7, 2.2))


def photo(*names: str, light: float = 1.0) -> Image.Image:
    """RGB, of these people from left to right before a gray wall; `light` dims their colors."""
    image = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    for number, name in enumerate(names):
        x, y = (5 + 8 * number) * CELL, 8 * CELL
        skin, hair = (tuple(int(light * value) for value in color) for color in PEOPLE[name])
        draw.ellipse((x - 80, y - 120, x + 112, y + 128), fill=hair)
        draw.ellipse((x - 70, y - 60, x + 102, y + 128), fill=skin)
        for eye in LANDMARKS[:2]:
            at_x, at_y = x + eye[0] * CELL, y + eye[1] * CELL
            draw.ellipse((at_x - 8, at_y - 8, at_x + 8, at_y + 8), fill=(0, 0, 0))
        draw.line((x - 22, y + 70, x + 54, y + 70), fill=(120, 0, 60), width=6)
        draw.rectangle((x, y, x + CELL - 1, y + CELL - 1), fill=(255, 0, 0))
    return image


def write_pack(folder: Path) -> Path:
    """Write both networks into a folder."""
    folder.mkdir(parents=True)
    onnx.save(_detector(), folder / "detector.onnx")
    onnx.save(_recognizer(), folder / "recognizer.onnx")
    return folder


def _detector() -> onnx.ModelProto:
    """Scores, boxes and landmarks of every anchor; redness decides, at the stride of 32 alone."""
    landmarks = np.array(LANDMARKS, np.float32).reshape(1, 10)
    values = {
        "redness": np.array([0.5, -0.25, -0.25], np.float32).reshape(1, 3, 1, 1),
        "least": np.array(0.8, np.float32),
        "steep": np.array(40, np.float32),
        "column": np.array([-1, 1]),
        "box": np.array([[2.5, 4, 3.5, 4]], np.float32),  # from the anchor to each side
        "landmarks": landmarks,
        "no_box": np.zeros((1, 4), np.float32),
        "no_landmarks": np.zeros_like(landmarks),
    }
    nodes = [helper.make_node("Conv", ["image", "redness"], ["red"])]
    outputs: dict[str, list[str]] = {"score": [], "box": [], "landmarks": []}
    for stride in (8, 16, 32):
        values[f"seen{stride}"] = np.array(float(stride == CELL), np.float32)
        chain = [
            ("AveragePool", ["red"], {"kernel_shape": [stride] * 2, "strides": [stride] * 2}),
            ("Sub", ["least"], {}),
            ("Mul", ["steep"], {}),
            ("Sigmoid", [], {}),
            ("Mul", [f"seen{stride}"], {}),
            ("Reshape", ["column"], {}),
        ]
        before = None
        for place, (kind, inputs, attributes) in enumerate(chain):
            made = f"{kind}{place}_{stride}"
            inputs = [before, *inputs] if before else inputs
            nodes.append(helper.make_node(kind, inputs, [made], **attributes))
            before = made
        nodes.append(helper.make_node("Concat", [before, before], [f"pair{stride}"], axis=1))
        nodes.append(helper.make_node("Reshape", [f"pair{stride}", "column"], [f"score{stride}"]))
        outputs["score"].append(f"score{stride}")
        for kind in ("box", "landmarks"):
            nodes.append(helper.make_node("Mul", [f"score{stride}", f"no_{kind}"], [f"no_{kind}{stride}"]))
            nodes.append(helper.make_node("Add", [f"no_{kind}{stride}", kind], [f"{kind}{stride}"]))
            outputs[kind].append(f"{kind}{stride}")
    widths = {"score": 1, "box": 4, "landmarks": 10}
    shapes = {name: ["anchors", widths[kind]] for kind, names in outputs.items() for name in names}
    return _model(nodes, {"image": [1, 3, "height", "width"]}, shapes, values)


def _recognizer() -> onnx.ModelProto:
    """Mean colors of 4 x 4 parts of an aligned face, 48 numbers."""
    nodes = [
        helper.make_node("AveragePool", ["face"], ["parts"], kernel_shape=[28, 28], strides=[28, 28]),
        helper.make_node("Flatten", ["parts"], ["embedding"]),
    ]
    return _model(nodes, {"face": [1, 3, 112, 112]}, {"embedding": [1, 48]}, {})


def _model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, list[int | str]],
    outputs: dict[str, list[int | str]],
    values: dict[str, np.ndarray],
) -> onnx.ModelProto:
    described = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in each.items()]
        for each in (inputs, outputs)
    )
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "drawn faces", *described, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
