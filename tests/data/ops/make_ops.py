"""Outputs and gradients of PyTorch, in double precision, for every op: small cases, all options.

Writes ops.safetensors and cases.json beside this script.

cases.json: "OP/CASE" -> the options of the case, by PyTorch's names ({} where there are none), and
  "inputs": how many inputs are stored, "shapes": their shapes. Options that are absent are at
  PyTorch's default. Pairs are [height, width]. What needs saying:
    ties, nan       true: the case shows PyTorch's rule for equal values, or for NaN
    max, min        rule "index": torch.max(x, dim), the gradient goes to one element, the first;
                    rule "even": torch.amax, and torch.max over all, ties share it evenly
    pad             before, after: one number per axis, first axis first
    slice           dim, start, stop, step
    where           in0 is the condition, bool
    losses          in1 is the target, i64 (mse_loss: f64); in2 the class weights, where the
                    option weight is true
    conv2d, linear  in2 is the bias, where the option bias is true
    batch_norm      in0..in4: x, weight, bias, running_mean, running_var; affine false: in0 x,
                    in1 running_mean, in2 running_var. Training: out1, out2 are the running
                    statistics afterwards. Only out0 has an upstream gradient.
    pow             options.exponent, else in1 is the exponent
    argmax          without dim: index into the flattened tensor
ops.safetensors:
  OP/CASE/inI    inputs: f64 (exact in f32 as well), i64 or bool
  OP/CASE/outI   outputs: f64, i64 (argmax), bool (comparisons)
  OP/CASE/dy0    the upstream gradient of out0, f64, random; absent where nothing has a gradient
  OP/CASE/dinI   the gradient of every f64 input; absent for conditions, targets, class weights and
                 running statistics
OP is the name in torch.nn.functional or torch; concat is torch.cat, slice is indexing.
The random ops, dropout and dropout2d, have no case: their masks differ from engine to engine.
"""

import pathlib
import sys
import warnings

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from reference import save, save_json, setup  # noqa: E402

NAN, INF = float("nan"), float("inf")
GEN = torch.Generator().manual_seed(7)
TENSORS, CASES = {}, {}


def exact(x):
    return x.float().double()


def randn(*shape):
    return exact(torch.randn(shape, generator=GEN, dtype=torch.float64))


def positive(*shape):
    return exact(torch.rand(shape, generator=GEN, dtype=torch.float64) * 2 + 0.25)


def away(*shape):
    """No value near 0: kinks are cases of their own."""
    x = randn(*shape)
    return exact(x + 0.1 * x.sign())


def few(*shape):
    """Values from {-1, 0, 1, 2}: many ties."""
    return torch.randint(-1, 3, shape, generator=GEN).double()


def distinct(*shape):
    """A random order of equally spaced values: no ties, no near-ties."""
    n = torch.Size(shape).numel()
    return exact((torch.randperm(n, generator=GEN) * 0.125 - n / 16).double().reshape(shape))


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def case(name, inputs, run, options=None, no_grad=()):
    """Run, differentiate with a random dy, store. no_grad: inputs that have no gradient."""
    assert name not in CASES, name
    inputs = [x.clone() for x in inputs]
    leaves = [x.clone().requires_grad_(x.is_floating_point() and i not in no_grad)
              for i, x in enumerate(inputs)]
    outs = run(*leaves)
    outs = outs if isinstance(outs, tuple) else (outs,)
    CASES[name] = dict(options or {}) | {"inputs": len(inputs),
                                         "shapes": [list(x.shape) for x in inputs]}
    TENSORS.update({f"{name}/in{i}": x for i, x in enumerate(inputs)})
    TENSORS.update({f"{name}/out{i}": x.detach() for i, x in enumerate(outs)})
    if outs[0].requires_grad:
        dy = randn(*outs[0].shape)
        TENSORS[f"{name}/dy0"] = dy
        wanted = [i for i, x in enumerate(leaves) if x.requires_grad]
        grads = torch.autograd.grad(outs[0], [leaves[i] for i in wanted], dy, allow_unused=True)
        for i, g in zip(wanted, grads):
            TENSORS[f"{name}/din{i}"] = torch.zeros_like(inputs[i]) if g is None else g


# --- convolution and linear algebra ---------------------------------------------------------------


def conv2d():
    def add(name, x, w, bias=True, **o):
        x = randn(*x) if isinstance(x, tuple) else x
        ins = [x, randn(*w)] + ([randn(w[0])] if bias else [])
        case("conv2d/" + name, ins, lambda *t: F.conv2d(*t, **o), o | {"bias": bias})

    add("plain", (2, 3, 6, 5), (4, 3, 3, 3))
    add("one_by_one", (2, 3, 4, 5), (2, 3, 1, 1))
    add("padded", (2, 3, 5, 5), (4, 3, 3, 3), padding=[1, 1])
    add("strided", (2, 3, 8, 7), (4, 3, 3, 3), stride=[2, 1], padding=[1, 0])
    add("strided_leftover", (1, 2, 8, 9), (3, 2, 3, 2), stride=[3, 2])
    add("dilated", (2, 2, 9, 8), (3, 2, 3, 3), dilation=[2, 1], padding=[2, 1])
    add("asymmetric", (2, 2, 9, 10), (3, 2, 2, 3), stride=[1, 2], padding=[0, 3], dilation=[3, 2])
    add("groups", (2, 4, 5, 6), (6, 2, 3, 3), groups=2, padding=[1, 1])
    add("depthwise", (2, 3, 6, 6), (3, 1, 3, 3), groups=3, padding=[1, 1], stride=[2, 2])
    add("depthwise_multiplier", (2, 3, 5, 5), (6, 1, 3, 3), groups=3)
    add("no_bias", (2, 3, 5, 5), (4, 3, 3, 3), bias=False, padding=[1, 1])
    add("groups_no_bias", (1, 4, 6, 5), (4, 2, 2, 3), bias=False, groups=2, dilation=[2, 2])
    add("kernel_is_image", (3, 2, 4, 3), (5, 2, 4, 3))
    add("wide_padding", (1, 1, 2, 2), (2, 1, 3, 3), padding=[3, 2], stride=[2, 1])
    add("five", (2, 1, 9, 9), (3, 1, 5, 5))
    add("batch_one", (1, 3, 5, 4), (2, 3, 3, 3), padding=[1, 1])
    add("empty_batch", (0, 3, 5, 5), (4, 3, 3, 3))


def matmul():
    def add(name, a, b):
        case("matmul/" + name, [randn(*a), randn(*b)], torch.matmul)

    add("square", (3, 3), (3, 3))
    add("rectangular", (2, 5), (5, 3))
    add("inner_one", (4, 1), (1, 3))
    add("batched", (3, 2, 4), (3, 4, 5))
    add("batched_4d", (2, 3, 2, 4), (2, 3, 4, 2))
    add("broadcast_right", (3, 2, 4), (4, 5))
    add("broadcast_left", (2, 4), (3, 4, 5))
    add("broadcast_both", (2, 1, 3, 4), (3, 4, 2))
    add("vector_vector", (4,), (4,))
    add("matrix_vector", (3, 4), (4,))
    add("vector_matrix", (4,), (4, 3))
    add("batched_vector", (2, 3, 4), (4,))


def linear():
    def add(name, x, w, bias=True):
        ins = [randn(*x), randn(*w)] + ([randn(w[0])] if bias else [])
        case("linear/" + name, ins, F.linear, {"bias": bias})

    add("two_d", (4, 5), (3, 5))
    add("no_bias", (4, 5), (3, 5), bias=False)
    add("one_d", (5,), (3, 5))
    add("three_d", (2, 3, 5), (4, 5))
    add("four_d", (2, 1, 3, 4), (2, 4))
    add("three_d_no_bias", (2, 3, 5), (4, 5), bias=False)
    add("to_one", (3, 4), (1, 4))
    add("empty_batch", (0, 5), (3, 5))


# --- pools ----------------------------------------------------------------------------------------


def with_nan(x, *places):
    for p in places:
        x[p] = NAN
    return x


def max_pool2d():
    def add(name, x, marks=None, **o):
        run = lambda t: F.max_pool2d(t, **o)  # noqa: E731
        case("max_pool2d/" + name, [x], run, o | (marks or {}))

    add("plain", distinct(2, 3, 6, 6), kernel_size=[2, 2])
    add("odd", distinct(2, 2, 7, 5), kernel_size=[2, 2])
    add("overlapping", distinct(2, 2, 7, 8), kernel_size=[3, 3], stride=[2, 2])
    add("padded", distinct(2, 2, 7, 8), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1])
    add("asymmetric", distinct(1, 2, 8, 9), kernel_size=[3, 2], stride=[1, 2], padding=[1, 0])
    add("ceil", distinct(2, 2, 7, 6), kernel_size=[2, 3], stride=[2, 2], ceil_mode=True)
    add("ceil_padded", distinct(1, 2, 6, 7), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1],
        ceil_mode=True)
    # The last window would begin in the right padding: PyTorch leaves it out.
    add("ceil_window_left_out", distinct(1, 1, 5, 4), kernel_size=[2, 2], stride=[3, 3],
        padding=[1, 1], ceil_mode=True)
    add("dilated", distinct(2, 2, 8, 7), kernel_size=[2, 3], stride=[1, 1], dilation=[3, 2])
    add("dilated_padded_ceil", distinct(1, 2, 8, 9), kernel_size=[3, 3], stride=[2, 2],
        padding=[1, 1], dilation=[2, 2], ceil_mode=True)
    add("gaps", distinct(1, 1, 7, 7), kernel_size=[1, 2], stride=[3, 3])
    add("negative", -positive(1, 2, 5, 5), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1])
    add("ties", few(2, 2, 6, 6), {"ties": True}, kernel_size=[2, 2])
    add("ties_overlapping", few(1, 2, 7, 7), {"ties": True}, kernel_size=[3, 3], stride=[2, 2],
        padding=[1, 1])
    add("all_equal", torch.zeros(1, 1, 4, 4).double(), {"ties": True}, kernel_size=[2, 2])
    add("minus_infinity", torch.full((1, 1, 4, 4), -INF).double(), {"ties": True},
        kernel_size=[2, 2])
    nan = with_nan(distinct(1, 2, 4, 4), (0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0), (0, 0, 3, 3),
                   (0, 1, 1, 2))
    add("nan", nan, {"nan": True}, kernel_size=[2, 2])
    add("nan_overlapping", nan, {"nan": True}, kernel_size=[3, 3], stride=[1, 1], padding=[1, 1])


def avg_pool2d():
    def add(name, shape, **o):
        run = lambda t: F.avg_pool2d(t, **o)  # noqa: E731
        case("avg_pool2d/" + name, [randn(*shape)], run, o)

    add("plain", (2, 3, 6, 6), kernel_size=[2, 2])
    add("odd", (2, 2, 7, 5), kernel_size=[2, 2])
    add("overlapping", (2, 2, 7, 8), kernel_size=[3, 3], stride=[2, 2])
    add("asymmetric", (1, 2, 8, 9), kernel_size=[3, 2], stride=[1, 2], padding=[1, 0])
    for include in (True, False):
        tail = "" if include else "_exclude_pad"
        o = {"count_include_pad": include}
        add("padded" + tail, (2, 2, 7, 8), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1], **o)
        add("ceil" + tail, (2, 2, 7, 6), kernel_size=[2, 3], stride=[2, 2], ceil_mode=True, **o)
        add("ceil_padded" + tail, (1, 2, 6, 7), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1],
            ceil_mode=True, **o)
        add("ceil_window_left_out" + tail, (1, 1, 5, 4), kernel_size=[2, 2], stride=[3, 3],
            padding=[1, 1], ceil_mode=True, **o)
        add("ceil_far" + tail, (1, 1, 7, 8), kernel_size=[4, 4], stride=[3, 3], padding=[2, 1],
            ceil_mode=True, **o)
    add("gaps", (1, 1, 7, 7), kernel_size=[1, 2], stride=[3, 3])
    add("global", (2, 3, 4, 5), kernel_size=[4, 5])


def adaptive_pool2d():
    sizes = {"global": ((2, 3, 4, 5), [1, 1]), "even": ((2, 2, 6, 6), [3, 3]),
             "odd": ((2, 2, 7, 5), [3, 2]), "overlapping": ((1, 2, 7, 8), [5, 3]),
             "larger": ((1, 2, 3, 2), [5, 4]), "same": ((1, 1, 3, 4), [3, 4]),
             "mixed": ((1, 2, 5, 11), [2, 7])}
    for name, (shape, size) in sizes.items():
        o = {"output_size": size}
        case("adaptive_max_pool2d/" + name, [distinct(*shape)],
             lambda t: F.adaptive_max_pool2d(t, size), o)
        case("adaptive_avg_pool2d/" + name, [randn(*shape)],
             lambda t: F.adaptive_avg_pool2d(t, size), o)
    o = {"output_size": [2, 2]}
    run = lambda t: F.adaptive_max_pool2d(t, [2, 2])  # noqa: E731
    case("adaptive_max_pool2d/ties", [few(2, 2, 5, 5)], run, o | {"ties": True})
    nan = with_nan(distinct(1, 2, 5, 5), (0, 0, 0, 1), (0, 0, 2, 2), (0, 0, 0, 0))
    case("adaptive_max_pool2d/nan", [nan], run, o | {"nan": True})


# --- normalisation --------------------------------------------------------------------------------


def batch_norm():
    def add(name, shape, training, affine=True, **o):
        c = shape[1]
        x = exact(randn(*shape) * 1.5 + 0.5)
        stats = [randn(c), positive(c)]
        o = {"training": training} | o
        if affine:
            run = lambda x, w, b, m, v: F.batch_norm(x, m, v, w, b, **o)  # noqa: E731
            ins = [x, positive(c), randn(c), *stats]
        else:
            run = lambda x, m, v: F.batch_norm(x, m, v, None, None, **o)  # noqa: E731
            ins = [x, *stats]
        keep = (len(ins) - 2, len(ins) - 1)

        def both(*t):
            y = run(*t)
            return (y, t[-2], t[-1]) if training else y

        case("batch_norm/" + name, ins, both, o | {"affine": affine}, no_grad=keep)

    add("train_4d", (3, 4, 5, 2), True)
    add("train_2d", (6, 4), True)
    add("train_3d", (3, 4, 5), True)
    add("train_batch_one", (1, 3, 4, 4), True)
    add("train_two_values", (2, 3), True)
    add("train_eps", (3, 2, 3, 3), True, eps=1e-2)
    add("train_momentum", (3, 2, 3, 3), True, momentum=0.3)
    add("train_no_affine", (3, 4, 3, 2), True, affine=False)
    add("train_2d_no_affine", (5, 3), True, affine=False)
    add("eval_4d", (3, 4, 5, 2), False)
    add("eval_2d", (6, 4), False)
    add("eval_one_value", (1, 3), False)
    add("eval_eps", (2, 3, 2, 2), False, eps=1e-2)
    add("eval_no_affine", (3, 4, 3, 2), False, affine=False)


def softmax():
    for op in (F.softmax, F.log_softmax):
        def add(name, x, dim, marks=None):
            o = {"dim": dim} | (marks or {})
            case(f"{op.__name__}/{name}", [x], lambda t: op(t, dim=dim), o)

        for dim in range(4):
            add(f"dim{dim}", randn(2, 3, 4, 2), dim)
        add("last", randn(3, 5), -1)
        add("one_d", randn(6), 0)
        add("length_one", randn(3, 1), 1)
        add("large", exact(randn(3, 4) * 300 + 1000), 1)
        add("equal", torch.ones(2, 4).double(), 1)
        x = randn(3, 4)
        x[0, 1] = -INF
        add("minus_infinity", x, 1)
        add("nan", with_nan(randn(3, 4), (1, 2)), 1, {"nan": True})


# --- pointwise ------------------------------------------------------------------------------------


def pointwise():
    shape = (3, 7)
    unary = {"relu": F.relu, "silu": F.silu, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
             "exp": torch.exp, "abs": torch.abs, "neg": torch.neg, "sin": torch.sin,
             "cos": torch.cos}
    for name, f in unary.items():
        case(f"{name}/plain", [away(*shape)], f)
        case(f"{name}/scalar", [away()], f)
    for name, f in {"log": torch.log, "sqrt": torch.sqrt}.items():
        case(f"{name}/plain", [positive(*shape)], f)
    case("gelu/erf", [randn(*shape)], F.gelu)
    for slope in (0.01, 0.2, -0.5, 0.0):
        case(f"leaky_relu/slope{slope}", [away(*shape)],
             lambda x: F.leaky_relu(x, slope), {"negative_slope": slope})
    bounds = {"both": (-0.5, 0.75), "min": (-0.5, None), "max": (None, 0.75), "equal": (0.5, 0.5),
              "crossed": (1.0, -1.0)}
    for name, (lo, hi) in bounds.items():
        o = {k: v for k, v in (("min", lo), ("max", hi)) if v is not None}
        case(f"clamp/{name}", [randn(*shape)], lambda x: torch.clamp(x, lo, hi), o)
    case("clamp/ties", [tensor(-2, -0.5, 0, 0.75, 2)], lambda x: torch.clamp(x, -0.5, 0.75),
         {"min": -0.5, "max": 0.75, "ties": True})
    # At a bound the gradient is 0 in PyTorch 2.15, as for relu; older releases let it pass.
    case("clamp/ties_min", [tensor(-2, -0.5, 0)], lambda x: torch.clamp(x, min=-0.5),
         {"min": -0.5, "ties": True})
    case("clamp/ties_max", [tensor(0, 0.75, 2)], lambda x: torch.clamp(x, max=0.75),
         {"max": 0.75, "ties": True})
    case("clamp/nan", [tensor(NAN, 1, -INF, INF)], lambda x: torch.clamp(x, -0.5, 0.75),
         {"min": -0.5, "max": 0.75, "nan": True})

    for e in (2.0, 3.0, 0.5, -1.0, 1.5, 1.0, 0.0):
        case(f"pow/exponent{e}", [positive(*shape)], lambda x: torch.pow(x, e), {"exponent": e})
    for e in (2.0, 3.0, -2.0):
        case(f"pow/negative_base{e}", [away(*shape)], lambda x: torch.pow(x, e), {"exponent": e})
    for e in (0.0, 1.0, 2.0, 0.5):
        case(f"pow/zero_base{e}", [tensor(0, 1, 2)], lambda x: torch.pow(x, e), {"exponent": e})
    case("pow/tensors", [positive(3, 4), randn(3, 4)], torch.pow)
    case("pow/tensors_broadcast", [positive(3, 1), randn(4)], torch.pow)
    case("pow/tensors_zero_base", [tensor(0, 0, 0, 2), tensor(0, 1, 2, 0)], torch.pow)

    # The far ends: saturated, and where a naive formula overflows.
    far = tensor(-1000, -100, -30, -5, 5, 30, 100, 1000)
    for name in ("silu", "sigmoid", "tanh"):
        case(f"{name}/far", [far], unary[name])
    case("gelu/far", [far], F.gelu)
    case("exp/far", [tensor(-1000, -745, -100, 100, 700)], torch.exp)

    # At the kink or the pole, and NaN.
    zero = tensor(-0.0, 0.0, 1, -1)
    case("relu/ties", [zero], F.relu, {"ties": True})
    case("leaky_relu/ties", [zero], lambda x: F.leaky_relu(x, 0.1),
         {"negative_slope": 0.1, "ties": True})
    case("abs/ties", [zero], torch.abs, {"ties": True})
    case("sqrt/zero", [tensor(0, 1, 4)], torch.sqrt)
    case("log/zero", [tensor(0, 1, 4)], torch.log)
    case("sqrt/negative", [tensor(-1, 4)], torch.sqrt, {"nan": True})
    case("log/negative", [tensor(-1, 4)], torch.log, {"nan": True})
    nan = tensor(NAN, 1, -1, 2)
    for name, f in (unary | {"gelu": F.gelu}).items():
        case(f"{name}/nan", [nan], f, {"nan": True})
    case("leaky_relu/nan", [nan], lambda x: F.leaky_relu(x, 0.1),
         {"negative_slope": 0.1, "nan": True})


SHAPES = {"same": ((3, 4), (3, 4)), "row": ((3, 4), (4,)), "column": ((3, 4), (3, 1)),
          "outer": ((3, 1), (1, 4)), "outer_1d": ((3, 1), (4,)), "left_smaller": ((4,), (2, 3, 4)),
          "middle": ((2, 3, 4), (2, 1, 4)), "channel": ((2, 3, 2, 2), (3, 1, 1)),
          "scalar": ((2, 3), ()), "scalar_left": ((), (2, 3)), "both": ((2, 1, 3), (4, 1)),
          "ones": ((1, 1), (1,))}


def binary():
    arithmetic = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div,
                  "minimum": torch.minimum, "maximum": torch.maximum}
    comparisons = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt,
                   "ge": torch.ge}
    for name, f in arithmetic.items():
        for kind, (a, b) in SHAPES.items():
            right = away(*b) if name == "div" else randn(*b)
            case(f"{name}/{kind}", [randn(*a), right], f)
    case("div/zero", [tensor(1, -1, 0, 2), tensor(0, 0, 0, 4)], torch.div, {"nan": True})
    for name in ("minimum", "maximum"):
        f = arithmetic[name]
        case(f"{name}/ties", [tensor(1, 2, 3, 0.0), tensor(1, 3, 2, -0.0)], f, {"ties": True})
        case(f"{name}/ties_broadcast", [few(3, 4), few(4)], f, {"ties": True})
        case(f"{name}/nan", [tensor(NAN, 1, NAN, 2), tensor(1, NAN, NAN, 3)], f, {"nan": True})
    for name, f in comparisons.items():
        for kind in ("same", "row", "outer", "scalar", "scalar_left"):
            case(f"{name}/{kind}", [few(*SHAPES[kind][0]), few(*SHAPES[kind][1])], f)
        case(f"{name}/nan", [tensor(NAN, 1, NAN), tensor(1, NAN, NAN)], f, {"nan": True})

    def bits(*shape):
        return torch.randint(2, shape, generator=GEN).bool()

    for kind, (c, a, b) in {
        "same": ((3, 4), (3, 4), (3, 4)), "condition_row": ((4,), (3, 4), (3, 4)),
        "condition_wide": ((2, 3, 4), (3, 4), (4,)), "all": ((3, 1, 1), (4, 1), (2,)),
        "scalars": ((3, 4), (), ()), "right_scalar": ((3, 4), (3, 4), ()),
    }.items():
        case(f"where/{kind}", [bits(*c), randn(*a), randn(*b)], torch.where)
    # NaN in the branch not taken stays out, of the gradient too.
    case("where/nan", [torch.tensor([True, False, True]), tensor(1, NAN, NAN), tensor(NAN, 2, 3)],
         torch.where, {"nan": True})


# --- losses ---------------------------------------------------------------------------------------


def losses():
    def labels(c, *shape):
        return torch.randint(c, shape, generator=GEN)

    def add(name, x, target, weight=None, marks=None, **o):
        for op in (F.nll_loss, F.cross_entropy):
            if op is F.nll_loss and "label_smoothing" in o:
                continue
            ins = [x, target] + ([] if weight is None else [weight])
            if op is F.nll_loss:
                ins[0] = exact(F.log_softmax(x, 1))
            run = lambda x, t, w=None: op(x, t, weight=w, **o)  # noqa: E731
            case(f"{op.__name__}/{name}", ins, run,
                 o | (marks or {}) | {"weight": weight is not None}, no_grad=(1, 2))

    w = positive(4)
    ignored = labels(4, 6)
    ignored[[1, 4]] = 2
    hundred = labels(4, 6)
    hundred[[0, 3]] = -100
    for reduction in ("mean", "sum", "none"):
        o = {"reduction": reduction}
        add(reduction, randn(5, 4), labels(4, 5), **o)
        add(f"{reduction}_weight", randn(5, 4), labels(4, 5), w, **o)
        add(f"{reduction}_ignore", randn(6, 4), ignored, ignore_index=2, **o)
        add(f"{reduction}_weight_ignore", randn(6, 4), ignored, w, ignore_index=2, **o)
        add(f"{reduction}_ignore_default", randn(6, 4), hundred, **o)
        add(f"{reduction}_smoothing", randn(5, 4), labels(4, 5), label_smoothing=0.1, **o)
        add(f"{reduction}_smoothing_weight", randn(5, 4), labels(4, 5), w, label_smoothing=0.2, **o)
        add(f"{reduction}_smoothing_ignore", randn(6, 4), ignored, label_smoothing=0.1,
            ignore_index=2, **o)
        add(f"{reduction}_smoothing_weight_ignore", randn(6, 4), ignored, w, label_smoothing=0.3,
            ignore_index=2, **o)
        add(f"{reduction}_spatial", randn(2, 4, 2, 3), labels(4, 2, 2, 3), **o)
    add("mean_spatial_weight", randn(2, 4, 2, 3), labels(4, 2, 2, 3), w, reduction="mean")
    add("smoothing_one", randn(3, 4), labels(4, 3), label_smoothing=1.0)
    add("batch_one", randn(1, 4), labels(4, 1))
    add("one_class", randn(3, 1), labels(1, 3))
    add("large", exact(randn(4, 5) * 300), labels(5, 4))
    add("all_ignored", randn(2, 4), torch.tensor([-100, -100]), marks={"nan": True})
    add("all_ignored_sum", randn(2, 4), torch.tensor([-100, -100]), reduction="sum")

    for reduction in ("mean", "sum", "none"):
        case(f"mse_loss/{reduction}", [randn(3, 4), randn(3, 4)],
             lambda x, y: F.mse_loss(x, y, reduction=reduction), {"reduction": reduction})
    case("mse_loss/four_d", [randn(2, 3, 2, 2), randn(2, 3, 2, 2)], F.mse_loss)


# --- reductions -----------------------------------------------------------------------------------


def reductions():
    axes = {"all": None, "dim0": [0], "dim1": [1], "last": [-1], "two": [0, 2], "inner": [1, 2],
            "channel": [0, 2, 3], "every": [0, 1, 2, 3]}

    def add(op, name, f, x, dim, keepdim, **o):
        o = o | {"keepdim": keepdim}
        if dim is not None:
            o["dim"] = dim
        case(f"{op}/{name}" + ("_keepdim" if keepdim else ""), [x], f, o)

    for name, dim in axes.items():
        for keepdim in (False, True):
            if dim is None and keepdim:
                continue
            x, k = (2, 3, 4, 2), {"keepdim": keepdim}
            full = dim is None
            add("sum", name, lambda t: t.sum() if full else t.sum(dim, **k), randn(*x), dim,
                keepdim)
            add("mean", name, lambda t: t.mean() if full else t.mean(dim, **k), randn(*x), dim,
                keepdim)
            for op, f in (("max", torch.amax), ("min", torch.amin)):
                whole = torch.max if op == "max" else torch.min
                add(op, name, lambda t: whole(t) if full else f(t, dim, **k), distinct(*x), dim,
                    keepdim, rule="even")
            c = (0, 1, 2)[len(name) % 3]
            add("var", name, lambda t: t.var(dim, correction=c, **k), randn(*x), dim, keepdim,
                correction=c)
    for c in (0, 1, 2, 0.5):
        add("var", f"correction{c}", lambda t: t.var([1], correction=c), randn(3, 5), [1], False,
            correction=c)
    add("var", "constant", lambda t: t.var([1], correction=1), torch.ones(2, 4).double(), [1],
        False, correction=1)
    add("var", "far_from_zero", lambda t: t.var([1], correction=1), exact(randn(2, 6) + 4096), [1],
        False, correction=1)
    warnings.simplefilter("ignore")  # no degrees of freedom: NaN, as it should be
    add("var", "one_value", lambda t: t.var([1], correction=1), randn(3, 1), [1], False,
        correction=1, nan=True)
    add("var", "one_value_biased", lambda t: t.var([1], correction=0), randn(3, 1), [1], False,
        correction=0)
    add("sum", "scalar", torch.sum, randn(), None, False)
    add("sum", "empty", lambda t: t.sum([0]), randn(0, 3), [0], False)
    add("sum", "nan", lambda t: t.sum([1]), with_nan(randn(2, 3), (0, 1)), [1], False, nan=True)

    for op, f, even in (("max", torch.max, torch.amax), ("min", torch.min, torch.amin)):
        for dim in range(3):
            for keepdim in (False, True):
                add(op, f"index_dim{dim}", lambda t: f(t, dim, keepdim=keepdim).values,
                    distinct(3, 4, 2), [dim], keepdim, rule="index")
        ties, nan = few(4, 6), with_nan(distinct(3, 4), (0, 1), (0, 3), (2, 0))
        add(op, "index_ties", lambda t: f(t, 1).values, ties, [1], False, rule="index", ties=True)
        add(op, "even_ties", lambda t: even(t, [1]), ties, [1], False, rule="even", ties=True)
        add(op, "even_ties_two", lambda t: even(t, [0, 2]), few(2, 3, 4), [0, 2], False,
            rule="even", ties=True)
        add(op, "all_ties", f, ties, None, False, rule="even", ties=True)
        add(op, "index_nan", lambda t: f(t, 1).values, nan, [1], False, rule="index", nan=True)
        add(op, "even_nan", lambda t: even(t, [1]), nan, [1], False, rule="even", nan=True)
        add(op, "all_nan", f, nan, None, False, rule="even", nan=True)

    for name, dim in (("all", None), ("dim0", 0), ("dim1", 1), ("last", -1)):
        for keepdim in (False, True):
            if dim is None and keepdim:
                continue
            f = lambda t: torch.argmax(t, dim, keepdim)  # noqa: E731
            add("argmax", name, f, distinct(3, 4, 2), None if dim is None else [dim], keepdim)
    add("argmax", "ties", lambda t: torch.argmax(t, 1), few(5, 7), [1], False, ties=True)
    add("argmax", "nan", lambda t: torch.argmax(t, 1),
        with_nan(distinct(3, 4), (0, 1), (0, 3), (2, 0)), [1], False, nan=True)


# --- shape ----------------------------------------------------------------------------------------


def shapes():
    def add(name, xs, f, **o):
        case(name, [randn(*x) for x in xs], f, o)

    for dims in ([1, 0], [0, 1]):
        add(f"permute/{dims[0]}{dims[1]}", [(3, 4)], lambda t: t.permute(dims), dims=dims)
    for dims in ([2, 0, 1], [1, 2, 0], [0, 2, 1], [2, 1, 0]):
        add("permute/" + "".join(map(str, dims)), [(2, 3, 4)], lambda t: t.permute(dims), dims=dims)
    for dims in ([0, 2, 3, 1], [0, 3, 1, 2], [3, 2, 1, 0], [1, 0, 3, 2]):
        add("permute/" + "".join(map(str, dims)), [(2, 3, 4, 2)], lambda t: t.permute(dims),
            dims=dims)
    add("permute/negative", [(2, 3, 4)], lambda t: t.permute(0, -1, -2), dims=[0, -1, -2])

    add("reshape/plain", [(2, 6)], lambda t: t.reshape(3, 4), shape=[3, 4])
    add("reshape/inferred", [(2, 3, 4)], lambda t: t.reshape(-1, 6), shape=[-1, 6])
    add("reshape/to_scalar", [(1, 1)], lambda t: t.reshape([]), shape=[])
    add("flatten/default", [(2, 3, 4)], lambda t: t.flatten(), start_dim=0, end_dim=-1)
    add("flatten/from_one", [(2, 3, 2, 2)], lambda t: t.flatten(1), start_dim=1, end_dim=-1)
    add("flatten/middle", [(2, 3, 2, 2)], lambda t: t.flatten(1, 2), start_dim=1, end_dim=2)
    add("squeeze/all", [(1, 3, 1, 2)], lambda t: t.squeeze())
    add("squeeze/one", [(1, 3, 1, 2)], lambda t: t.squeeze(2), dim=2)
    add("squeeze/not_one", [(2, 3)], lambda t: t.squeeze(1), dim=1)
    for dim in (0, 1, 2, -1, -2):
        add(f"unsqueeze/{dim}", [(2, 3)], lambda t: t.unsqueeze(dim), dim=dim)

    def cut(name, shape, dim, start, stop, step):
        at = (slice(None),) * dim + (slice(start, stop, step),)
        add("slice/" + name, [shape], lambda t: t[at], dim=dim, start=start, stop=stop, step=step)

    cut("leading", (5, 3), 0, 1, 4, 1)
    cut("inner", (3, 7), 1, 2, 6, 1)
    cut("step", (3, 8), 1, 1, 7, 2)
    cut("step_leftover", (3, 8), 1, 0, 8, 3)
    cut("leading_step", (7, 2), 0, 0, 7, 2)
    cut("middle", (2, 6, 3), 1, 1, 6, 2)
    cut("past_the_end", (2, 5), 1, 3, 99, 1)
    cut("negative", (2, 6), 1, -4, -1, 1)
    cut("empty", (2, 5), 1, 3, 3, 1)

    for name, xs, dim in (("dim0", [(2, 3), (1, 3), (4, 3)], 0), ("dim1", [(2, 3), (2, 1)], 1),
                          ("channels", [(2, 1, 2, 2), (2, 3, 2, 2), (2, 2, 2, 2)], 1),
                          ("last", [(2, 3, 1), (2, 3, 4)], -1), ("one", [(2, 3)], 0),
                          ("empty_part", [(2, 3), (0, 3)], 0)):
        add("concat/" + name, xs, lambda *t: torch.cat(t, dim), dim=dim)
    for dim in (0, 1, 2, -1):
        add(f"stack/dim{dim}", [(2, 3)] * 3, lambda *t: torch.stack(t, dim), dim=dim)
    add("stack/one", [(2,)], lambda t: torch.stack([t], 0), dim=0)
    add("stack/scalars", [(), ()], lambda *t: torch.stack(t, 0), dim=0)

    def pad(name, shape, before, after, value):
        sides = [n for b, a in zip(before[::-1], after[::-1]) for n in (b, a)]
        add("pad/" + name, [shape], lambda t: F.pad(t, sides, value=value), before=before,
            after=after, value=value)

    pad("image", (2, 2, 3, 4), [0, 0, 1, 1], [0, 0, 1, 1], 0.0)
    pad("sides", (2, 2, 3, 4), [0, 0, 1, 2], [0, 0, 0, 3], 0.0)
    pad("value", (2, 3), [1, 0], [0, 2], -1.5)
    pad("every_axis", (2, 3, 2), [1, 0, 2], [2, 1, 0], 0.25)
    pad("one_d", (3,), [2], [1], 7.0)
    pad("nothing", (2, 3), [0, 0], [0, 0], 1.0)


if __name__ == "__main__":
    setup()
    for family in (conv2d, matmul, linear, max_pool2d, avg_pool2d, adaptive_pool2d, batch_norm,
                   softmax, pointwise, binary, losses, reductions, shapes):
        family()
    ops = sorted({name.split("/")[0] for name in CASES})
    print(f"{len(CASES)} cases of {len(ops)} ops: {' '.join(ops)}")
    save(HERE / "ops.safetensors", TENSORS, {"torch": torch.__version__.split("+")[0],
                                             "ops": " ".join(ops)})
    save_json(HERE / "cases.json", CASES, levels=1)
