"""Files of the safetensors library itself, for tests/safetensors_test.cpp.

Writes types.safetensors and empty.safetensors beside this script. Needs torch and safetensors 0.8:
python make_safetensors.py

types.safetensors holds tensors of every type that Glassbox has, with values that show byte order
and sign, and tensors without dimensions, without elements and with a name that needs escapes.
"""
import pathlib

import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
inf = float("inf")

tensors = {
    "f32": torch.tensor([[0.5, -1.25, 3e38], [2.0**-149, inf, -0.0]], dtype=torch.float32),
    "f64": torch.tensor([0.1, -1e300, 5e-324], dtype=torch.float64),
    "f16": torch.tensor([[1.5], [-65504.0]], dtype=torch.float16),
    "bf16": torch.tensor([1.5, -2.0**127], dtype=torch.bfloat16),
    "i32": torch.tensor([-2147483648, 2147483647, -2], dtype=torch.int32),
    "i64": torch.tensor([[[-9223372036854775808, 258]]], dtype=torch.int64),
    "u8": torch.tensor([0, 127, 128, 255, 7], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(2.75),
    "empty": torch.zeros(0, 3),
    "layer.0.weight": torch.arange(6, dtype=torch.float32).reshape(3, 2),
    'a "quoted" \\ näme': torch.tensor([42]),
}
save_file(tensors, here / "types.safetensors", metadata={"engine": 'a "value"'})
save_file({}, here / "empty.safetensors")
