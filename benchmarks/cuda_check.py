"""What ./dev cuda-check runs after the build: the suite on the GPU, compute-sanitizer on a part of
it where that program is, and the benchmarks in turns with PyTorch where that is. Writes one JSON and
one Markdown table, and says what of it failed.

    cuda_check.py BUILD OUTPUT [--rounds N] [--seconds N] [--cases MODEL:BATCH,...]
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

CASES = "cifar:128,cifar:512,cifar:2048,resnet18:512,resnet50:128"
PRECISIONS = ["fp32", "tf32", "bf16"]
# PyTorch's ways, with the precisions in which each is worth its time. What compiles takes up to a
# minute to begin: it comes after all that does not.
PEERS = [[([], "fp32 tf32 bf16"), (["--channels-last"], "tf32 bf16"),
          (["--mode", "graph"], "tf32 bf16"), (["--mode", "graph", "--channels-last"], "bf16")],
         [(["--mode", "compile"], "tf32 bf16"), (["--mode", "reduce-overhead"], "tf32 bf16")]]


class Check:
    def __init__(self, build, seconds):
        self.build = build
        self.end = time.monotonic() + seconds
        self.steps = []

    def left(self):
        return max(0.0, self.end - time.monotonic())

    def run(self, name, command, environment=None, least=5, most=float("inf")):
        """One step of at most so many seconds; what did not begin for lack of time is left out."""
        if self.left() < least:
            self.steps.append({"step": name, "result": "left out", "why": "no time"})
            return None
        print("== " + name, flush=True)
        begin = time.monotonic()
        try:
            done = subprocess.run(command, env={**os.environ, **(environment or {})}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=min(most, self.left()))
            code, text = done.returncode, done.stdout
        except subprocess.TimeoutExpired as e:
            text = e.stdout or ""  # bytes in some versions of Python
            code, text = 124, text if isinstance(text, str) else text.decode(errors="replace")
        except OSError as e:
            code, text = 127, str(e)
        result = {0: "ok", 124: "cut off: no time"}.get(code, f"failed ({code})")
        step = {"step": name, "result": result,
                "seconds": round(time.monotonic() - begin, 1), "output": text[-6000:]}
        self.steps.append(step)
        print(f"   {step['result']}, {step['seconds']} s", flush=True)
        if code != 0:
            print(text[-3000:], flush=True)
        return text if code == 0 else None

    def measure(self, name, command):
        text = self.run(name, command)
        line = next((l for l in (text or "").splitlines()[::-1] if l.startswith("{")), None)
        try:
            return json.loads(line) if line else None
        except ValueError:  # a loss that is NaN, for one
            self.steps[-1]["result"] = "failed: " + line
            return None


def bench(check, cases, rounds):
    program = os.path.join(check.build, "bin", "bench_cuda_training")
    peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cuda_training.py")
    has_torch = subprocess.run(
        [sys.executable, "-c", "import torch; assert torch.cuda.is_available()"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    if not has_torch:
        check.steps.append({"step": "PyTorch", "result": "left out",
                            "why": f"{sys.executable} has no torch with a GPU"})
    lines = []
    for peers in PEERS if has_torch else [[]]:
        for _ in range(rounds):
            for case in cases:
                model, batch = case.split(":")
                for precision in PRECISIONS:
                    what = ["--model", model, "--batch", batch, "--precision", precision,
                            "--steps", "100" if model == "cifar" else "20"]
                    name = f"{model} {batch} {precision}"
                    lines.append(check.measure(f"glassbox {name}", [program] + what))
                    for options, precisions in peers:
                        if precision not in precisions.split():
                            continue
                        lines.append(check.measure(" ".join(["torch", name] + options),
                                                   [sys.executable, peer] + what + options))
    return [line for line in lines if line]


def table(lines):
    """One row for each engine, mode, model, batch and precision: medians over the rounds."""
    rows = {}
    for line in lines:
        key = (line["model"], line["batch"], line["precision"], line["engine"], line["mode"])
        rows.setdefault(key, []).append(line)
    out = ["| model | batch | precision | engine | step ms (min-max) | GPU ms | host ms | images/s |"
           " launches | peak MiB | of the floor |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for (model, batch, precision, engine, mode), runs in sorted(rows.items(), key=str):
        steps = [r["step_ms"] for r in runs]
        middle = lambda name: statistics.median(r.get(name, float("nan")) for r in runs)
        out.append(f"| {model} | {batch} | {precision} | {engine}, {mode} | "
                   f"{statistics.median(steps):.3f} ({min(steps):.3f}-{max(steps):.3f}) | "
                   f"{middle('gpu_ms'):.3f} | {middle('host_ms'):.3f} | "
                   f"{middle('images_per_second'):.0f} | {middle('launches'):.0f} | "
                   f"{middle('peak_mib'):.0f} | {middle('of_floor'):.2f} |")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("output")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=420)
    parser.add_argument("--cases", default=CASES)
    a = parser.parse_args()
    check = Check(a.build, a.seconds)
    glassbox = os.path.join(a.build, "bin", "glassbox")
    tests = os.path.join(a.build, "bin", "glassbox_tests")
    on_gpu = {"GLASSBOX_TEST_DEVICE": "cuda"}

    devices = check.run("devices", [glassbox, "devices"]) or ""
    if not re.search(r"^cuda:0 ", devices, re.M):
        print(devices)
        print("cuda-check: no GPU that this build can use")
        return 1
    check.run("CUDA tests", [tests, "-tc=cuda: *"], on_gpu)
    check.run("train on the GPU", [glassbox, "train", "--model", "cifar", "--data", "synthetic",
                                   "--device", "cuda", "--epochs", "3", "--run",
                                   os.path.join(a.output, "run")])
    check.run("the whole suite on the GPU", [tests, "--test-suite-exclude=slow"], on_gpu,
              most=a.seconds / 2)
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer:
        check.run("compute-sanitizer", [sanitizer, "--error-exitcode", "9", tests,
                                        "-tc=cuda: training agrees*"], on_gpu)
    else:
        check.steps.append({"step": "compute-sanitizer", "result": "left out",
                            "why": "it is not installed"})
    lines = bench(check, a.cases.split(","), a.rounds)

    os.makedirs(a.output, exist_ok=True)
    with open(os.path.join(a.output, "cuda-check.json"), "w", encoding="utf-8") as f:
        json.dump({"devices": devices, "steps": check.steps, "benchmarks": lines}, f, indent=1)
    text = devices + "\n| step | result | seconds |\n|---|---|---|\n"
    for s in check.steps:
        if s["step"].startswith(("glassbox ", "torch ")) and s["result"] == "ok":
            continue
        text += f"| {s['step']} | {s['result']} {s.get('why', '')} | {s.get('seconds', '')} |\n"
    text += "\n" + table(lines) + "\n"
    with open(os.path.join(a.output, "cuda-check.md"), "w", encoding="utf-8") as f:
        f.write(text)
    print(text)
    # A measurement that was cut off is a figure less; any other step had to end.
    return any(s["result"].startswith("failed") or
               s["result"].startswith("cut off") and not s["step"].startswith(("glassbox ", "torch "))
               for s in check.steps)


if __name__ == "__main__":
    sys.exit(main())
