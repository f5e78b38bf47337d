"""PyTorch's layers and models of sequences in double precision: outputs and gradients.

Writes sequence.safetensors and zoo.json beside this script.

Parameter and buffer number i of a module's state dict, a tied one counted once, is filled by
fill(i, shape) below, which another engine can do to the bit; inputs are stored. The loss is the sum over outputs k of
sum(output_k * fill(100 + k, shape)). No dropout: evaluation and training give the same.
sequence.safetensors:
  CASE/inI          inputs: f64, i64 or bool
  CASE/outK         outputs
  CASE/dinI         gradients of the f64 inputs (but masks)
  CASE/grad/NAME    gradients of the parameters
zoo.json: {"NAME": ["ENTRY DTYPE SHAPE", ...]}, the state dicts of the zoo's two models.
The script also checks how PyTorch fills fresh parameters, which the test of the layers repeats:
  MultiheadAttention   in_proj_weight: uniform, b = sqrt(6 / (3E + E)); in_proj_bias and
                       out_proj.bias: 0; out_proj.weight: uniform, b = 1 / sqrt(E)
  LSTM                 everything: uniform, b = 1 / sqrt(H)
  Embedding            normal, 0 in the row padding_idx
"""

import math
import pathlib
import sys

import torch
import torch.nn as nn

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from reference import save, save_json, setup  # noqa: E402

GEN = torch.Generator().manual_seed(11)
TENSORS = {}


def fill(i, shape):
    n = math.prod(shape)
    j = torch.arange(n, dtype=torch.int64)
    return ((((j * 7919 + (i + 1) * 104729) % 2003).double() / 2003 - 0.5) * 0.8).reshape(shape)


def randn(*shape):
    return torch.randn(shape, generator=GEN, dtype=torch.float64).float().double()


def ids(high, *shape):
    return torch.randint(0, high, shape, generator=GEN)


class TransformerClassifier(nn.Module):
    def __init__(self, vocabulary=10_000, classes=4, length=64, d_model=128, heads=4, layers=2,
                 dim_feedforward=512, dropout=0.1, norm_first=False, learned=True):
        super().__init__()
        if learned:
            self.positions = nn.Parameter(torch.randn(length, d_model) * 0.02)
        else:
            p = torch.arange(length).double()[:, None]
            at = p / 10000 ** (torch.arange(0, d_model, 2).double() / d_model)
            table = torch.stack([at.sin(), at.cos()], -1).reshape(length, d_model)
            self.register_buffer("positions", table.float())
        self.embedding = nn.Embedding(vocabulary, d_model)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(d_model, heads, dim_feedforward, dropout,
                                           batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.classifier = nn.Linear(d_model, classes)

    def forward(self, ids):
        x = self.dropout(self.embedding(ids) + self.positions[: ids.shape[1]])
        return self.classifier(self.encoder(x).mean(1))


class CharRnn(nn.Module):
    def __init__(self, vocabulary=96, embedding_dim=128, hidden_size=256, layers=2, tie=False):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_size, layers, batch_first=True)
        self.decoder = nn.Linear(hidden_size, vocabulary)
        if tie:
            self.decoder.weight = self.embedding.weight

    def forward(self, ids):
        return self.decoder(self.lstm(self.embedding(ids))[0])


def case(name, module, inputs, run=None, keep_buffers=False):
    module = module.double().train()
    buffers = dict(module.named_buffers())
    with torch.no_grad():
        once = {}
        for key, x in module.state_dict().items():
            once.setdefault(x.data_ptr(), (key, x))
        for i, (key, x) in enumerate(once.values()):
            if not (keep_buffers and key in buffers):
                x.copy_(fill(i, x.shape))
    leaves = [x.clone().requires_grad_(x.is_floating_point())
              for i, x in enumerate(inputs)]
    outs = run(module, *leaves) if run else module(*leaves)
    outs = outs if isinstance(outs, tuple) else (outs,)
    loss = sum((y * fill(100 + k, y.shape)).sum() for k, y in enumerate(outs))
    loss.backward()
    TENSORS.update({f"{name}/in{i}": x for i, x in enumerate(inputs)})
    TENSORS.update({f"{name}/out{k}": y.detach() for k, y in enumerate(outs)})
    TENSORS.update({f"{name}/din{i}": x.grad for i, x in enumerate(leaves) if x.grad is not None})
    TENSORS.update({f"{name}/grad/{key}": p.grad for key, p in module.named_parameters()})


def layers():
    case("layer_norm", nn.LayerNorm((3, 6)), [randn(4, 3, 6)])
    case("layer_norm_no_bias", nn.LayerNorm(6, eps=0.1, bias=False), [randn(4, 6)])
    case("embedding", nn.Embedding(9, 5, padding_idx=2), [ids(9, 4, 7)])

    padding = torch.zeros(3, 5, dtype=torch.bool)
    padding[0, 3:] = padding[2, 1] = True
    causal = torch.ones(5, 5, dtype=torch.bool).triu(1)

    def self_attention(m, x, *rest, **o):
        return m(x, x, x, need_weights=False, **o)[0]

    mha = lambda **o: nn.MultiheadAttention(6, 2, **o)  # noqa: E731
    case("attention_self", mha(), [randn(5, 3, 6)], self_attention)
    case("attention_self_batch_first", mha(batch_first=True, bias=False), [randn(3, 5, 6)],
         self_attention)
    case("attention_cross", mha(batch_first=True), [randn(3, 4, 6), randn(3, 5, 6), randn(3, 5, 6)],
         lambda m, q, k, v: m(q, k, v, need_weights=False)[0])
    case("attention_padding", mha(batch_first=True), [randn(3, 5, 6)],
         lambda m, x: self_attention(m, x, key_padding_mask=padding))
    case("attention_causal", mha(), [randn(5, 3, 6)],
         lambda m, x: self_attention(m, x, attn_mask=causal, is_causal=True))
    scores = fill(7, (6, 5, 5))
    case("attention_mask_of_heads", mha(), [randn(5, 3, 6)],
         lambda m, x: self_attention(m, x, attn_mask=scores))
    case("attention_both_masks", mha(), [randn(5, 3, 6)],
         lambda m, x: self_attention(m, x, attn_mask=causal, key_padding_mask=padding))

    layer = lambda **o: nn.TransformerEncoderLayer(6, 2, 10, 0.0, **o)  # noqa: E731
    case("encoder_layer", layer(), [randn(5, 3, 6)])
    case("encoder_layer_norm_first", layer(norm_first=True, activation="gelu", batch_first=True,
                                           layer_norm_eps=1e-3), [randn(3, 5, 6)])
    case("encoder_layer_no_bias", layer(bias=False), [randn(5, 3, 6)])
    case("encoder", nn.TransformerEncoder(layer(batch_first=True), 2, nn.LayerNorm(6),
                                          enable_nested_tensor=False), [randn(3, 5, 6)],
         lambda m, x: m(x, src_key_padding_mask=padding))

    def flat(m, x, *state):
        y, (h, c) = m(x, state) if state else m(x)
        return y, h, c

    case("lstm", nn.LSTM(4, 3), [randn(6, 2, 4)], flat)
    case("lstm_stacked", nn.LSTM(4, 3, 3, batch_first=True), [randn(2, 6, 4)], flat)
    case("lstm_bidirectional", nn.LSTM(4, 3, 2, bidirectional=True, bias=False),
         [randn(6, 2, 4), randn(4, 2, 3), randn(4, 2, 3)], flat)


def models():
    small = dict(vocabulary=13, classes=3, length=7, d_model=6, heads=2, layers=2,
                 dim_feedforward=10, dropout=0.0)
    case("transformer", TransformerClassifier(**small), [ids(13, 3, 7)])
    case("transformer_short", TransformerClassifier(**small), [ids(13, 3, 4)])
    case("transformer_sinusoids", TransformerClassifier(**small, learned=False, norm_first=True),
         [ids(13, 3, 7)], keep_buffers=True)
    case("char_rnn", CharRnn(11, 5, 4), [ids(11, 3, 9)])
    case("char_rnn_tied", CharRnn(11, 5, 5, 1, tie=True), [ids(11, 3, 9)])


def check_initial_values():
    def uniform(x, b):
        x = x.detach().double()
        assert x.abs().max() <= b * (1 + 1e-6), (x.abs().max(), b)
        assert abs(x.std() - b / math.sqrt(3)) < 5 * b / math.sqrt(3 * x.numel())

    torch.manual_seed(0)
    m = nn.MultiheadAttention(48, 4)
    uniform(m.in_proj_weight, math.sqrt(6 / (4 * 48)))
    uniform(m.out_proj.weight, 1 / math.sqrt(48))
    assert (m.in_proj_bias == 0).all() and (m.out_proj.bias == 0).all()
    for p in nn.LSTM(40, 25, 2).parameters():
        uniform(p, 1 / 5)
    w = nn.Embedding(100, 50, padding_idx=3).weight.detach()
    assert (w[3] == 0).all() and abs(w.std() - 1) < 0.05 and w.max() > 3


if __name__ == "__main__":
    setup()
    layers()
    models()
    check_initial_values()
    save(HERE / "sequence.safetensors", TENSORS, {"torch": torch.__version__.split("+")[0]})
    zoo = {"transformer": TransformerClassifier(), "char_rnn": CharRnn()}
    for name, model in zoo.items():
        print(name, sum(p.numel() for p in model.parameters()))
    words = {torch.float32: "F32"}
    save_json(HERE / "zoo.json",
              {name: [f"{k} {words[v.dtype]} [{','.join(map(str, v.shape))}]"
                      for k, v in model.state_dict().items()] for name, model in zoo.items()},
              levels=1)
