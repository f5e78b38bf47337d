"""The same as make_ops.py for ops that came later: outputs and gradients of PyTorch, in double.

Writes more_ops.safetensors and more_cases.json beside this script, in the form that make_ops.py
describes. What needs saying:
  conv_transpose2d  in2 is the bias, where the option bias is true
  group_norm        in0 x, in1 weight, in2 bias; affine false: in0 alone
  gather            in1 is the index, i64
"""

import torch
import torch.nn.functional as F

from make_ops import CASES, HERE, TENSORS, case, exact, randn, save, save_json, setup


def conv_transpose2d():
    def add(name, x, w, bias=True, **o):
        groups = o.get("groups", 1)
        ins = [randn(*x), randn(*w)] + ([randn(w[1] * groups)] if bias else [])
        case("conv_transpose2d/" + name, ins, lambda *t: F.conv_transpose2d(*t, **o),
             o | {"bias": bias})

    add("plain", (2, 3, 4, 5), (3, 4, 3, 3))
    add("one_by_one", (2, 3, 4, 5), (3, 2, 1, 1))
    add("padded", (2, 3, 5, 5), (3, 4, 3, 3), padding=[1, 1])
    add("upsampling", (2, 4, 3, 5), (4, 3, 2, 2), stride=[2, 2])
    add("strided", (2, 3, 4, 3), (3, 4, 3, 3), stride=[2, 1], padding=[1, 0])
    add("output_padding", (2, 3, 4, 5), (3, 2, 3, 3), stride=[2, 2], padding=[1, 1],
        output_padding=[1, 1])
    add("output_padding_one_axis", (1, 2, 3, 4), (2, 3, 3, 2), stride=[3, 2],
        output_padding=[2, 0])
    add("kernel_below_stride", (2, 2, 3, 3), (2, 3, 1, 2), stride=[3, 3], output_padding=[2, 1])
    add("dilated", (2, 2, 4, 5), (2, 3, 3, 3), dilation=[2, 1], padding=[2, 1])
    add("output_padding_below_dilation", (2, 3, 4, 5), (3, 2, 2, 3), dilation=[3, 2],
        output_padding=[2, 1])
    add("output_padding_below_dilation_padded", (2, 2, 5, 6), (2, 3, 3, 2), stride=[1, 2],
        padding=[2, 3], dilation=[2, 4], output_padding=[1, 3])
    add("asymmetric", (2, 2, 4, 5), (2, 3, 2, 3), stride=[1, 2], padding=[0, 2], dilation=[3, 2],
        output_padding=[2, 1])
    add("groups", (2, 6, 4, 3), (6, 2, 3, 3), groups=2, padding=[1, 1])
    add("depthwise", (2, 3, 4, 4), (3, 1, 4, 4), groups=3, padding=[1, 1], stride=[2, 2])
    add("depthwise_multiplier", (2, 3, 3, 3), (3, 2, 3, 3), groups=3)
    add("no_bias", (2, 3, 4, 4), (3, 4, 3, 3), bias=False, padding=[1, 1])
    add("groups_no_bias", (1, 4, 3, 5), (4, 2, 2, 3), bias=False, groups=2, dilation=[2, 2])
    add("one_pixel", (3, 2, 1, 1), (2, 5, 4, 3))
    add("empty_batch", (0, 2, 3, 3), (2, 3, 2, 2), stride=[2, 2])


def group_norm():
    def add(name, x, groups, affine=True, **o):
        x = randn(*x) if isinstance(x, tuple) else x
        c = x.shape[1]
        ins = [x] + ([randn(c), randn(c)] if affine else [])
        case("group_norm/" + name, ins, lambda x, *wb: F.group_norm(x, groups, *wb, **o),
             o | {"groups": groups, "affine": affine})

    add("one_group", (3, 4, 3, 2), 1)
    add("two_groups", (3, 4, 3, 2), 2)
    add("each_channel", (3, 4, 3, 2), 4)
    add("not_affine", (3, 6, 2, 2), 3, affine=False)
    add("eps", (2, 4, 3, 3), 2, eps=0.01)
    add("two_d", (5, 6), 2)
    add("three_d", (2, 6, 5), 3)
    add("five_d", (2, 4, 2, 3, 2), 2)
    add("batch_one", (1, 6, 3, 3), 3)
    add("odd", (3, 9, 7, 5), 3)
    add("one_value_each", (2, 4), 4)
    add("far_from_zero", exact(randn(2, 4, 3, 3) + 512), 2)
    add("constant", torch.ones(2, 4, 2, 2).double(), 2)
    add("empty_batch", (0, 4, 3, 3), 2)


def gather():
    def add(name, x, index, dim):
        size = x[dim]
        index = (torch.rand(index, dtype=torch.float64) * size).long()
        case("gather/" + name, [randn(*x), index], lambda x, i: torch.gather(x, dim, i),
             {"dim": dim})

    torch.manual_seed(7)
    add("one_dim", (7,), (9,), 0)
    add("rows", (4, 5), (6, 5), 0)
    add("columns", (4, 5), (4, 3), 1)
    add("last", (3, 4, 5), (3, 4, 7), -1)
    add("middle", (3, 4, 5), (3, 6, 5), 1)
    add("first_of_three", (3, 4, 5), (8, 4, 5), 0)
    add("one_of_each_row", (5, 4), (5, 1), 1)
    add("smaller_index", (4, 5, 6), (2, 7, 3), 1)
    add("smaller_index_last", (4, 5, 6), (3, 2, 8), 2)
    add("many_times_the_same", (2, 3), (2, 40), 1)
    add("no_index", (3, 4), (0, 4), 0)


if __name__ == "__main__":
    setup()
    for family in (conv_transpose2d, group_norm, gather):
        family()
    ops = sorted({name.split("/")[0] for name in CASES})
    print(f"{len(CASES)} cases of {len(ops)} ops: {' '.join(ops)}")
    save(HERE / "more_ops.safetensors", TENSORS, {"torch": torch.__version__.split("+")[0],
                                                  "ops": " ".join(ops)})
    save_json(HERE / "more_cases.json", CASES, levels=1)
