"""The same as make_ops.py for the ops of sequence models: layer_norm, embedding, attention, lstm.

Writes sequence_ops.safetensors and sequence_cases.json beside this script, in the layout of
ops.safetensors and cases.json. What needs saying:
  layer_norm    in0 x, in1 weight and in2 bias where the options of these names are true;
                normalized_shape, eps
  embedding     in0 weight, in1 indices, i64; padding_idx
  attention     in0 q, in1 k, in2 v, in3 the mask where the option mask is true (f64 or bool, true:
                attend); is_causal, scale. torch.nn.functional.scaled_dot_product_attention
  lstm          in0 x, then h0 and c0 where the option state is true, then w_ih, w_hh, and b_ih, b_hh
                where the option bias is true; reverse. out0 is the output, h and c of the end in one:
                flattened and joined.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

import make_ops
from make_ops import CASES, HERE, TENSORS, case, exact, randn
from reference import save, save_json, setup

GEN = make_ops.GEN


def layer_norm():
    def add(name, x, tail, weight=True, bias=True, **o):
        x = randn(*x) if isinstance(x, tuple) else x
        ins = [x] + [randn(*tail) for given in (weight, bias) if given]

        def run(t, *affine):
            affine = list(affine)
            w = affine.pop(0) if weight else None
            b = affine.pop(0) if bias else None
            return F.layer_norm(t, tail, w, b, **o)

        case("layer_norm/" + name, ins, run,
             o | {"normalized_shape": list(tail), "weight": weight, "bias": bias})

    add("plain", (3, 4, 5), (5,))
    add("two_dimensions", (3, 4, 5), (4, 5))
    add("all", (3, 4), (3, 4))
    add("no_bias", (4, 7), (7,), bias=False)
    add("no_affine", (4, 7), (7,), False, False)
    add("eps", (4, 6), (6,), eps=0.1)
    add("one_row", (9,), (9,))
    add("empty", (0, 5), (5,))
    add("constant_rows", torch.ones(2, 4).double(), (4,))


def embedding():
    def add(name, rows, d, *shape, high=None, **o):
        indices = torch.randint(0, high or rows, shape, generator=GEN)
        case("embedding/" + name, [randn(rows, d), indices], lambda w, i: F.embedding(i, w, **o), o)

    add("one_d", 7, 3, 5)
    add("two_d", 7, 3, 4, 6)
    add("three_d", 5, 2, 2, 3, 2)
    add("scalar", 7, 3)
    add("repeated", 4, 3, 40, high=2)
    add("padding", 4, 3, 12, padding_idx=1)
    add("padding_from_the_end", 4, 3, 12, padding_idx=-1)
    add("empty", 4, 3, 0)


def attention():
    def add(name, q, k, v, mask=None, **o):
        ins = [randn(*q), randn(*k), randn(*v)] + ([] if mask is None else [mask])

        def run(q, k, v, m=None):
            return F.scaled_dot_product_attention(q, k, v, attn_mask=m, **o)

        case("attention/" + name, ins, run, o | {"mask": mask is not None})

    def keep(*shape):
        m = torch.rand(shape, generator=GEN) < 0.7
        m[..., 0] = True
        return m

    add("plain", (2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7))
    add("three_d", (2, 4, 3), (2, 4, 3), (2, 4, 3))
    add("two_d", (4, 3), (5, 3), (5, 2))
    add("causal", (2, 2, 5, 3), (2, 2, 5, 3), (2, 2, 5, 3), is_causal=True)
    add("causal_fewer_rows", (2, 3, 4), (2, 6, 4), (2, 6, 4), is_causal=True)
    add("causal_more_rows", (2, 6, 4), (2, 3, 4), (2, 3, 4), is_causal=True)
    add("scale", (2, 4, 3), (2, 5, 3), (2, 5, 3), scale=0.25)
    add("bool_mask", (2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 3), keep(4, 5))
    add("bool_mask_padding", (2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 3), keep(2, 1, 1, 5))
    nothing = keep(4, 5)
    nothing[2] = False
    add("row_attends_to_nothing", (2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 3), nothing)
    add("float_mask", (2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 3), randn(4, 5))
    add("float_mask_full", (2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 3), randn(2, 2, 4, 5))
    add("float_mask_heads", (2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 3), randn(2, 1, 1))
    add("large_scores", (2, 4, 3), (2, 5, 3), (2, 5, 3), exact(randn(4, 5) * 200))
    add("long", (1, 70, 4), (1, 75, 4), (1, 75, 3))


def lstm():
    def add(name, steps, batch, inputs, hidden, state=True, bias=True, reverse=False):
        ins = [randn(steps, batch, inputs)]
        ins += [randn(batch, hidden), randn(batch, hidden)] if state else []
        ins += [exact(randn(*s) * 0.5) for s in ((4 * hidden, inputs), (4 * hidden, hidden))]
        ins += [exact(randn(4 * hidden) * 0.5) for _ in range(2 * bias)]

        def run(x, *rest):
            rest = list(rest)
            zero = torch.zeros(1, batch, hidden).double()
            h, c = [rest.pop(0)[None] for _ in range(2)] if state else (zero, zero)
            names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
            module = nn.LSTM(inputs, hidden, bias=bias).double()
            y, (h, c) = torch.func.functional_call(
                module, dict(zip(names, rest)), (x.flip(0) if reverse else x, (h, c)))
            y = y.flip(0) if reverse else y
            return torch.cat([y.flatten(), h.flatten(), c.flatten()])

        case("lstm/" + name, ins, run, {"state": state, "bias": bias, "reverse": reverse})

    add("plain", 5, 3, 4, 2)
    add("reverse", 5, 3, 4, 2, reverse=True)
    add("no_state", 4, 2, 3, 5, state=False)
    add("no_bias", 4, 2, 3, 5, bias=False)
    add("no_state_no_bias_reverse", 4, 2, 3, 5, False, False, True)
    add("one_step", 1, 2, 3, 3)
    add("batch_one", 6, 1, 2, 4)


if __name__ == "__main__":
    setup()
    for family in (layer_norm, embedding, attention, lstm):
        family()
    ops = sorted({name.split("/")[0] for name in CASES})
    print(f"{len(CASES)} cases of {len(ops)} ops: {' '.join(ops)}")
    save(HERE / "sequence_ops.safetensors", TENSORS,
         {"torch": torch.__version__.split("+")[0], "ops": " ".join(ops)})
    save_json(HERE / "sequence_cases.json", CASES, levels=1)
