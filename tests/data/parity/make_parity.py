"""Training numbers of PyTorch in double precision, for the end-to-end parity tests.

Writes cifar.safetensors, net.safetensors and sgd.safetensors beside this script.

cifar, net: CifarModel with cross entropy, Net with both dropout probabilities 0 and nll_loss on
log_softmax. SGD, lr 0.01, momentum 0.9, 20 steps; step s (from 0) uses batch s % 4.
  images      u8  [4,16,C,H,W]   the network's input is (u8 - 128) / 64, exact in f32 and f64
  labels      i64 [4,16]
  init/NAME   f64                state dict before step 0 (num_batches_tracked is i64); every value
                                 is exact in f32 as well
  logits      f64 [16,10]        scores of step 0 (for net before log_softmax; log_probs after)
  losses      f64 [20]           loss of each step, before its update
  grad/NAME   f64                gradients of step 0
  step1/NAME                     buffers of batch norm after step 0 (cifar only)
  final/NAME                     state dict after 20 steps
net also has one step with dropout, from init/, on batch 0, the masks given:
  dropout/mask2d f64 [16,20,1,1] 0 or 2, multiplies conv2's output, before the pool
  dropout/mask   f64 [16,50]     0 or 2, multiplies relu(fc1), before fc2
  dropout/loss f64 [], dropout/logits, dropout/grad/NAME

Near-ties: a max pool whose two best values are almost equal, or a relu whose input is almost 0,
may choose differently in f32, and moves every gradient before it by about 1e-3. So the first batch
has none at init/: in every window the best value exceeds the second by more than MARGIN times the
best, and every relu input exceeds MARGIN times the root mean square of its channel. Windows whose
best two are both exactly 0 (after a relu, or dropped) do not count: no gradient passes there. The
metadata says batchI.tie_free for all batches, at init/, and how many near-ties there are.
How: weights are drawn uniformly, and the output channels that have a near-tie are drawn again,
layer by layer. Scale and shift of batch norm are drawn away from 1 and 0. CifarModel's convolutions
are drawn wider than by default, and its last batch norm smaller, to make the 20 steps well
conditioned: with default weights the later steps amplify one flipped tie to 1e-2 in the loss, in
PyTorch's own f32 run too; with these, PyTorch's f32 losses stay within 1e-3 of its f64 losses.

The bias of a convolution in front of a batch norm has gradient 0; what the file holds is rounding.

sgd: two parameters, given gradients, 6 steps of the optimizer alone.
  p0/init, p1/init, p0/grad [6,..], p1/grad [6,..]
  CASE/p0, CASE/p1 [6,..]        the parameter after each step
  CASE/m0, CASE/m1 [6,..]        its momentum buffer after each step (cases with momentum)
  CASE/options f64 [5]           lr, momentum, dampening, weight_decay, nesterov
In case `late`, p1 has no gradient in the first two steps: it does not move, and its momentum
buffer begins at the third (m1 is 0 until then), without dampening, as PyTorch does it.
"""

import pathlib
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from reference import CifarModel, Net, save, setup  # noqa: E402

BATCHES, BATCH, STEPS, MARGIN = 4, 16, 20, 1e-4


def windows(name, x):
    """The pool's windows on the last axis."""
    if name == "adaptive_max_pool2d":
        return x.flatten(2).unsqueeze(2)
    return x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).flatten(2, 3)


def near_ties(name, x):
    """True for every window or relu input that is too close to call."""
    if name == "relu":
        over = [i for i in range(x.dim()) if i != 1]
        return (x.abs() <= MARGIN * x.pow(2).mean(over, keepdim=True).sqrt()) & (x != 0)
    best, second = windows(name, x).topk(2, dim=-1).values.unbind(-1)
    return (best - second <= MARGIN * best.abs()) & ~((best == 0) & (second == 0))


class Watch(TorchFunctionMode):
    """Counts the near-ties of every relu and max pool that runs. calls: how many ran."""

    def __init__(self):
        super().__init__()
        self.ties = self.calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = func.__name__
        if name in ("relu", "max_pool2d", "adaptive_max_pool2d"):
            self.ties += int(near_ties(name, args[0].detach()).sum())
            self.calls += 1
        return func(*args, **(kwargs or {}))


def count_ties(model, calls, *args):
    with Watch() as watch, torch.no_grad():
        was = {k: v.clone() for k, v in model.state_dict().items()}
        model(*args)
        model.load_state_dict(was)
    assert watch.calls == calls, watch.calls
    return watch.ties


def uniform(shape, bound, gen):
    """Uniform in (-bound, bound), rounded to f32."""
    x = torch.rand(shape, generator=gen, dtype=torch.float64) * 2 - 1
    return (x * bound).float().double()


def draw(layer, gen, outputs, checks, gain=1.0):
    """Draw the layer's weights; draw the rows with near-ties again until there are none.
    outputs(rows): these rows' outputs, after norm. checks: (op, map from outputs to its input)."""
    fan_in = layer.weight[0].numel()
    rows = torch.arange(layer.weight.shape[0])
    with torch.no_grad():
        while len(rows):
            for p in (layer.weight, layer.bias):
                p[rows] = uniform(p[rows].shape, gain * fan_in**-0.5, gen)
            y, bad = outputs(rows), torch.zeros(len(rows), dtype=torch.bool)
            for name, to_input in checks:
                x = to_input(y)
                bad |= near_ties(name, x).transpose(0, 1).flatten(1).any(1)
            rows = rows[bad]


def images_and_labels(gen, c, h, w):
    """Ten classes, each a smooth random pattern, plus noise: learnable, never clipped."""
    pattern = torch.rand((10, c, 7, 7), generator=gen, dtype=torch.float64)
    pattern = F.interpolate(pattern, (h, w), mode="bilinear", align_corners=True) * 110
    labels = torch.randint(10, (BATCHES, BATCH), generator=gen)
    noise = torch.rand((BATCHES, BATCH, c, h, w), generator=gen, dtype=torch.float64) * 140
    return (pattern[labels] + noise).floor().to(torch.uint8), labels


def to_input(images):
    return (images.double() - 128) / 64


def init_cifar(x, gen):
    model = CifarModel().double()
    stages = [model.c2d, *model.features]
    pools = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)
    for i, layer in enumerate(stages):
        if isinstance(layer, nn.Conv2d):
            norm = stages[i + 1]
            after = stages[i + 3] if i + 3 < len(stages) else None
            with torch.no_grad():
                scale = 0.4 if norm is stages[-3] else 1.0
                norm.weight.copy_((scale * (1 + uniform(norm.weight.shape, 0.5, gen))).float())
                norm.bias.copy_(uniform(norm.bias.shape, 0.2, gen))

            def outputs(rows, x=x, layer=layer, norm=norm):
                y = F.conv2d(x, layer.weight[rows], layer.bias[rows], padding=1)
                return F.batch_norm(y, None, None, norm.weight[rows], norm.bias[rows], True)

            checks = [("relu", lambda y: y)]
            if isinstance(after, pools):
                name = "max_pool2d" if isinstance(after, nn.MaxPool2d) else "adaptive_max_pool2d"
                checks.append((name, F.relu))
            draw(layer, gen, outputs, checks, gain=6**0.5)
        with torch.no_grad():
            x = layer(x)
    x = x.flatten(1)
    first, _, last = model.classifier
    draw(first, gen, lambda r: F.linear(x, first.weight[r], first.bias[r]), [("relu", lambda y: y)])
    with torch.no_grad():
        for p in (last.weight, last.bias):
            p.copy_(uniform(p.shape, 32**-0.5, gen))
    for m in model.modules():  # the passes above moved the running statistics
        if isinstance(m, nn.BatchNorm2d):
            m.reset_running_stats()
    return model


def init_net(x, gen):
    model = Net(0.0).double()
    pool = lambda y: F.max_pool2d(y, 2)  # noqa: E731
    checks = [("max_pool2d", lambda y: y), ("relu", pool)]
    for conv in (model.conv1, model.conv2):
        draw(conv, gen, lambda r: F.conv2d(x, conv.weight[r], conv.bias[r]), checks)
        with torch.no_grad():
            x = F.relu(pool(conv(x)))
    x = x.view(-1, 320)
    fc1, fc2 = model.fc1, model.fc2
    draw(fc1, gen, lambda r: F.linear(x, fc1.weight[r], fc1.bias[r]), [("relu", lambda y: y)])
    with torch.no_grad():
        for p in (fc2.weight, fc2.bias):
            p.copy_(uniform(p.shape, 50**-0.5, gen))
    return model


def is_buffer(name):
    return name.rsplit(".", 1)[-1] in ("running_mean", "running_var", "num_batches_tracked")


def train(model, loss_of, images, labels):
    """20 steps; returns the tensors of the file, init/ to final/."""
    out = {"images": images, "labels": labels}
    out |= {"init/" + k: v.clone() for k, v in model.state_dict().items()}
    for k, v in out.items():
        assert not v.is_floating_point() or torch.equal(v.float().double(), v), k
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, foreach=False)
    losses = []
    for step in range(STEPS):
        sgd.zero_grad()
        y = model(to_input(images[step % BATCHES]))
        loss = loss_of(y, labels[step % BATCHES])
        loss.backward()
        if step == 0:
            out["logits"] = y.detach().clone()
            out |= {"grad/" + k: p.grad.clone() for k, p in model.named_parameters()}
        sgd.step()
        if step == 0:
            out |= {"step1/" + k: v.clone() for k, v in model.state_dict().items() if is_buffer(k)}
        losses.append(loss.item())
    out["losses"] = torch.tensor(losses, dtype=torch.float64)
    out |= {"final/" + k: v.clone() for k, v in model.state_dict().items()}
    return out


def about(model, images, calls):
    facts = {"lr": 0.01, "momentum": 0.9, "margin": MARGIN}
    facts["torch"] = torch.__version__.split("+")[0]
    for i in range(BATCHES):
        ties = count_ties(model, calls, to_input(images[i]))
        facts |= {f"batch{i}.tie_free": str(ties == 0).lower(), f"batch{i}.near_ties": ties}
    assert facts["batch0.tie_free"] == "true"
    return facts


def make_cifar():
    gen = torch.Generator().manual_seed(1)
    images, labels = images_and_labels(gen, 3, 32, 32)
    model = init_cifar(to_input(images[0]), gen)
    facts = about(model, images, 10)
    facts |= {"model": "CifarModel", "loss": "cross_entropy"}
    save(HERE / "cifar.safetensors", train(model, F.cross_entropy, images, labels), facts)


def make_net():
    gen = torch.Generator().manual_seed(2)
    images, labels = images_and_labels(gen, 1, 28, 28)
    x = to_input(images[0])
    model = init_net(x, gen)
    facts = about(model, images, 5)
    facts |= {"model": "Net", "loss": "nll_loss(log_softmax)"}

    while True:  # masks under which fc1's relu has no near-tie either
        mask2d = torch.randint(2, (BATCH, 20, 1, 1), generator=gen).double() * 2
        mask = torch.randint(2, (BATCH, 50), generator=gen).double() * 2
        if count_ties(model, 5, x, mask2d, mask) == 0:
            break
    loss = F.nll_loss(model(x, mask2d, mask), labels[0])
    loss.backward()
    dropped = {"dropout/mask2d": mask2d, "dropout/mask": mask, "dropout/loss": loss.detach()}
    dropped["dropout/logits"] = model.logits(x, mask2d, mask).detach()
    dropped |= {"dropout/grad/" + k: p.grad.clone() for k, p in model.named_parameters()}

    with torch.no_grad():
        logits = model.logits(x)
    out = train(model, F.nll_loss, images, labels)
    out |= {"log_probs": out["logits"], "logits": logits} | dropped
    save(HERE / "net.safetensors", out, facts)


def make_sgd():
    gen = torch.Generator().manual_seed(3)
    shapes = [(3, 4), (5,)]
    init = [uniform(s, 1.0, gen) for s in shapes]
    grads = [uniform((6, *s), 1.0, gen) for s in shapes]
    cases = {
        "plain": dict(lr=0.1),
        "decay": dict(lr=0.1, weight_decay=5e-4),
        "momentum": dict(lr=0.1, momentum=0.9),
        "dampening": dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=5e-4),
        "nesterov": dict(lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
        "late": dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=5e-4),
    }
    out = {f"p{i}/init": p for i, p in enumerate(init)}
    out |= {f"p{i}/grad": g for i, g in enumerate(grads)}
    names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
    for case, options in cases.items():
        params = [nn.Parameter(p.clone()) for p in init]
        sgd = torch.optim.SGD(params, foreach=False, **options)
        history = {f"{case}/{x}{i}": [] for x in "pm" for i in range(2)}
        for step in range(6):
            for i, p in enumerate(params):
                p.grad = None if case == "late" and i == 1 and step < 2 else grads[i][step].clone()
            sgd.step()
            for i, p in enumerate(params):
                history[f"{case}/p{i}"].append(p.detach().clone())
                m = sgd.state[p].get("momentum_buffer")
                history[f"{case}/m{i}"].append(torch.zeros_like(p) if m is None else m.clone())
        out |= {k: torch.stack(v) for k, v in history.items() if "/p" in k or "momentum" in options}
        out[f"{case}/options"] = torch.tensor([float(options.get(n, 0)) for n in names],
                                              dtype=torch.float64)
    save(HERE / "sgd.safetensors", out, {"options": " ".join(names), "cases": " ".join(cases)})


if __name__ == "__main__":
    setup()
    make_cifar()
    make_net()
    make_sgd()
