"""What HiddenLayer shows of torchvision's models: its importer, pattern matcher and transforms,
written again here from their description, on an ONNX export of the model in eval mode.

Writes hiddenlayer.json: for each model its list of transforms and the nodes that are left, in order
of execution, each as [op, title, repeat]. Left out are the nodes that compute shapes and constants
(Shape, Slice, Constant, Concat of those), which leaked into HiddenLayer's drawings.

Needs what ../reference.py needs, and onnx and onnxscript.
"""

import pathlib
import re
import sys
import warnings

import torch
import torchvision

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from reference import CifarModel, save_json  # noqa: E402


class Node:
    def __init__(self, uid, op, params=None, name=None, order=0):
        self.uid, self.op, self.params, self.name = uid, op, params or {}, name
        self.repeat, self.order = 1, order

    @property
    def title(self):
        text = self.name or self.op
        if "kernel_shape" in self.params:
            text += "x".join(str(k) for k in self.params["kernel_shape"])
        return text  # ONNX says "strides" and the title looks for "stride": never shown


class Graph:
    """Nodes in order of insertion; edges as pairs of ids."""

    def __init__(self):
        self.nodes, self.edges = {}, []

    def outgoing(self, node):
        return [self.nodes[d] for s, d in self.edges if s == node.uid]

    def incoming(self, node):
        return [self.nodes[s] for s, d in self.edges if d == node.uid]

    def siblings(self, node):
        """All that read the one node that this reads; itself when it reads several or none."""
        before = self.incoming(node)
        return self.outgoing(before[0]) if len(before) == 1 else [node]

    def replace(self, nodes, new):
        ids = {n.uid for n in nodes}
        sources = [s for s, d in self.edges if d in ids and s not in ids]
        readers = [d for s, d in self.edges if s in ids and d not in ids]
        self.edges = [(s, d) for s, d in self.edges if s not in ids and d not in ids]
        for uid in ids:
            del self.nodes[uid]
        self.nodes[new.uid] = new
        for edge in [(s, new.uid) for s in sources] + [(new.uid, d) for d in readers]:
            if edge not in self.edges:
                self.edges.append(edge)

    def search(self, pattern):
        for node in list(self.nodes.values()):
            match, _ = pattern.match(self, node)
            if match:
                return match
        return None


# ---- The patterns. match(graph, where) gives the nodes found and what follows them: one node, a list
# of several, or [].


class OpPattern:
    def __init__(self, op):
        self.op = op

    def match(self, graph, where):
        if isinstance(where, list) or where.op != self.op:
            return [], None
        following = graph.outgoing(where)
        return [where], following[0] if len(following) == 1 else following


class SerialPattern:
    def __init__(self, parts):
        self.parts = parts

    def match(self, graph, where):
        found, following = [], where
        for part in self.parts:
            nodes, following = part.match(graph, following)
            if not nodes:
                return [], None
            found += nodes
        return found, following


class ParallelPattern:
    def __init__(self, parts):
        self.parts = parts

    def match(self, graph, where):
        starts = where if isinstance(where, list) else graph.siblings(where)
        parents = [{n.uid for n in graph.incoming(s)} for s in starts]
        if any(p != parents[0] for p in parents) or len(starts) != len(self.parts):
            return [], None
        found, end, free = [], None, list(starts)
        for part in self.parts:
            for start in free:
                nodes, following = part.match(graph, start)
                if nodes:
                    if end and following is not end:
                        return [], None
                    end = end or following
                    found += nodes
                    free.remove(start)
                    break
            else:
                return [], None
        return found, end


def parse(text):
    tokens = re.findall(r"\w+|[()>|]", text)

    def body(at):
        parts, joint = [], None
        while True:
            if tokens[at] == "(":
                part, at = body(at + 1)
                assert tokens[at] == ")"
            else:
                part = OpPattern(tokens[at])
            parts.append(part)
            at += 1
            if at == len(tokens) or tokens[at] == ")":
                break
            assert joint in (None, tokens[at])
            joint = tokens[at]
            at += 1
        if len(parts) == 1:
            return parts[0], at
        return (SerialPattern if joint == ">" else ParallelPattern)(parts), at

    pattern, at = body(0)
    assert at == len(tokens)
    return pattern


# ---- The transforms.


class Fold:
    def __init__(self, pattern, op, name=None):
        self.pattern, self.op, self.name = parse(pattern), op, name

    def apply(self, graph):
        while match := graph.search(self.pattern):
            name = self.name or " > ".join(n.title for n in match)
            graph.replace(match, Node("><".join(n.uid for n in match), self.op, None, name,
                                      min(n.order for n in match)))


class FoldDuplicates:
    """One after the other and of the same op, nothing else is asked."""

    def apply(self, graph):
        def pair():
            for node in list(graph.nodes.values()):
                following = graph.outgoing(node)
                if len(following) == 1 and following[0].op == node.op:
                    return node, following[0]
            return None

        while found := pair():
            a, b = found
            both = Node(a.uid + "><" + b.uid, a.op, a.params, a.name, a.order)
            both.repeat = a.repeat + b.repeat
            graph.replace([a, b], both)


DEFAULT = [
    Fold("Conv > Conv > BatchNorm > Relu", "ConvConvBnRelu"),
    Fold("Conv > BatchNorm > Relu", "ConvBnRelu"),
    Fold("Conv > BatchNorm", "ConvBn"),
    Fold("Conv > Relu", "ConvRelu"),
    Fold("Linear > Relu", "LinearRelu"),
    FoldDuplicates(),
]
ARTICLE = [
    Fold("Conv > BatchNorm > Relu", "ConvBnRelu"),
    Fold("Conv > BatchNorm", "ConvBn"),
    Fold("((ConvBnRelu > ConvBnRelu > ConvBn) | ConvBn) > Add > Relu", "BottleneckBlock",
         "Bottleneck Block"),
    Fold("ConvBnRelu > ConvBnRelu > ConvBn > Add > Relu", "ResBlock", "Residual Block"),
    FoldDuplicates(),
]
RENAMES = {"Gemm": "Linear", "BatchNormalization": "BatchNorm"}


def import_onnx(model, shape):
    program = torch.onnx.export(model.eval(), (torch.zeros(1, *shape),), dynamo=True, optimize=False,
                                verbose=False)
    onnx_graph = program.model_proto.graph
    graph, maker = Graph(), {}
    data = {onnx_graph.input[0].name}
    for i, n in enumerate(onnx_graph.node):
        # What no value of the input flows into: Shape reads only a shape, CastLike's second operand
        # gives it only a type.
        flows = {"Shape": [], "CastLike": n.input[:1]}.get(n.op_type, n.input)
        if not data & set(flows):
            continue
        data |= set(n.output)
        uid = n.output[0]
        params = {a.name: list(a.ints) for a in n.attribute if a.name == "kernel_shape"}
        graph.nodes[uid] = Node(uid, RENAMES.get(n.op_type, n.op_type), params, None, i)
        for value in n.input:
            if value in maker and (maker[value], uid) not in graph.edges:
                graph.edges.append((maker[value], uid))
        for value in n.output:
            maker[value] = uid
    return graph


def nodes_of(model, shape, transforms):
    graph = import_onnx(model, shape)
    for transform in transforms:
        transform.apply(graph)
    nodes = sorted(graph.nodes.values(), key=lambda n: n.order)
    return [[n.op, n.title, n.repeat] for n in nodes]


def main():
    warnings.filterwarnings("ignore")
    zoo = torchvision.models
    image = (3, 224, 224)
    cases = [("resnet50", zoo.resnet50, image, "article"), ("resnet101", zoo.resnet101, image, "article"),
             ("resnet152", zoo.resnet152, image, "article"), ("cifar", CifarModel, (3, 32, 32), "default"),
             ("vgg16", zoo.vgg16, image, "default"), ("vgg11_bn", zoo.vgg11_bn, image, "default"),
             ("alexnet", zoo.alexnet, image, "default"), ("mobilenet_v2", zoo.mobilenet_v2, image, "default"),
             ("squeezenet1_1", zoo.squeezenet1_1, image, "default")]
    lists = {"article": ARTICLE, "default": DEFAULT}
    result = {name: {"transforms": which, "nodes": nodes_of(make(), shape, lists[which])}
              for name, make, shape, which in cases}
    save_json(pathlib.Path(__file__).with_name("hiddenlayer.json"), result)


if __name__ == "__main__":
    main()
