"""Optimizers, schedules, clipping and averaged weights of PyTorch, in double precision.

Writes optim.json beside this script: numbers with all their digits, tensors as flat lists.

  init          the two parameters, p0 [2, 3] and p1 [5]
  gradients     50 steps of their gradients, p0 then p1
  steps         the steps after which "after" holds the parameters
  optimizers    NAME -> class, options, groups (options of p0's and p1's group, or null: one group),
                late (p1 has no gradient in the first two steps), after
  schedules     NAME -> class, options (by PyTorch's names; for SequentialLR a list of class and
                options, and milestones), optimizer (class and options), groups (their rates), lr
                (after the constructor, then after each of 60 steps, by group) and, where momentum
                is cycled, momentum
  metrics       what ReduceLROnPlateau is given at each step
  lambdas       what LambdaLR's factor is at each step
  clip_norm     max_norm, norm_type ("inf": infinity), scale of the first gradients, norm, clipped
  clip_value    clip_value, clipped
  ema           decay, use_buffers, the parameters, buffers and counter after each of 20 updates of
                p0 = gradients' p0, buffer = gradients' p1, counter = 3 * step + 1
  training      AdamW with OneCycleLR and clipping: options of each, after
"""

import json
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from reference import save_json, setup  # noqa: E402

GEN = torch.Generator().manual_seed(11)
STEPS = [1, 2, 3, 10, 25, 50]
SHAPES = [(2, 3), (5,)]


def randn(shape):
    return torch.randn(shape, generator=GEN, dtype=torch.float64)


def flat(tensors):
    return [v for t in tensors for v in t.detach().double().flatten().tolist()]


INIT = [randn(s) for s in SHAPES]
GRADIENTS = [[randn(s) for s in SHAPES] for _ in range(50)]


def parameters():
    return [torch.nn.Parameter(p.clone()) for p in INIT]


def set_gradients(ps, step, late=False):
    for i, p in enumerate(ps):
        p.grad = None if late and i == 1 and step < 2 else GRADIENTS[step][i].clone()


def run_optimizer(cls, options, groups=None, late=False):
    ps = parameters()
    given = ps if groups is None else [{"params": [p]} | g for p, g in zip(ps, groups)]
    optimizer = getattr(torch.optim, cls)(given, foreach=False, **options)
    after = []
    for step in range(50):
        set_gradients(ps, step, late)
        optimizer.step()
        if step + 1 in STEPS:
            after.append(flat(ps))
    return {"class": cls, "options": options, "groups": groups, "late": late, "after": after}


def optimizers():
    cases = {}

    def add(name, cls, options=None, **more):
        cases[f"{cls}/{name}"] = run_optimizer(cls, options or {}, **more)

    every = {
        "SGD": {"lr": 0.05, "momentum": 0.8, "dampening": 0.2, "weight_decay": 0.03},
        "Adam": {"lr": 0.02, "betas": (0.7, 0.95), "eps": 1e-4, "weight_decay": 0.03},
        "AdamW": {"lr": 0.02, "betas": (0.7, 0.95), "eps": 1e-4, "weight_decay": 0.3},
        "RMSprop": {"lr": 0.02, "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.03, "momentum": 0.8},
    }
    for cls, options in every.items():
        add("defaults", cls)
        add("options", cls, options)
        add("maximize", cls, options | {"maximize": True})
        add("late", cls, options, late=True)
        add("groups", cls, options, groups=[{"lr": 0.001}, {"weight_decay": 0.5}])
    add("plain", "SGD", {"lr": 0.05})
    add("nesterov", "SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.03})
    add("group_momentum", "SGD", {"lr": 0.05},
        groups=[{"momentum": 0.9, "nesterov": True}, {"maximize": True}])
    for cls in ("Adam", "AdamW"):
        add("amsgrad", cls, every[cls] | {"amsgrad": True})
        add("group_betas", cls, {"lr": 0.01},
            groups=[{"betas": (0.5, 0.9), "amsgrad": True}, {"eps": 0.1, "maximize": True}])
    add("no_decay", "AdamW", {"lr": 0.02, "weight_decay": 0})
    add("beta_zero", "Adam", {"lr": 0.02, "betas": (0.0, 0.0)})
    add("plain", "RMSprop", {"lr": 0.02, "alpha": 0.9})
    add("centered", "RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "centered": True})
    add("centered_momentum", "RMSprop",
        every["RMSprop"] | {"eps": 1e-3, "centered": True})
    add("group_centered", "RMSprop", {"lr": 0.01},
        groups=[{"centered": True, "alpha": 0.5}, {"momentum": 0.5, "eps": 0.1}])
    return cases


METRICS = [1.0, 0.9, 0.9, 0.89995, 0.91, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4, 0.39999]
METRICS += [round(0.39 + 0.01 * (i % 7), 4) for i in range(30)] + [0.1, -0.5] + [-0.4] * 13
LAMBDAS = [1 / (1 + 0.1 * i) for i in range(61)]


def schedules():
    sched = torch.optim.lr_scheduler
    cases = {}

    def make(optimizer, cls, options):
        if cls == "LambdaLR":
            return sched.LambdaLR(optimizer, lambda t: LAMBDAS[t])
        return getattr(sched, cls)(optimizer, **options)

    def add(name, cls, options, optimizer=None, groups=None, steps=60, milestones=None):
        kind, given = optimizer or ("SGD", {"lr": 0.1})
        ps = parameters()
        groups = groups or [given["lr"]]
        opt = getattr(torch.optim, kind)(
            [{"params": [p], "lr": lr} for p, lr in zip(ps, groups)], **given)
        if cls == "SequentialLR":
            s = sched.SequentialLR(opt, [make(opt, *each) for each in options], milestones)
        else:
            s = make(opt, cls, options)
        lr, momentum = [], []

        def note():
            lr.append([g["lr"] for g in opt.param_groups])
            momentum.append([g["betas"][0] if "betas" in g else g["momentum"]
                             for g in opt.param_groups])

        note()
        for t in range(steps):
            opt.step()
            if cls == "ReduceLROnPlateau":
                s.step(METRICS[t])
            else:
                s.step()
            note()
        case = {"class": cls, "options": options, "optimizer": [kind, given], "groups": groups,
                "lr": lr}
        if milestones:
            case["milestones"] = milestones
        cycles = cls == "OneCycleLR" or any(c == "OneCycleLR" for c, *_ in options if milestones)
        if cycles:
            case["momentum"] = momentum
        cases[f"{cls}/{name}"] = case

    two = [0.1, 0.003]
    add("defaults", "StepLR", {"step_size": 7})
    add("gamma", "StepLR", {"step_size": 1, "gamma": 0.97}, groups=two)
    add("defaults", "MultiStepLR", {"milestones": [3, 20, 40]})
    add("twice", "MultiStepLR", {"milestones": [0, 5, 5, 30], "gamma": 0.5}, groups=two)
    add("gamma", "ExponentialLR", {"gamma": 0.93}, groups=two)
    add("full", "CosineAnnealingLR", {"T_max": 60})
    add("rises_again", "CosineAnnealingLR", {"T_max": 13, "eta_min": 0.001}, groups=two)
    add("one", "CosineAnnealingLR", {"T_max": 1})
    add("defaults", "LinearLR", {})
    add("down", "LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 30}, groups=two)
    add("plain", "LambdaLR", {}, groups=two)
    momentum = ("SGD", {"lr": 0.1, "momentum": 0.9})
    adam = ("Adam", {"lr": 0.1, "betas": (0.8, 0.99)})
    add("defaults", "OneCycleLR", {"max_lr": 0.1, "total_steps": 60}, momentum)
    add("adam", "OneCycleLR", {"max_lr": 0.1, "total_steps": 60}, adam)
    add("linear", "OneCycleLR", {"max_lr": 0.1, "epochs": 12, "steps_per_epoch": 5,
                                 "anneal_strategy": "linear"}, momentum)
    add("three_phase", "OneCycleLR", {"max_lr": 0.1, "total_steps": 61, "three_phase": True,
                                      "pct_start": 0.37}, adam)
    add("three_phase_linear", "OneCycleLR",
        {"max_lr": 0.1, "total_steps": 70, "three_phase": True, "anneal_strategy": "linear"},
        momentum)
    add("options", "OneCycleLR",
        {"max_lr": [0.1, 0.5], "total_steps": 60, "pct_start": 0.1, "base_momentum": [0.7, 0.6],
         "max_momentum": [0.8, 0.99], "div_factor": 10.0, "final_div_factor": 100.0},
        momentum, groups=two)
    add("no_momentum", "OneCycleLR",
        {"max_lr": 0.1, "total_steps": 60, "cycle_momentum": False, "pct_start": 0.0}, momentum)
    add("defaults", "ReduceLROnPlateau", {})
    add("patient", "ReduceLROnPlateau", {"patience": 2, "factor": 0.5})
    add("max", "ReduceLROnPlateau", {"mode": "max", "patience": 1, "factor": 0.9})
    add("abs", "ReduceLROnPlateau",
        {"threshold_mode": "abs", "threshold": 0.05, "patience": 0, "factor": 0.8})
    add("max_abs", "ReduceLROnPlateau",
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.05, "patience": 3, "factor": 0.7})
    add("cooldown", "ReduceLROnPlateau", {"patience": 1, "cooldown": 4, "factor": 0.5})
    add("min_lr", "ReduceLROnPlateau",
        {"patience": 0, "factor": 0.3, "min_lr": [0.01, 0.0001], "eps": 1e-3}, groups=two)
    add("warmup_cosine", "SequentialLR",
        [("LinearLR", {"start_factor": 0.1, "total_iters": 5}),
         ("CosineAnnealingLR", {"T_max": 55, "eta_min": 0.002})], groups=two, milestones=[5])
    add("three", "SequentialLR",
        [("LinearLR", {"total_iters": 10}), ("ExponentialLR", {"gamma": 0.9}),
         ("StepLR", {"step_size": 4, "gamma": 0.5})], milestones=[8, 20])
    add("multi_lambda", "SequentialLR",
        [("MultiStepLR", {"milestones": [2, 4]}), ("LambdaLR", {})], milestones=[10])
    add("from_zero", "SequentialLR",
        [("ExponentialLR", {"gamma": 0.5}), ("LinearLR", {"total_iters": 4})], milestones=[0])
    return cases


def clipping():
    norms, values = [], []
    for max_norm, norm_type, scale in [(1.0, 2.0, 1.0), (100.0, 2.0, 1.0), (0.5, 1.0, 3.0),
                                       (0.7, float("inf"), 1.0), (2.0, 3.0, 1.0),
                                       (0.1, 0.5, 1.0), (0.0, 2.0, 1.0), (1.0, 2.0, 0.0)]:
        ps = parameters()
        set_gradients(ps, 0)
        for p in ps:
            p.grad *= scale
        norm = torch.nn.utils.clip_grad_norm_(ps, max_norm, norm_type)
        norms.append({"max_norm": max_norm, "scale": scale, "norm": norm.item(),
                      "norm_type": "inf" if norm_type == float("inf") else norm_type,
                      "clipped": flat(p.grad for p in ps)})
    for value in (0.5, 0.0, 10.0):
        ps = parameters()
        set_gradients(ps, 0)
        torch.nn.utils.clip_grad_value_(ps, value)
        values.append({"clip_value": value, "clipped": flat(p.grad for p in ps)})
    return norms, values


class Weights(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.p = torch.nn.Parameter(torch.zeros(2, 3, dtype=torch.float64))
        self.register_buffer("b", torch.zeros(5, dtype=torch.float64))
        self.register_buffer("n", torch.tensor(0))


def ema():
    cases = []
    for decay, use_buffers in [(0.999, False), (0.9, True), (0.5, True), (0.0, False), (1.0, True)]:
        model = Weights()
        averaged = torch.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay),
            use_buffers=use_buffers)
        after = []
        for step in range(20):
            with torch.no_grad():
                model.p.copy_(GRADIENTS[step][0])
                model.b.copy_(GRADIENTS[step][1])
                model.n.fill_(3 * step + 1)
            averaged.update_parameters(model)
            m = averaged.module
            after.append([flat([m.p]), flat([m.b]), m.n.item()])
        cases.append({"decay": decay, "use_buffers": use_buffers, "after": after})
    return cases


def training():
    ps = parameters()
    optimizer = torch.optim.AdamW(ps, lr=0.1, weight_decay=0.1, foreach=False)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=50)
    after, norms = [], []
    for step in range(50):
        set_gradients(ps, step)
        norms.append(torch.nn.utils.clip_grad_norm_(ps, 1.5).item())
        optimizer.step()
        schedule.step()
        if step + 1 in STEPS:
            after.append(flat(ps))
    return {"after": after, "norms": norms}


def main():
    setup()
    norms, values = clipping()
    data = {
        "init": [flat([p]) for p in INIT],
        "gradients": [[flat([g]) for g in step] for step in GRADIENTS],
        "steps": STEPS, "optimizers": optimizers(), "schedules": schedules(),
        "metrics": METRICS, "lambdas": LAMBDAS, "clip_norm": norms, "clip_value": values,
        "ema": ema(), "training": training()}
    save_json(HERE / "optim.json", json.loads(json.dumps(data)))  # tuples become lists


if __name__ == "__main__":
    main()
