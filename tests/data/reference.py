"""What the scripts below this folder share: the article's two models in PyTorch, and a writer of
safetensors files whose bytes depend on the tensors alone.

Needs Python 3.10 or later with torch, torchvision, torchsummary 1.5.1, safetensors and numpy.
Every script is run without arguments, from anywhere, and writes beside itself.
"""

import json
import pathlib
import struct

import safetensors.torch
import torch
import torch.nn as nn
import torch.nn.functional as F

DATA = pathlib.Path(__file__).resolve().parent


def setup():
    """Same numbers on every run: one thread, deterministic kernels, no oneDNN choice of kernel."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mkldnn.enabled = False


class Net(nn.Module):
    """The MNIST CNN. Dropout takes its two probabilities, 0.5 in the article."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d(p)
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def logits(self, x, mask2d=None, mask=None):
        """Scores before log_softmax. Masks, already scaled by 1/(1-p), stand for the dropouts."""
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = self.conv2(x)
        x = self.conv2_drop(x) if mask2d is None else x * mask2d
        x = F.relu(F.max_pool2d(x, 2))
        x = x.view(-1, 320)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, self.p, training=self.training) if mask is None else x * mask
        return self.fc2(x)

    def forward(self, x, mask2d=None, mask=None):
        return F.log_softmax(self.logits(x, mask2d, mask), dim=1)


class CifarModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.c2d = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.features = nn.Sequential(
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, kernel_size=3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(32, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(1),
        )
        self.classifier = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x):
        x_0 = self.c2d(x)
        x1 = self.features(x_0)
        self.feature_map = x_0
        x2 = x1.view(x1.size(0), -1)
        return self.classifier(x2)


def save(path, tensors, metadata):
    """Write a safetensors file. The library orders metadata at random, so the header is rewritten
    with sorted metadata and padded again to a multiple of 8."""
    tensors = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    blob = safetensors.torch.save(tensors, {str(k): str(v) for k, v in metadata.items()})
    (size,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob[8 + size :])
    back = safetensors.torch.load_file(path)
    assert back.keys() == tensors.keys()
    same = all(torch.equal(back[k].nan_to_num(7e77), v.nan_to_num(7e77)) if v.is_floating_point()
               else torch.equal(back[k], v) for k, v in tensors.items())
    assert same, path
    print(f"{path.relative_to(DATA)}: {len(tensors)} tensors, {path.stat().st_size:,} bytes")


def save_json(path, value, levels=2):
    """JSON with one line per entry of the outermost levels: readable, and small in a diff."""
    def dump(v, level):
        if isinstance(v, dict) and level < levels:
            inner = ",\n".join(f"{' ' * (level + 1)}{json.dumps(k)}: {dump(x, level + 1)}"
                               for k, x in v.items())
            return "{\n" + inner + "\n" + " " * level + "}"
        if isinstance(v, list) and level < levels and v and isinstance(v[0], (dict, list)):
            inner = ",\n".join(" " * (level + 1) + dump(x, level + 1) for x in v)
            return "[\n" + inner + "\n" + " " * level + "]"
        return json.dumps(v, ensure_ascii=False)

    text = dump(value, 0) + "\n"
    assert json.loads(text) == value
    path.write_text(text)
    print(f"{path.relative_to(DATA)}: {len(text.encode()):,} bytes")
