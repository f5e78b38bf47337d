"""PyTorch twins of the zoo's models that torchvision does not have, and every model by name."""

import pathlib
import sys
from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from reference import CifarModel, Net, save_json, setup  # noqa: E402, F401


class UNet(nn.Module):
    """As torch.hub's mateuszbuda/brain-segmentation-pytorch has it."""

    def __init__(self, in_channels=3, out_channels=1, init_features=32):
        super().__init__()
        f = init_features

        def block(i, o, name):
            return nn.Sequential(OrderedDict([
                (name + "conv1", nn.Conv2d(i, o, 3, padding=1, bias=False)),
                (name + "norm1", nn.BatchNorm2d(o)), (name + "relu1", nn.ReLU(inplace=True)),
                (name + "conv2", nn.Conv2d(o, o, 3, padding=1, bias=False)),
                (name + "norm2", nn.BatchNorm2d(o)), (name + "relu2", nn.ReLU(inplace=True))]))

        self.encoder1 = block(in_channels, f, "enc1")
        self.pool1 = nn.MaxPool2d(2, 2)
        self.encoder2 = block(f, f * 2, "enc2")
        self.pool2 = nn.MaxPool2d(2, 2)
        self.encoder3 = block(f * 2, f * 4, "enc3")
        self.pool3 = nn.MaxPool2d(2, 2)
        self.encoder4 = block(f * 4, f * 8, "enc4")
        self.pool4 = nn.MaxPool2d(2, 2)
        self.bottleneck = block(f * 8, f * 16, "bottleneck")
        self.upconv4 = nn.ConvTranspose2d(f * 16, f * 8, 2, stride=2)
        self.decoder4 = block(f * 16, f * 8, "dec4")
        self.upconv3 = nn.ConvTranspose2d(f * 8, f * 4, 2, stride=2)
        self.decoder3 = block(f * 8, f * 4, "dec3")
        self.upconv2 = nn.ConvTranspose2d(f * 4, f * 2, 2, stride=2)
        self.decoder2 = block(f * 4, f * 2, "dec2")
        self.upconv1 = nn.ConvTranspose2d(f * 2, f, 2, stride=2)
        self.decoder1 = block(f * 2, f, "dec1")
        self.conv = nn.Conv2d(f, out_channels, 1)

    def forward(self, x):
        e1 = self.encoder1(x)
        e2 = self.encoder2(self.pool1(e1))
        e3 = self.encoder3(self.pool2(e2))
        e4 = self.encoder4(self.pool3(e3))
        y = self.bottleneck(self.pool4(e4))
        y = self.decoder4(torch.cat([self.upconv4(y), e4], 1))
        y = self.decoder3(torch.cat([self.upconv3(y), e3], 1))
        y = self.decoder2(torch.cat([self.upconv2(y), e2], 1))
        y = self.decoder1(torch.cat([self.upconv1(y), e1], 1))
        return torch.sigmoid(self.conv(y))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1, self.relu1, self.dropout1 = nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2)
        self.fc2, self.relu2, self.dropout2 = nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.2)
        self.fc3 = nn.Linear(256, 10)

    def forward(self, x):
        x = self.dropout1(self.relu1(self.fc1(self.flatten(x))))
        return self.fc3(self.dropout2(self.relu2(self.fc2(x))))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.Sigmoid())
        self.score = nn.Linear(128, 1)

    def forward(self, a, b):
        return self.score((self.tower(a) - self.tower(b)).abs())


class TiedLinear(nn.Module):
    """The way back of `forth`: its own weight, transposed, and a bias as nn.Linear has it."""

    def __init__(self, forth):
        super().__init__()
        self.weight = forth.weight
        self.bias = nn.Linear(forth.out_features, forth.in_features).bias

    def forward(self, x):
        return F.linear(x, self.weight.t(), self.bias)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder1, self.encoder2 = nn.Linear(784, 128), nn.Linear(128, 32)
        self.decoder2, self.decoder1 = TiedLinear(self.encoder2), TiedLinear(self.encoder1)

    def forward(self, x):
        y = F.relu(self.encoder2(F.relu(self.encoder1(x.flatten(1)))))
        y = torch.sigmoid(self.decoder1(F.relu(self.decoder2(y))))
        return y.reshape(-1, 1, 28, 28)


TWINS = {"unet": UNet, "mlp": Mlp, "siamese": Siamese, "autoencoder": Autoencoder}
TORCHVISION = ["vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
               "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d",
               "wide_resnet50_2", "densenet121", "googlenet", "mobilenet_v2", "squeezenet1_1",
               "alexnet"]


def model(name, init_weights=True):
    """A model of the zoo; init_weights false leaves out what takes GoogLeNet minutes."""
    if name in TWINS:
        return TWINS[name]()
    if name in ("mnist", "cifar"):
        return Net() if name == "mnist" else CifarModel()
    if name == "vgg11_bn@2019":  # no pooling before the classifier
        made = torchvision.models.vgg11_bn(weights=None)
        made.avgpool = nn.Identity()
        return made
    options = {"init_weights": init_weights} if name == "googlenet" else {}
    return torchvision.models.get_model(name, weights=None, **options)
