#!/usr/bin/env python3
"""Totals of the zoo's networks as other tools count them, into totals.json: torchvision's, and the twins of
the rest in tests/data/models/twins.py.

Needs torch, torchvision, torchinfo and fvcore; nothing here needs them at test time.
 - flop_counter: torch.utils.flop_counter.FlopCounterMode around forward and around the backward of the
   outputs' sum, training mode, batch 2, divided by 2: FLOPs of one sample, a multiply-add is two.
 - torchinfo: total_mult_adds, total_params and trainable_params of summary(), batch 1, mode eval.
 - fvcore: FlopCountAnalysis().total() of one sample in evaluation mode, where a multiply-add is one.
"""
import json
import logging
import pathlib
import sys
import warnings

import torch
import torchinfo
import torchvision
from fvcore.nn import FlopCountAnalysis
from torch.utils.flop_counter import FlopCounterMode

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "models"), str(HERE.parent / "sequence")]
import make_sequence
import twins

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

NAMES = ["vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "resnet18",
         "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2",
         "densenet121", "googlenet", "mobilenet_v2", "squeezenet1_1", "alexnet"]


TWINS = {"unet": [(3, 256, 256)], "mlp": [(1, 28, 28)], "siamese": [(1, 28, 28), (1, 28, 28)],
         "autoencoder": [(1, 28, 28)]}
SEQUENCES = {"transformer": (make_sequence.TransformerClassifier, 64), "char_rnn": (make_sequence.CharRnn, 100)}


def make(name):
    if name in TWINS:
        return twins.model(name)
    if name in SEQUENCES:
        return SEQUENCES[name][0]()
    options = {"init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(weights=None, **options)


def inputs(name, batch):
    if name in SEQUENCES:
        return [torch.zeros(batch, SEQUENCES[name][1], dtype=torch.long)]
    return [torch.zeros(batch, *shape) for shape in TWINS.get(name, [(3, 224, 224)])]


def flop_counter(name, device="meta", training=True):
    with torch.device(device):
        model = make(name).train(training)
        xs = inputs(name, 2)
    forward, backward = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with forward:
        out = model(*xs)
    outputs = out if isinstance(out, tuple) else (out,)
    loss = sum(y.sum() for y in outputs if y is not None)
    with backward:
        loss.backward()
    return {"forward": forward.get_total_flops() / 2, "backward": backward.get_total_flops() / 2}


def main():
    totals = {}
    for name in NAMES + list(TWINS) + list(SEQUENCES):
        model = make(name).eval()
        info = torchinfo.summary(model, input_data=inputs(name, 1), verbose=0, device="cpu")
        totals[name] = {
            "flop_counter": flop_counter(name),
            "torchinfo": {"mult_adds": int(info.total_mult_adds), "params": int(info.total_params),
                          "trainable": int(info.trainable_params)},
        }
        if name not in SEQUENCES:  # fvcore counts no attention and no recurrence
            totals[name]["fvcore"] = int(FlopCountAnalysis(model, tuple(inputs(name, 1))).total())
        if name == "transformer":  # in evaluation on the CPU attention is one op
            totals[name]["flop_counter_evaluation"] = flop_counter(name, "cpu", False)
        print(name, totals[name], flush=True)
    versions = {m.__name__: m.__version__ for m in (torch, torchvision, torchinfo)}
    (HERE / "totals.json").write_text(json.dumps({"versions": versions, "totals": totals}, indent=1) + "\n")


main()
