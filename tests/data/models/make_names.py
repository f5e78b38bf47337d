"""Names, shapes and dtypes of PyTorch's state dicts, and how PyTorch fills fresh parameters.

Writes beside this script:
  net.json, cifar_model.json, vgg11_bn.json   [{"name", "dtype", "shape"}, ...] in PyTorch's order
                                     (dtypes by safetensors' words: F64, F32, I64)
  zoo.json                           {"NAME": ["ENTRY DTYPE SHAPE", ...]} of the zoo's other models
  init.json                          {"rules", "layers"}

rules, of torch.nn and of torchvision's vgg; fan_in = elements of one output's weights
(in / groups * kh * kw), fan_out = out * kh * kw:
  Conv2d, Linear          weight and bias: uniform in (-b, b), b = 1 / sqrt(fan_in)
  ConvTranspose2d         the same, of the weight [in, out / groups, kh, kw]: fan_in = out / groups * kh
                          * kw
  BatchNorm, GroupNorm    weight 1, bias 0, running_mean 0, running_var 1, num_batches_tracked 0
  vgg's Conv2d            weight: normal, mean 0, std sqrt(2 / fan_out); bias 0
  vgg's Linear            weight: normal, mean 0, std 0.01; bias 0
layers: measured in f32 after torch.manual_seed(0), one entry per parameter or buffer:
  model, name, kind, count, mean, std (biased), min, max, distribution ("uniform", "normal",
  "constant") and what the rule says: bound (uniform), expected_std, value (constant)
  Besides the three models there are single layers under the model name "layers": a strided, a
  grouped, a depthwise and a biasless convolution, and linears, wide enough to tell rules apart.
The script checks the rules against what it measures; a test of another engine can use its bounds: a
uniform one never leaves (-bound, bound); mean and std of n values agree with the rule within
5 * expected_std / sqrt(n), which no fresh seed misses more than about once in a million.
"""

import math
import pathlib
import sys

import torch
import torch.nn as nn
import torchvision

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from reference import CifarModel, Net, save_json, setup  # noqa: E402
from twins import TORCHVISION, TWINS, model as zoo_model  # noqa: E402

WORDS = {torch.float64: "F64", torch.float32: "F32", torch.int64: "I64"}

def entries(model):
    return [f"{k} {WORDS[v.dtype]} [{','.join(map(str, v.shape))}]"
            for k, v in model.state_dict().items()]


def names(model):
    return [{"name": k, "dtype": WORDS[v.dtype], "shape": list(v.shape)}
            for k, v in model.state_dict().items()]


def single_layers():
    """Layers in which in, out, groups and kernel differ, so that no wrong fan passes for the right."""
    return nn.ModuleDict({
        "strided": nn.Conv2d(12, 40, (3, 5), stride=2, padding=1),
        "grouped": nn.Conv2d(24, 48, 3, groups=4),
        "depthwise": nn.Conv2d(96, 192, (5, 3), groups=96),
        "no_bias": nn.Conv2d(10, 60, (1, 7), bias=False),
        "pointwise": nn.Conv2d(100, 50, 1),
        "wide": nn.Linear(30, 600),
        "narrow": nn.Linear(700, 20),
        "linear_no_bias": nn.Linear(50, 80, bias=False),
        "norm1d": nn.BatchNorm1d(7),
        "norm2d": nn.BatchNorm2d(5),
        "transposed": nn.ConvTranspose2d(20, 30, (3, 5), stride=2),
        "transposed_grouped": nn.ConvTranspose2d(24, 96, (2, 3), groups=4),
        "transposed_no_bias": nn.ConvTranspose2d(60, 10, (1, 7), bias=False),
        "group_norm": nn.GroupNorm(3, 6),
    })


def rule(vgg, module, name):
    """(distribution, parameter) that PyTorch documents for this tensor of the module."""
    if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.GroupNorm)):
        return "constant", 1.0 if name in ("weight", "running_var") else 0.0
    w = module.weight
    fan_in, fan_out = w[0].numel(), w.shape[0] * w[0, 0].numel()
    if not vgg:
        return "uniform", 1 / math.sqrt(fan_in)
    if name == "bias":
        return "constant", 0.0
    return "normal", math.sqrt(2 / fan_out) if isinstance(module, nn.Conv2d) else 0.01


def measure(label, model):
    vgg = label == "vgg11_bn"
    for path, module in model.named_modules():
        for name, x in module.state_dict(prefix="").items():
            if "." in name:
                continue  # a child's
            distribution, value = rule(vgg, module, name)
            x = x.double().flatten()
            mean, std = x.mean().item(), x.std(correction=0).item()
            row = {"model": label, "name": f"{path}.{name}", "kind": type(module).__name__,
                   "count": x.numel(), "mean": mean, "std": std, "min": x.min().item(),
                   "max": x.max().item(), "distribution": distribution}
            if distribution == "constant":
                row["value"] = value
                assert (x == value).all(), row
            else:
                expected = value / math.sqrt(3) if distribution == "uniform" else value
                row |= {"expected_std": expected}
                row |= {"bound": value} if distribution == "uniform" else {}
                slack = 5 * expected / math.sqrt(x.numel())
                assert abs(mean) <= slack and abs(std - expected) <= slack, row
                assert distribution == "normal" or x.abs().max() <= value * (1 + 1e-6), row
            yield row


if __name__ == "__main__":
    setup()
    models = {}
    for label, make in {"net": Net, "cifar_model": CifarModel, "layers": single_layers,
                        "vgg11_bn": lambda: torchvision.models.vgg11_bn(weights=None)}.items():
        torch.manual_seed(0)
        models[label] = make()
    for label in ("net", "cifar_model", "vgg11_bn"):
        save_json(HERE / f"{label}.json", names(models[label]), levels=1)
    save_json(HERE / "zoo.json", {name: entries(zoo_model(name, init_weights=False))
                                  for name in TORCHVISION + list(TWINS)}, levels=1)
    rules = {
        "Conv2d": "weight, bias: uniform(-b, b), b = 1/sqrt(in/groups * kh * kw)",
        "Linear": "weight, bias: uniform(-b, b), b = 1/sqrt(in)",
        "ConvTranspose2d": "weight, bias: uniform(-b, b), b = 1/sqrt(out/groups * kh * kw)",
        "BatchNorm": "weight, running_var: 1; bias, running_mean, num_batches_tracked: 0",
        "GroupNorm": "weight: 1; bias: 0",
        "vgg Conv2d": "weight: normal(0, sqrt(2 / (out * kh * kw))); bias: 0",
        "vgg Linear": "weight: normal(0, 0.01); bias: 0",
        "vgg BatchNorm": "weight, running_var: 1; bias, running_mean, num_batches_tracked: 0",
    }
    layers = [row for label, model in models.items() for row in measure(label, model)]
    save_json(HERE / "init.json", {"rules": rules, "layers": layers})
