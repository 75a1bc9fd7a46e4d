"""A network in PyTorch, from random weights: its logits and one training step, in float32 and in float64.

Writes to the folder --out, for bench/parity.ts to compare Rewind with:

  weights.safetensors    parameters and running statistics under the published names
  inputs.safetensors     images ("pictures") [N, H, W, C] and labels [N]
  float32.safetensors    logits (evaluation mode); then, of one step of plain SGD in training mode, every
  float64.safetensors    gradient ("gradient.NAME") and what the step leaves ("after.NAME")
  reference.json         settings, versions, device, losses

Nothing is dropped in training mode. Float32 is computed without TF32. What starts at 0, at 1 or at 1e-6
(biases, norms, layer scales, running statistics) is random too, so that every branch counts. The networks
are those of torchvision and timm with their own epsilons; "resnet18" is the unlearning authors', made of
torchvision's with Keras' batch norm (epsilon 1e-3, momentum 0.99, which PyTorch calls 0.01) and
TensorFlow's padding.
Usage: python3 torch_reference.py --model resnet18 --size 32 --classes 10 --out DIR
"""

import argparse
import copy
import json
import os
import platform

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

LEARNING_RATE = 0.1

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.set_float32_matmul_precision("highest")


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding: an odd zero goes behind."""

    def forward(self, x):
        padding = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]):
            total = max(0, ((size - 1) // stride) * stride + kernel - size)
            padding += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, padding), self.weight, self.bias, self.stride)


def authors_resnet18(classes):
    """Stem 7×7/1, a border of a pixel for the max-pool, strides 1, 1, 2, 2, a bias everywhere."""
    from torchvision.models import resnet18

    model = resnet18(num_classes=classes)
    model.layer2[0].conv1.stride = model.layer2[0].downsample[0].stride = (1, 1)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d):
                sizes = (child.in_channels, child.out_channels, child.kernel_size, child.stride)
                setattr(module, name, SameConv2d(*sizes))
            elif isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.BatchNorm2d(child.num_features, eps=1e-3, momentum=0.01))
    model.conv1 = nn.Conv2d(3, 64, 7, padding=3)
    model.maxpool = nn.ZeroPad2d(1)
    return model


def imagenet_resnet18(classes):
    from torchvision.models import resnet18

    return resnet18(num_classes=classes)


def of_timm(name):
    def build(classes):
        import timm

        # Written out, attention is a product, a softmax and a product, in the precision asked for.
        timm.layers.set_fused_attn(False)
        return timm.create_model(name, pretrained=False, num_classes=classes, drop_path_rate=0.0)

    return build


NETWORKS = {
    "resnet18": authors_resnet18,
    "resnet18-imagenet": imagenet_resnet18,
    "pvt-v2-b0": of_timm("pvt_v2_b0"),
    "convnext-t": of_timm("convnext_tiny"),
    "convnext-atto": of_timm("convnext_atto"),
}


@torch.no_grad()
def randomise(model, generator):
    """Weights of deviation 1 / sqrt(fan in), scales near 1, layer scales near 1/2, shifts near 0."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith(".gamma") or name.endswith(".layer_scale"):
            parameter.copy_(0.5 + 0.1 * noise)
        elif parameter.dim() > 1:
            parameter.copy_(noise * parameter[0].numel() ** -0.5)
        elif name.endswith(".weight"):
            parameter.copy_(1 + 0.2 * noise)
        else:
            parameter.copy_(0.1 * noise)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(0.1 * torch.randn(buffer.shape, generator=generator))
        elif name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))


def tensors_of(model):
    state = model.state_dict().items()
    return {name: value for name, value in state if not name.endswith("num_batches_tracked")}


def evaluate_and_step(model, images, labels):
    """Logits, then one step: loss, gradients and the tensors it leaves."""
    model.eval()
    with torch.no_grad():
        result = {"logits": model(images)}
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    for name, parameter in model.named_parameters():
        result[f"gradient.{name}"] = parameter.grad.clone()
    optimizer.step()
    result |= {f"after.{name}": value for name, value in tensors_of(model).items()}
    return result, loss.item()


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--model", required=True, choices=list(NETWORKS))
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--size", type=int, default=224, help="side of the images")
    arguments.add_argument("--classes", type=int, default=100)
    arguments.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--out", required=True)
    flags = arguments.parse_args()
    os.makedirs(flags.out, exist_ok=True)

    generator = torch.Generator().manual_seed(flags.seed)
    model = NETWORKS[flags.model](flags.classes)
    randomise(model, generator)
    images = torch.randn((flags.batch, 3, flags.size, flags.size), generator=generator)
    labels = torch.randint(flags.classes, (flags.batch,), generator=generator)

    def save(tensors, name):
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        save_file(plain, os.path.join(flags.out, f"{name}.safetensors"))

    save(tensors_of(model), "weights")
    inputs = {"pictures": images.permute(0, 2, 3, 1), "labels": labels.to(torch.int32)}
    save(inputs, "inputs")
    losses = {}
    for name, dtype in [("float32", torch.float32), ("float64", torch.float64)]:
        network = copy.deepcopy(model).to(flags.device, dtype)
        given = (images.to(flags.device, dtype), labels.to(flags.device))
        result, losses[name] = evaluate_and_step(network, *given)
        save(result, name)

    cuda = flags.device == "cuda"
    reference = {key: value for key, value in vars(flags).items() if key != "out"}
    reference |= {
        "deviceName": torch.cuda.get_device_name() if cuda else platform.processor() or "cpu",
        "torch": torch.__version__,
        "learningRate": LEARNING_RATE,
        "loss": losses,
    }
    with open(os.path.join(flags.out, "reference.json"), "w", encoding="utf8") as file:
        json.dump(reference, file, indent=2)
        file.write("\n")
    print(f"{flags.out}: {flags.model}, {flags.batch} × {flags.size}², loss {losses}")


main()
