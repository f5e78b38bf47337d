"""The training steps of cuda_training.cpp in PyTorch: one line of JSON.

    cuda_training.py [--model cifar|resnet18|resnet50] [--batch N] [--steps N] [--warmup N]
                     [--precision fp32|tf32|bf16] [--channels-last]
                     [--mode eager|compile|reduce-overhead|graph]

Needs torch with CUDA, and torchvision for the resnets. Not needed by the project itself.
"""
import argparse
import json
import time

import torch
from torch import nn


class CifarModel(nn.Module):
    """The article's network."""

    def __init__(self):
        super().__init__()

        def block(i, o):
            return [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()]

        self.features = nn.Sequential(
            *block(3, 16), *block(16, 16), nn.MaxPool2d(2), *block(16, 32), *block(32, 32),
            nn.MaxPool2d(2), *block(32, 32), *block(32, 32), nn.AdaptiveMaxPool2d(1))
        self.classifier = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def make(name):
    if name == "cifar":
        return CifarModel(), 32, 10
    import torchvision
    return getattr(torchvision.models, name)(), 32 if name == "resnet18" else 224, 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="cifar", choices=["cifar", "resnet18", "resnet50"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "tf32", "bf16"])
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--mode", default="eager",
                        choices=["eager", "compile", "reduce-overhead", "graph"])
    a = parser.parse_args()

    # TF32 for convolutions is PyTorch's default; here it is what --precision says.
    torch.backends.cudnn.allow_tf32 = a.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = a.precision == "tf32"
    torch.manual_seed(0)
    model, size, classes = make(a.model)
    model = model.cuda()
    inputs = torch.randn(a.batch, 3, size, size, device="cuda")
    labels = torch.randint(0, classes, (a.batch,), device="cuda")
    if a.channels_last:
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    run = model
    if a.mode in ("compile", "reduce-overhead"):
        run = torch.compile(model, mode=None if a.mode == "compile" else a.mode)

    def step():
        optimizer.zero_grad(set_to_none=a.mode != "graph")
        with torch.autocast("cuda", torch.bfloat16, enabled=a.precision == "bf16"):
            loss = criterion(run(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss

    if a.mode == "graph":
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            static_loss = step()
        do = lambda: (graph.replay(), static_loss)[1]
    else:
        do = step

    for _ in range(a.warmup):
        loss = do()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start = time.perf_counter()
    first.record()
    for _ in range(a.steps):
        loss = do()
    last.record()
    host = (time.perf_counter() - start) / a.steps
    torch.cuda.synchronize()
    whole = (time.perf_counter() - start) / a.steps
    print(json.dumps({
        "engine": "torch " + torch.__version__,
        "mode": a.mode + (" channels_last" if a.channels_last else ""), "model": a.model,
        "batch": a.batch, "precision": a.precision, "gpu": torch.cuda.get_device_name(),
        "step_ms": whole * 1e3, "gpu_ms": first.elapsed_time(last) / a.steps,
        "host_ms": host * 1e3, "images_per_second": a.batch / whole,
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20, "loss": loss.item()}))


if __name__ == "__main__":
    main()
