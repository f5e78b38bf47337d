"""Pickles as HiddenLayer's History writes them (History.save: pickle.dump of {step: {metric: value,
"__timestamp__": seconds}}), and pickles that mean harm, for tests/viz/pickle_test.cpp. Needs numpy.

good_P.pkl      protocol P = 0 to 5: steps 0, 10, ..., 90; loss (float), accuracy (numpy.float32),
                count (numpy.int64), flag (bool), note (str), image (float32 [3, 2], value 10 * step
                + row-major index), columns (the same in Fortran order, float64), bytes (uint8 [4])
epochs_P.pkl    protocol P = 2, 4: steps (epoch, batch), 3 epochs of 4 batches
types_4.pkl     one step: arrays of every type of numpy, big-endian ones too, 0-d, empty, and what
                cannot be a tensor: complex, str, objects, a list, a dict, None
old_names_2.pkl the same as good_2 with numpy 1's module names (numpy.core)
evil_*.pkl      each writes the file named in it if it is run; the reader must refuse all
"""
import os
import pickle
import struct
import sys

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))


def write(name, data):
    with open(os.path.join(here, name), "wb") as out:
        out.write(data)


def good():
    history = {}
    for i in range(10):
        step = 10 * i
        image = (10 * step + np.arange(6)).astype(np.float32).reshape(3, 2)
        history[step] = {
            "__timestamp__": 1555000000.25 + 2 * i,
            "loss": 1 / (1 + i),
            "accuracy": np.float32(i / 10),
            "count": np.int64(2**40 + i),
            "flag": i % 2 == 0,
            "note": "step %d: naïve \U0001f600 \\ 'x' \"y\"\n" % step,
            "image": image,
            "columns": np.asfortranarray(image.astype(np.float64)),
            "bytes": np.array([0, 127, 128, 255], np.uint8),
        }
    return history


def epochs():
    return {(e, b): {"__timestamp__": 1.5e9 + 4 * e + b, "loss": e + b / 4} for e in range(3) for b in range(4)}


def types():
    values = {"__timestamp__": 1.5e9}
    for name in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1".split():
        values[name] = np.array([[0, 1, 1], [1, 0, 1]]).astype(name)
        values["big_" + name] = values[name].astype(np.dtype(name).newbyteorder(">"))
    values["minus"] = np.array([-1, -128], np.int8)
    values["large"] = np.array([2**63 + 2**20], np.uint64)
    values["zero_d"] = np.array(2.5)
    values["empty"] = np.zeros((0, 3), np.float32)
    values["complex"] = np.array([1j])
    values["strings"] = np.array(["a", "bc"])
    values["objects"] = np.array([1, "a", None], object)
    values["list"] = [1, 2, 3]
    values["dict"] = {"a": 1}
    values["none"] = None
    values["big_int"] = 2**100
    values["minus_big_int"] = -(2**100)
    values["minus_int"] = -5
    values["nan"] = float("nan")
    values["inf"] = float("inf")
    return {7: values}


class Harm:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


for protocol in range(6):
    write("good_%d.pkl" % protocol, pickle.dumps(good(), protocol))
for protocol in (2, 4):
    write("epochs_%d.pkl" % protocol, pickle.dumps(epochs(), protocol))
write("types_4.pkl", pickle.dumps(types(), 4))
# One byte shorter, so the lengths of protocol 4 would not do: protocol 2's names end with a newline.
write("old_names_2.pkl", pickle.dumps(good(), 2).replace(b"cnumpy._core.", b"cnumpy.core."))

touch = "touch glassbox-was-run"
for protocol in range(6):
    write("evil_system_%d.pkl" % protocol, pickle.dumps({0: {"loss": Harm(os.system, touch)}}, protocol))
write("evil_eval.pkl", pickle.dumps({0: {"loss": Harm(eval, "__import__('os').system('%s')" % touch)}}, 4))
write("evil_exec_0.pkl", b"c__builtin__\nexec\n(S'import os'\ntR.")
# The name in parts: what a search for "os.system" in the bytes would miss.
write("evil_stack_global.pkl", b"\x80\x04" + text("o" "s") + b"\x94" + text("system") + b"\x93" + text(touch) + b"\x85R.")
write("evil_inst.pkl", b"(S'%s'\nios\nsystem\n." % touch.encode())
write("evil_obj.pkl", b"(cos\nsystem\nS'%s'\no." % touch.encode())
write("evil_newobj.pkl", b"\x80\x02csubprocess\nPopen\n" + text(touch) + b"\x85\x81.")
write("evil_build.pkl", b"\x80\x02}q\x00" + text("x") + b"}b.")
# A harmless name first, and through it another's attribute.
write("evil_attribute.pkl", b"\x80\x04" + text("numpy") + text("dtype.__init__.__globals__") + b"\x93.")
write("evil_persid.pkl", b"Pos.system\n.")
write("evil_extension.pkl", b"\x80\x02\x82\x01.")
write("evil_numpy_load.pkl", b"\x80\x02cnumpy.lib.npyio\nload\n" + text("x") + b"\x85R.")
print(len(os.listdir(here)), "files;", "numpy", np.__version__, "python", sys.version.split()[0])
