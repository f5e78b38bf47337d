"""Outputs of PyTorch for every model of the zoo, in double precision and evaluation mode.

Writes parity.json beside this script: {"MODEL": {"inputs": [SHAPE, ...], "shape": SHAPE of the
output, "stride": s, "values": every s-th element of the flat output, "sum", "norm"}}.

Nothing but these numbers is stored, since parameters, buffers and inputs follow from
  u(k, i) = top 53 bits of mix(i + k * 0x9E3779B97F4A7C15) / 2^53, in [0, 1)
where i counts a tensor's elements, k the entries of the state dict in its order (of a tensor with
two names the last wins) or, from 2^32 on, the inputs; mix is splitmix64's finalizer:
  running_var             0.5 + u
  running_mean, bias      0.1 (2u - 1)
  weight of one dimension 0.5 + u; 0.5 u in layers called bn3, the last of a residual block, or 50
                          blocks would double the values 50 times
  other weights           (2u - 1) sqrt(6 / fan), fan = elements / size of dimension 0
  num_batches_tracked     left alone
  inputs                  2u - 1
Inputs are as small as the model takes. The script checks that an output shows its input: one that is
larger by a thousandth must change it by more than 1e-6.
"""

import math
import pathlib

import numpy as np
import torch

from twins import TORCHVISION, TWINS, model, save_json, setup

HERE = pathlib.Path(__file__).resolve().parent
INPUTS = {"mnist": [[2, 1, 28, 28]], "cifar": [[2, 3, 32, 32]], "vgg11_bn@2019": [[1, 3, 224, 224]],
          "unet": [[2, 3, 32, 48]], "mlp": [[2, 1, 28, 28]], "siamese": [[2, 1, 28, 28]] * 2,
          "autoencoder": [[2, 1, 28, 28]], "resnet18": [[2, 3, 64, 64]],
          "alexnet": [[1, 3, 96, 96]]}
FIRST_INPUT = 1 << 32


def uniform(k, shape):
    """u(k, i) for every element, a million at a time."""
    n = math.prod(shape)
    out = np.empty(n)
    for at in range(0, n, 1 << 20):
        i = np.arange(at, min(n, at + (1 << 20)), dtype=np.uint64)
        x = i + np.uint64(k * 0x9E3779B97F4A7C15 % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
        out[at:at + len(i)] = (x >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return torch.from_numpy(out).reshape(shape)


def fill(net):
    for k, (name, x) in enumerate(net.state_dict().items()):
        if not x.is_floating_point():
            continue
        u, kind = uniform(k, x.shape), name.rsplit(".")[-1]
        if name.endswith("bn3.weight"):
            x.copy_(0.5 * u)
        elif kind == "running_var" or (kind == "weight" and x.dim() == 1):
            x.copy_(0.5 + u)
        elif kind in ("running_mean", "bias"):
            x.copy_(0.1 * (2 * u - 1))
        else:
            assert kind == "weight", name
            x.copy_((2 * u - 1) * math.sqrt(6 / (x.numel() // x.shape[0])))


def outputs(name):
    net = model(name, init_weights=False).double().eval()
    fill(net)
    shapes = INPUTS.get(name, [[1, 3, 64, 64]])
    xs = [2 * uniform(FIRST_INPUT + i, s) - 1 for i, s in enumerate(shapes)]
    y = net(*xs).flatten()
    shown = (net(xs[0] * 1.001, *xs[1:]).flatten() - y).norm() / y.norm()
    spread = (y - y.mean()).norm() / y.norm()
    print(f"{name:16} norm {y.norm():9.3g}  largest {y.abs().max():9.3g}  spread {spread:.2g}  "
          f"change {shown:.1e}", flush=True)
    assert 1e-6 < shown and 1e-3 < spread and y.isfinite().all(), name
    stride = max(1, len(y) // 40 | 1)
    return {"inputs": shapes, "shape": list(net(*xs).shape), "stride": stride,
            "values": y[::stride].tolist(), "sum": y.sum().item(), "norm": y.norm().item()}


if __name__ == "__main__":
    setup()
    torch.set_grad_enabled(False)
    names = ["mnist", "cifar", "vgg11_bn@2019"] + TORCHVISION + list(TWINS)
    save_json(HERE / "parity.json", {name: outputs(name) for name in names}, levels=1)
