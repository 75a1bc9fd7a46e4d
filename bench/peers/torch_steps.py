"""The benches' training steps, a matrix product and a copy in PyTorch on the same card, as JSON lines.

Each step is forward, backward and update on images that lie on the card as floats already. Float32 is
measured with TF32 off ("float32") and on ("TF32"), and with automatic mixed precision in bfloat16 and images
channels last ("AMP"); on a CPU there is only the first.
Usage: python3 torch_steps.py [--device cpu] [--quick] [--only NETWORK] [--modes float32,TF32,AMP] [--no-search]
"""

import argparse
import json
import platform
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
arguments.add_argument("--quick", action="store_true", help="tiny sizes, to test this script")
arguments.add_argument("--only", help="one network, without the product and the copy")
arguments.add_argument("--modes", default="float32,TF32", help="of float32, TF32, AMP")
arguments.add_argument("--no-search", action="store_true", help="cudnn.benchmark off")
flags = arguments.parse_args()
cuda = flags.device == "cuda"
quick = flags.quick
device_name = torch.cuda.get_device_name() if cuda else platform.processor() or "cpu"
torch.backends.cudnn.benchmark = not flags.no_search


def sync():
    if cuda:
        torch.cuda.synchronize()


def report(name, mode, work, repeats=1, **figures):
    """Prints the median of 10 samples, each of `repeats` runs between two waits, after 5 to warm up.

    A card that was idle takes about two seconds of work until its clocks stand: the samples come after those.
    """
    samples, warmup, hot = (3, 1, 0) if quick or not cuda else (10, 5, 2)
    times = []
    begun = time.perf_counter()
    while len(times) < warmup or time.perf_counter() - begun < hot:
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        sync()
        times.append(time.perf_counter() - start)
    times = []
    for _ in range(samples):
        sync()
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        sync()
        times.append(1000 * (time.perf_counter() - start) / repeats)
    ms = statistics.median(times)
    row = {"name": name, "mode": mode, "milliseconds": ms, "low": min(times), "high": max(times)}
    row |= {"device": device_name, "torch": torch.__version__}
    row["figures"] = {figure: amount / ms / 1e6 for figure, amount in figures.items()}
    print(json.dumps(row, ensure_ascii=False), flush=True)


def small_cnn():
    def stage(cin, cout):
        return [nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(*stage(1, 16), *stage(16, 32), nn.Flatten(), nn.Linear(1568, 10))


def resnet18():
    """The authors' network: stem 7×7/1, a border for the max-pool, strides 1, 1, 2, 2, biases."""
    from torchvision.models import resnet18 as published

    model = published(num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 7, padding=3)
    model.maxpool = nn.ZeroPad2d(1)
    first = model.layer2[0]
    first.conv1.stride = first.downsample[0].stride = (1, 1)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
    return model


def of_timm(name):
    def build():
        import timm

        return timm.create_model(name, num_classes=100, drop_path_rate=0.1)

    return build


def adam(parameters, **options):
    return torch.optim.Adam(parameters, lr=1e-4, **options)


def adam_w(parameters, **options):
    return torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.05, **options)


# Name, network, optimiser, batch, side, channels, classes, steps between two waits (as in our benches).
networks = [
    ("small-cnn", small_cnn, adam, 64, 28, 1, 10, 32),
    ("resnet18", resnet18, adam, 128, 32, 3, 10, 4),
    ("pvt-v2-b0", of_timm("pvt_v2_b0"), adam_w, 32, 224, 3, 100, 4),
    ("convnext-t", of_timm("convnext_tiny"), adam_w, 32, 224, 3, 100, 4),
]


def training_step(build, optimizer, batch, side, channels, classes, mixed=False, **options):
    """A function that does one step."""
    torch.manual_seed(1)
    layout = torch.channels_last if mixed else torch.contiguous_format
    model = build().to(flags.device, memory_format=layout).train()
    update = optimizer(model.parameters(), **options)
    x = torch.randn(batch, channels, side, side, device=flags.device).to(memory_format=layout)
    y = torch.arange(batch, device=flags.device) % classes

    def step():
        update.zero_grad(set_to_none=True)
        with torch.autocast(flags.device, torch.bfloat16, enabled=mixed):
            loss = F.cross_entropy(model(x), y)
        loss.backward()
        update.step()

    return step


def as_graph(step):
    """The whole step as one CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def replay():
        graph.replay()

    # The graph uses their memory without holding on to them.
    replay.keeps = step
    return replay


def measure(mode):
    mixed = mode == "AMP"
    if flags.only is None and not mixed:
        n = 256 if quick else 4096
        a, b, c = (torch.randn(n, n, device=flags.device) for _ in range(3))
        report(f"matmul {n}³", mode, lambda: torch.mm(a, b, out=c), 2, **{"GFLOP/s": 2 * n**3})
        del a, b, c
    for name, build, optimizer, batch, side, channels, classes, steps in networks:
        if flags.only not in (None, name):
            continue
        if quick:
            batch, side, steps = 2, min(side, 32), 1
        label = f"{name}, {batch} × {side}²"
        settings = (build, optimizer, batch, side, channels, classes, mixed)
        try:
            report(label, mode, training_step(*settings), steps)
            if cuda:
                graph = as_graph(training_step(*settings, capturable=True))
                report(label, f"{mode}, CUDA graph", graph, steps)
                del graph
        except (ImportError, RuntimeError) as error:
            print(f"torch_steps.py: {name} skipped: {error}", file=sys.stderr)
        if cuda:
            torch.cuda.empty_cache()


if flags.only is not None and flags.only not in [network[0] for network in networks]:
    sys.exit(f"torch_steps.py: no network {flags.only!r}")
for mode in flags.modes.split(",") if cuda else ["float32"]:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "TF32"
    measure(mode)
if flags.only is None:
    size = 2**24 if quick else 2**30
    source = torch.ones(size // 4, device=flags.device)
    target = torch.empty_like(source)
    # Read and written.
    report(f"copy {size >> 20} MiB", "float32", lambda: target.copy_(source), 4, **{"GB/s": 2 * size})
