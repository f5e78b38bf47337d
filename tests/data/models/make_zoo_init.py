"""How PyTorch fills fresh parameters of the zoo's models.

Writes zoo_init.json beside this script: {"MODEL": ["ENTRY RULE VALUE", ...]} for every parameter and
buffer in the state dict's order (of a tensor with two names both), where RULE VALUE is
  uniform b     in (-b, b)
  normal s      mean 0, deviation s
  constant c
and for the five tensors of a batch norm one line, "LAYER batch_norm": weight and running_var 1, bias,
running_mean and num_batches_tracked 0.

The rules are those of torch.nn and of torchvision's models, written out below. The script checks
them against what it measures after torch.manual_seed(0) in f32: a uniform one never leaves (-b, b),
and mean and deviation of n values agree within 5 deviations / sqrt(n), which no fresh seed misses
more than about once in a million. A test of another engine can use the same bounds. GoogLeNet's
normal is cut at 200 deviations, which shows nowhere.
"""

import math
import pathlib

import torch
import torch.nn as nn

from twins import TORCHVISION, TWINS, TiedLinear, model, save_json, setup

HERE = pathlib.Path(__file__).resolve().parent


def rule(family, path, module, name):
    """(rule, value) of a tensor that is no batch norm's."""
    w = module.weight
    fan_in, fan_out = w[0].numel(), w.shape[0] * w[0, 0].numel()
    weight, conv = name == "weight", isinstance(module, nn.Conv2d)
    if isinstance(module, TiedLinear):
        fan_in = w[0].numel() if weight else w.shape[0]
    default = "uniform", 1 / math.sqrt(fan_in)
    if family == "vgg":
        if not weight:
            return "constant", 0.0
        return "normal", math.sqrt(2 / fan_out) if conv else 0.01
    if family in ("resnet", "resnext", "wide"):
        return ("normal", math.sqrt(2 / fan_out)) if conv else default
    if family == "mobilenet":
        if not weight:
            return "constant", 0.0
        return "normal", math.sqrt(2 / fan_out) if conv else 0.01
    if family == "densenet":
        if conv:
            return "normal", math.sqrt(2 / fan_in)
        return default if weight else ("constant", 0.0)
    if family == "googlenet":
        return ("normal", 0.01) if weight else default
    if family == "squeezenet":
        if not weight:
            return "constant", 0.0
        return ("normal", 0.01) if path == "classifier.1" else ("uniform", math.sqrt(6 / fan_in))
    return default  # alexnet and the twins


def check(x, distribution, value, label):
    x = x.detach().double().flatten()
    if distribution == "constant":
        assert (x == value).all(), label
        return
    std = value / math.sqrt(3) if distribution == "uniform" else value
    slack = 5 * std / math.sqrt(x.numel())
    assert abs(x.mean()) <= slack and abs(x.std(correction=0) - std) <= slack, label
    assert distribution == "normal" or x.abs().max() <= value * (1 + 1e-6), label
    # A normal of this many values goes beyond what a uniform of its deviation reaches.
    assert distribution == "uniform" or x.numel() < 1000 or x.max() > 2 * std, label


def rules(name):
    family = next((f for f in ("vgg", "resnet", "resnext", "wide", "mobilenet", "densenet",
                               "googlenet", "squeezenet") if name.startswith(f)), "")
    torch.manual_seed(0)
    net = model(name)
    lines = []
    for path, module in net.named_modules():
        own = {k: v for k, v in module.state_dict().items() if "." not in k}
        if isinstance(module, nn.BatchNorm2d):
            for kind, x in own.items():
                check(x, "constant", 1.0 if kind in ("weight", "running_var") else 0.0, path)
            lines.append(f"{path} batch_norm")
            continue
        for kind, x in own.items():
            distribution, value = rule(family, path, module, kind)
            check(x, distribution, value, f"{name}: {path}.{kind}")
            lines.append(f"{path}.{kind} {distribution} {value!r}")
    print(name, len(lines), flush=True)
    return lines


if __name__ == "__main__":
    setup()
    torch.set_grad_enabled(False)
    save_json(HERE / "zoo_init.json", {name: rules(name) for name in TORCHVISION + list(TWINS)},
              levels=1)
