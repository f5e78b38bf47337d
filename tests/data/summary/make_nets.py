"""What torchsummary 1.5.1 prints for 38 nets, byte for byte: 18 designed ones, one per
question, and 20 drawn ones.

Writes nets.json beside this script: [{"name", "inputs", "net", "text"}, ...]. inputs: one shape per
input, without the batch. text: all that summary(net, inputs, device="cpu") prints, to the last
newline. Before that it prints the article's three tables and compares them with ../golden/*.txt.

net is a tree of nodes, {"kind": KIND, ...}:
  Conv2d             in, out, kernel; stride 1, padding 0, dilation 1, groups 1, bias true
  Linear             in, out; bias true
  BatchNorm2d, BatchNorm1d   features; affine true (false: no parameters)
  ReLU, Identity, Flatten (from axis 1), Dropout, Dropout2d
  MaxPool2d, AvgPool2d       kernel; stride = kernel, padding 0
  AdaptiveMaxPool2d, AdaptiveAvgPool2d   size
  Sequential         children; one may be empty
The kinds below are modules of a user's own; the kind is the class name:
  Stack              children, held in a ModuleList, called in order; a child {"kind": "ModuleList",
                     children} is a list in the list, called in order too: no module of its own
  Residual           body, and maybe shortcut: x + body(x), or shortcut(x) + body(x)
  Branch             children, in a ModuleList: concat of child(x), on axis 1
  Repeat             body, times: calls the same child again and again
  Scale              shape, param: x * p, where p is a parameter of that shape held under the name
                     param: "alpha", "weight" or "bias"
  Spare              used, spare: calls used; spare is registered and never called
  TupleOut           children, in a ModuleList: returns the tuple of child(x)
  Pick               body, index: body returns a tuple; returns that element
  TwoInput           left, right, tail: tail(concat(left(x0), right(x1)) on axis 1)
  AdaptivelyRecalibratedResidualBlock   as Residual; a name wider than its column
Any node may have
  id                 a name; {"kind": "Shared", "ref": id}, later in the tree, is the same module
  frozen             true: none of the node's parameters is trained, its descendants' included; or a
                     list of names: these parameters of the node itself
Children are registered in the order in which they are called; spare after used, shortcut before
body, left, right, tail.

Left out, because torchsummary 1.5.1 crashes on it: inputs of unequal rank (a ragged np.prod), a
module that takes a tuple, tuples of unequal rank, nested tuples, outputs without axes, a net in
which no module with a row has a weight or bias.
"""

import contextlib
import io
import json
import pathlib
import random
import sys

import torch
import torch.nn as nn
import torchvision
from torchsummary import summary

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from reference import CifarModel, Net, save_json, setup  # noqa: E402


class Stack(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        def run(layers, x):
            for layer in layers:
                x = run(layer, x) if isinstance(layer, nn.ModuleList) else layer(x)
            return x

        return run(self.layers, x)


class Residual(nn.Module):
    def __init__(self, body, shortcut=None):
        super().__init__()
        self.shortcut = shortcut
        self.body = body

    def forward(self, x):
        return (x if self.shortcut is None else self.shortcut(x)) + self.body(x)


class AdaptivelyRecalibratedResidualBlock(Residual):
    pass


class Branch(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = branches

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Repeat(nn.Module):
    def __init__(self, body, times):
        super().__init__()
        self.body = body
        self.times = times

    def forward(self, x):
        for _ in range(self.times):
            x = self.body(x)
        return x


class Scale(nn.Module):
    def __init__(self, shape, param):
        super().__init__()
        self.param = param
        self.register_parameter(param, nn.Parameter(torch.ones(shape)))

    def forward(self, x):
        return x * getattr(self, self.param)


class Spare(nn.Module):
    def __init__(self, used, spare):
        super().__init__()
        self.used = used
        self.spare = spare

    def forward(self, x):
        return self.used(x)


class TupleOut(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def forward(self, x):
        return tuple(part(x) for part in self.parts)


class Pick(nn.Module):
    def __init__(self, body, index):
        super().__init__()
        self.body = body
        self.index = index

    def forward(self, x):
        return self.body(x)[self.index]


class TwoInput(nn.Module):
    def __init__(self, left, right, tail):
        super().__init__()
        self.left = left
        self.right = right
        self.tail = tail

    def forward(self, x0, x1):
        return self.tail(torch.cat([self.left(x0), self.right(x1)], 1))


def build(node, known=None):
    """The module of a node."""
    known = {} if known is None else known
    get, kind = node.get, node["kind"]

    def child(name):
        return build(node[name], known) if name in node else None

    def children():
        return [build(n, known) for n in node["children"]]

    if kind == "Shared":
        return known[node["ref"]]
    make = {
        "Conv2d": lambda: nn.Conv2d(
            node["in"], node["out"], node["kernel"], get("stride", 1), get("padding", 0),
            get("dilation", 1), get("groups", 1), get("bias", True)),
        "Linear": lambda: nn.Linear(node["in"], node["out"], get("bias", True)),
        "BatchNorm2d": lambda: nn.BatchNorm2d(node["features"], affine=get("affine", True)),
        "BatchNorm1d": lambda: nn.BatchNorm1d(node["features"], affine=get("affine", True)),
        "ReLU": nn.ReLU, "Identity": nn.Identity, "Flatten": nn.Flatten, "Dropout": nn.Dropout,
        "Dropout2d": nn.Dropout2d,
        "MaxPool2d": lambda: nn.MaxPool2d(node["kernel"], get("stride"), get("padding", 0)),
        "AvgPool2d": lambda: nn.AvgPool2d(node["kernel"], get("stride"), get("padding", 0)),
        "AdaptiveMaxPool2d": lambda: nn.AdaptiveMaxPool2d(node["size"]),
        "AdaptiveAvgPool2d": lambda: nn.AdaptiveAvgPool2d(node["size"]),
        "Sequential": lambda: nn.Sequential(*children()),
        "ModuleList": lambda: nn.ModuleList(children()),
        "Stack": lambda: Stack(nn.ModuleList(children())),
        "Branch": lambda: Branch(nn.ModuleList(children())),
        "TupleOut": lambda: TupleOut(nn.ModuleList(children())),
        "Repeat": lambda: Repeat(child("body"), node["times"]),
        "Scale": lambda: Scale(node["shape"], node["param"]),
        "Spare": lambda: Spare(child("used"), child("spare")),
        "Pick": lambda: Pick(child("body"), node["index"]),
        "TwoInput": lambda: TwoInput(child("left"), child("right"), child("tail")),
    }
    if kind in ("Residual", "AdaptivelyRecalibratedResidualBlock"):
        shortcut = child("shortcut")
        module = globals()[kind](child("body"), shortcut)
    else:
        module = make[kind]()
    frozen = get("frozen", [])
    for name, p in module.named_parameters():
        if frozen is True or name in frozen:
            p.requires_grad_(False)
    if "id" in node:
        known[node["id"]] = module
    return module


# Short forms for the nets below.


def conv(i, o, kernel=3, **k):
    return {"kind": "Conv2d", "in": i, "out": o, "kernel": kernel, **k}


def same(i, o, kernel=3, **k):
    return conv(i, o, kernel, padding=kernel // 2, **k)


def linear(i, o, **k):
    return {"kind": "Linear", "in": i, "out": o, **k}


def bn(n, **k):
    return {"kind": "BatchNorm2d", "features": n, **k}


def bn1(n, **k):
    return {"kind": "BatchNorm1d", "features": n, **k}


def leaf(kind, **k):
    return {"kind": kind, **k}


def of(kind, *children, **k):
    return {"kind": kind, "children": list(children), **k}


def seq(*children, **k):
    return of("Sequential", *children, **k)


def shared(ref):
    return {"kind": "Shared", "ref": ref}


RELU, FLATTEN, IDENTITY = leaf("ReLU"), leaf("Flatten"), leaf("Identity")


def global_avg():
    return leaf("AdaptiveAvgPool2d", size=1)


def designed():
    """One net per question, from plain to nested."""
    yield "plain_cnn", [(3, 16, 16)], seq(
        same(3, 8), bn(8), RELU, leaf("MaxPool2d", kernel=2), same(8, 16, bias=False), bn(16), RELU,
        leaf("AvgPool2d", kernel=3, stride=2, padding=1), leaf("AdaptiveAvgPool2d", size=[2, 3]),
        leaf("Dropout2d"), FLATTEN, linear(96, 10))
    yield "linear_with_batch_norm_1d", [(20,)], seq(
        linear(20, 64), bn1(64), RELU, leaf("Dropout"), linear(64, 1024, bias=False),
        bn1(1024, affine=False), IDENTITY, linear(1024, 3))
    yield "nested_sequentials", [(3, 12, 12)], seq(
        seq(seq(same(3, 4), seq(bn(4), seq(RELU))), seq()),
        seq(leaf("MaxPool2d", kernel=[2, 3]), seq(seq(seq(conv(4, 6, [3, 1]))))),
        seq(leaf("AdaptiveMaxPool2d", size=1), FLATTEN), linear(6, 2))
    yield "module_lists", [(3, 8, 8)], of(
        "Stack", same(3, 4), of("ModuleList", RELU, of("ModuleList", same(4, 4, 5), bn(4))),
        of("Stack", seq(conv(4, 8, 2, stride=2), RELU), of("ModuleList", IDENTITY)),
        global_avg(), FLATTEN, linear(8, 5))
    yield "same_module_twice_in_one_container", [(4, 8, 8)], seq(
        same(4, 4, id="a"), {**RELU, "id": "r"}, shared("a"), shared("r"), bn(4, id="n"),
        shared("a"), shared("n"), shared("r"))
    yield "shared_under_two_parents", [(4, 6, 6)], seq(
        seq(same(4, 4, id="a"), RELU), seq(shared("a"), bn(4)),
        leaf("Residual", body=seq(shared("a"), RELU)), global_avg(), FLATTEN, linear(4, 2))
    yield "shared_containers", [(4, 6, 6)], of(
        "Stack", seq(seq(same(4, 4, id="inner"), RELU, id="block"), shared("block")),
        leaf("Residual", body=shared("block"), id="residual"),
        of("Branch", shared("residual"), shared("inner")), conv(8, 3, 1))
    yield "repeat", [(5,)], seq(
        linear(5, 5), leaf("Repeat", times=3, body=seq(linear(5, 5), bn1(5), RELU)),
        leaf("Repeat", times=2, body=leaf("Repeat", times=2, body=linear(5, 5, bias=False))),
        linear(5, 1))
    yield "residuals", [(3, 16, 16)], seq(
        conv(3, 8, 3, stride=2, padding=1, bias=False), bn(8), RELU,
        leaf("Residual", body=seq(same(8, 8, bias=False), bn(8), RELU, same(8, 8, bias=False),
                                  bn(8))),
        leaf("Residual", shortcut=seq(conv(8, 16, 1, stride=2, bias=False), bn(16)),
             body=seq(conv(8, 16, 3, stride=2, padding=1, bias=False), bn(16), RELU,
                      leaf("Residual", shortcut=IDENTITY, body=same(16, 16)))),
        global_avg(), FLATTEN, linear(16, 10))
    yield "branches", [(6, 9, 9)], of(
        "Branch", conv(6, 4, 1), seq(conv(6, 2, 1), same(2, 4, groups=2)),
        of("Branch", seq(leaf("MaxPool2d", kernel=3, stride=1, padding=1), conv(6, 3, 1)),
           same(6, 6, groups=6), IDENTITY),
        seq(conv(6, 2, 3, dilation=2, padding=2), RELU))
    yield "parameters_of_custom_modules", [(6, 5, 5)], seq(
        same(6, 6), leaf("Scale", shape=[6, 1, 1], param="alpha"),
        leaf("Scale", shape=[6, 1, 1], param="weight"), leaf("Scale", shape=[1], param="bias"),
        leaf("Scale", shape=[], param="weight"),
        leaf("Residual", body=leaf("Scale", shape=[5, 5], param="weight", frozen=True)))
    yield "frozen", [(3, 8, 8)], seq(
        same(3, 8, frozen=True), bn(8, frozen=["weight"]), same(8, 8, frozen=["bias"]),
        seq(same(8, 8), bn(8), leaf("Residual", body=same(8, 8)), frozen=True), bn(8),
        global_avg(), FLATTEN, linear(8, 1000, frozen=["weight"]), linear(1000, 4))
    yield "tuple_out", [(3, 8, 8)], seq(
        same(3, 4), RELU,
        of("TupleOut", seq(same(4, 8), bn(8)), same(4, 6, 5), leaf("MaxPool2d", kernel=2)))
    yield "tuples_inside", [(10,)], of(
        "Stack", linear(10, 12), leaf("Pick", index=1, body=of(
            "TupleOut", linear(12, 3), seq(linear(12, 7), RELU))), linear(7, 2),
        leaf("Pick", index=0, body=of("TupleOut", IDENTITY)))
    yield "spare", [(3, 8, 8)], seq(
        leaf("Spare", used=same(3, 4), spare=linear(1000, 1000)),
        leaf("Spare", used=leaf("Spare", used=bn(4), spare=bn(4)), spare=same(4, 4, frozen=True)))
    yield "two_inputs", [(3, 8, 8), (1, 8, 8)], leaf(
        "TwoInput", left=seq(same(3, 4), RELU), right=same(1, 2),
        tail=seq(bn(6), global_avg(), FLATTEN, linear(6, 2)))
    yield "two_inputs_nested_and_shared", [(7,), (7,)], leaf(
        "TwoInput", left=seq(linear(7, 9, id="encoder"), RELU), right=shared("encoder"),
        tail=leaf("Residual", body=seq(linear(18, 18), bn1(18), RELU)))
    yield "long_names_and_wide_shapes", [(8, 64, 64)], seq(
        leaf("AdaptivelyRecalibratedResidualBlock", body=seq(same(8, 8), bn(8))),
        of("TupleOut", IDENTITY, conv(8, 128, 1), same(8, 1024)))


def random_net(seed):
    """A net of nested blocks, drawn; it keeps track of [channels, size] as it goes."""
    rng, ids = random.Random(seed), []

    def flags():
        return {} if rng.random() < 0.85 else {"frozen": True}

    def keep(c):
        """A node that keeps the shape."""
        reuse = [i for i, channels in ids if channels == c]
        draw = rng.randrange(9 if reuse else 8)
        if draw < 2:
            node = same(c, c, rng.choice([1, 3, 5]), bias=rng.random() < 0.5, **flags())
        elif draw == 2:
            node = same(c, c, groups=c, **flags())
        elif draw == 3:
            node = bn(c, affine=rng.random() < 0.8, **flags())
        elif draw == 4:
            node = leaf(rng.choice(["ReLU", "Identity", "Dropout", "Dropout2d"]))
        elif draw == 5:
            node = leaf("Scale", shape=[c, 1, 1], param=rng.choice(["alpha", "weight", "bias"]))
        elif draw == 6:
            node = leaf("MaxPool2d", kernel=3, stride=1, padding=1)
        elif draw == 7:
            node = leaf("Spare", used=same(c, c), spare=linear(c, 2))
        else:
            return shared(rng.choice(reuse))
        if rng.random() < 0.3:
            node["id"] = f"m{len(ids)}"
            ids.append((node["id"], c))
        return node

    def block(c, depth):
        """A node that keeps the shape, with others in it."""
        if depth == 0:
            return keep(c)
        parts = [block(c, depth - rng.randint(1, depth)) for _ in range(rng.randint(1, 3))]
        kind = rng.choice(["Sequential", "Stack", "Residual", "Repeat", "Branch", "Pick"])
        if kind in ("Sequential", "Stack"):
            return of(kind, *parts)
        if kind == "Residual":
            return leaf(kind, body=seq(*parts), **flags())
        if kind == "Repeat":
            return leaf(kind, body=seq(*parts), times=rng.randint(1, 3))
        if kind == "Branch":
            return seq(of(kind, *parts), conv(c * len(parts), c, 1))
        return leaf(kind, index=rng.randrange(len(parts)), body=of("TupleOut", *parts))

    inputs, c, size, nodes = [(3, 24, 20)], 3, 24, []
    for _ in range(rng.randint(3, 5)):
        wider = c + rng.randint(1, 6)
        nodes.append(conv(c, wider, rng.choice([1, 2, 3]), bias=rng.random() < 0.5))
        c = wider
        nodes.append(block(c, rng.randint(1, 3)))
        if size > 12:
            size //= 2
            nodes.append(leaf(rng.choice(["MaxPool2d", "AvgPool2d"]), kernel=2))
    nodes += [leaf(rng.choice(["AdaptiveAvgPool2d", "AdaptiveMaxPool2d"]), size=[1, 2]), FLATTEN,
              linear(2 * c, 10)]
    return inputs, of(rng.choice(["Sequential", "Stack"]), *nodes)


def printed(model, inputs):
    out = io.StringIO()
    torch.manual_seed(0)
    with contextlib.redirect_stdout(out):
        summary(model, inputs if len(inputs) > 1 else inputs[0], device="cpu")
    return out.getvalue()


def check_golden():
    old_vgg = torchvision.models.vgg11_bn(weights=None)
    old_vgg.avgpool = nn.Sequential()  # no adaptive pool: the torchvision of 2019; makes no row
    models = {"mnist_net": (Net(), (1, 28, 28)), "cifar_model": (CifarModel(), (3, 32, 32)),
              "vgg11_bn": (old_vgg, (3, 224, 224))}
    for name, (model, size) in models.items():
        text = (HERE.parent / "golden" / f"{name}.torchsummary.txt").read_text()
        assert printed(model, [size]) == text, name
    print("golden: 3 tables equal")


if __name__ == "__main__":
    setup()
    check_golden()
    nets = list(designed())
    nets += [(f"random_{seed}", *random_net(seed)) for seed in range(1, 21)]
    assert len(nets) == 38
    save_json(HERE / "nets.json", [
        {"name": name, "inputs": [list(i) for i in inputs], "net": net,
         "text": printed(build(json.loads(json.dumps(net))), inputs)}
        for name, inputs, net in nets])
