"""The step of train_step.cpp in PyTorch; prints one line of JSON with the same keys."""
import argparse
import json
import statistics
import time

import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--warmup", type=int, default=5)
parser.add_argument("--channels-last", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)


def block(i, o):
    return [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()]


class CifarModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.c2d = nn.Conv2d(3, 16, 3, padding=1)
        self.features = nn.Sequential(
            nn.BatchNorm2d(16), nn.ReLU(), *block(16, 16), nn.MaxPool2d(2, 2),
            *block(16, 32), *block(32, 32), nn.MaxPool2d(2, 2),
            *block(32, 32), *block(32, 32), nn.AdaptiveMaxPool2d(1))
        self.classifier = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x):
        x = self.features(self.c2d(x))
        return self.classifier(x.view(x.size(0), -1))


model = CifarModel()
inputs = torch.randn(args.batch, 3, 32, 32)
if args.channels_last:
    model = model.to(memory_format=torch.channels_last)
    inputs = inputs.to(memory_format=torch.channels_last)
labels = torch.randint(0, 10, (args.batch,))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
ms = []
for i in range(args.warmup + args.steps):
    start = time.perf_counter()
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
    if i >= args.warmup:
        ms.append((time.perf_counter() - start) * 1e3)
name = "torch " + torch.__version__ + (" channels_last" if args.channels_last else "")
print(json.dumps({"engine": name, "batch": args.batch, "threads": args.threads,
                  "median_ms": statistics.median(ms), "min_ms": min(ms), "max_ms": max(ms)}))
