"""Golden values of every op of worker/engine/ops, forward and backward, by PyTorch in float64 on float32 inputs.

    python test/golden/ops.py        # writes test/golden/ops.json
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(7)


def normal(*shape):
    return torch.randn(shape, dtype=torch.float32)


def positive(*shape):
    return normal(*shape).abs() + 0.5


def rotate(x, positions, cos, sin, heads):
    batch, tokens, width = x.shape
    half = width // heads // 2
    x = x.view(batch, tokens, heads, 2, half)
    c, s = cos[positions][:, :, None], sin[positions][:, :, None]
    first, second = x[..., 0, :], x[..., 1, :]
    return torch.stack([first * c - second * s, second * c + first * s], 3).reshape(batch, tokens, width)


def flip(x, swap):
    return x.transpose(-1, -2) if swap else x


def gemm(a, b, c, transA, transB, alpha, beta):
    y = alpha * flip(a, transA) @ flip(b, transB)
    return y if c is None else y + beta * c


def attention(q, k, v, bias, scale):
    scores = scale * q @ k.transpose(-1, -2)
    return torch.softmax(scores if bias is None else scores + bias, -1) @ v


def cross_entropy(h, head, labels, weights):
    return (F.cross_entropy(h @ head.T, labels, reduction="none") * weights).sum()


def take(table, indices, axis):
    taken = torch.index_select(table, axis, indices.reshape(-1))
    return taken.reshape(*table.shape[:axis], *indices.shape, *table.shape[axis + 1 :])


def pad(x, axis, before, after):
    return F.pad(x, [0, 0] * (x.dim() - 1 - axis) + [before, after])


def cast(x, dtype):
    return x.to({"float32": torch.float64, "bool": torch.bool, "int64": torch.int64}[dtype])


dtypes = {torch.float32: "float32", torch.int32: "int32", torch.int64: "int64", torch.bool: "bool"}
# op -> (function of (*inputs, **attributes), cases of (inputs, attributes, indices of frozen inputs))
cases = {
    "Add": (lambda a, b: a + b, [([normal(3, 4), normal(4)], {}, [])]),
    "Sub": (lambda a, b: a - b, [([normal(2, 1, 4), normal(3, 1)], {}, [])]),
    "Mul": (lambda a, b: a * b, [([normal(3, 4), normal(3, 1)], {}, [])]),
    "Div": (lambda a, b: a / b, [([normal(3, 4), positive(4)], {}, [])]),
    "Neg": (lambda x: -x, [([normal(5)], {}, [])]),
    "Sqrt": (torch.sqrt, [([positive(5)], {}, [])]),
    "Exp": (torch.exp, [([normal(5)], {}, [])]),
    "Log": (torch.log, [([positive(5)], {}, [])]),
    "Sigmoid": (torch.sigmoid, [([4 * normal(9)], {}, [])]),
    "Tanh": (torch.tanh, [([normal(9)], {}, [])]),
    "Erf": (torch.erf, [([normal(9)], {}, [])]),
    "Silu": (F.silu, [([4 * normal(2, 9)], {}, [])]),
    "Gelu": (
        lambda x, approximate: F.gelu(x, approximate=approximate),
        [([normal(17)], {"approximate": "none"}, []), ([normal(17)], {"approximate": "tanh"}, [])],
    ),
    "MatMul": (
        lambda a, b, transA, transB, alpha: alpha * flip(a, transA) @ flip(b, transB),
        [
            ([normal(2, 3, 4), normal(4, 5)], {"transA": False, "transB": False, "alpha": 1}, []),
            ([normal(2, 4, 3), normal(2, 5, 4)], {"transA": True, "transB": True, "alpha": 0.25}, []),
        ],
    ),
    "Gemm": (
        gemm,
        [
            ([normal(3, 4), normal(5, 4), normal(3, 5)], dict(transA=False, transB=True, alpha=2, beta=1), []),
            ([normal(4, 3), normal(4, 5), normal(5)], dict(transA=True, transB=False, alpha=1, beta=0.5), []),
            ([normal(3, 4), normal(4, 5), None], dict(transA=False, transB=False, alpha=1, beta=1), []),
        ],
    ),
    "Softmax": (lambda x, axis: torch.softmax(x, axis), [([3 * normal(3, 7)], {"axis": 1}, [])]),
    "Attention": (
        attention,
        [
            (
                [normal(2, 6, 4), normal(2, 3, 4), normal(2, 3, 4), -1e30 * (torch.arange(18).view(6, 3) % 4 == 1).float()],
                dict(scale=0.5),
                [3],
            ),
            ([normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 4), None], dict(scale=0.3), []),
        ],
    ),
    "RmsNorm": (
        lambda x, scale, epsilon: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * scale,
        [([normal(3, 8), normal(8)], {"epsilon": 1e-5}, [])],
    ),
    "Rotary": (
        rotate,
        [
            (
                [normal(2, 3, 12), torch.tensor([[0, 1, 2], [0, 0, 3]]), normal(4, 3).cos(), normal(4, 3).sin()],
                {"heads": 2},
                [2, 3],
            )
        ],
    ),
    "LinearCrossEntropy": (
        cross_entropy,
        [([normal(4, 6), normal(11, 6), torch.tensor([0, 10, 3, 3]), torch.tensor([1.0, 1, 0, 0.5])], {}, [1, 3])],
    ),
    "Reshape": (lambda x, shape: x.reshape(shape), [([normal(2, 6)], {"shape": [4, 3]}, [])]),
    "Transpose": (lambda x, perm: x.permute(perm), [([normal(2, 3, 4)], {"perm": [1, 2, 0]}, [])]),
    "Slice": (
        lambda x, axis, start, end: x.narrow(axis, start, end - start),
        [([normal(3, 5)], {"axis": 1, "start": 1, "end": 3}, [])],
    ),
    "Pad": (pad, [([normal(2, 3)], {"axis": 0, "before": 2, "after": 1}, [])]),
    "Concat": (lambda *xs, axis: torch.cat(xs, axis), [([normal(2, 3), normal(2, 2)], {"axis": 1}, [])]),
    "Split": (lambda x, axis, sizes: torch.split(x, sizes, axis), [([normal(5, 2)], {"axis": 0, "sizes": [2, 3]}, [])]),
    "Expand": (lambda x, shape: x.expand(shape), [([normal(3, 1)], {"shape": [3, 4]}, [])]),
    "Gather": (take, [([normal(5, 3), torch.tensor([[1, 4], [0, 0]])], {"axis": 0}, [0])]),
    "GatherRows": (
        lambda x, index, inverse: x[index],
        [([normal(5, 3), torch.tensor([4, 1]), torch.tensor([2, 1, 2, 2, 0])], {}, [])],
    ),
    "ReduceSum": (
        lambda x, axes, keepDims: x.sum(axes, keepDims),
        [([normal(2, 3, 4)], {"axes": [0, 2], "keepDims": True}, [])],
    ),
    "ReduceMean": (
        lambda x, axes, keepDims: x.mean(axes, keepDims),
        [([normal(2, 3, 4)], {"axes": [1], "keepDims": False}, [])],
    ),
    "ReduceMax": (
        lambda x, axes, keepDims: x.amax(axes, keepDims),
        [([normal(2, 3, 4)], {"axes": [2], "keepDims": True}, [0])],
    ),
    "ReduceSumSquare": (
        lambda x, axes, keepDims: x.pow(2).sum(axes, keepDims),
        [([normal(2, 3, 4)], {"axes": [2], "keepDims": True}, [])],
    ),
    "Equal": (lambda a, b: a == b, [([torch.tensor([[1], [2]], dtype=torch.int32), torch.tensor([2, 1], dtype=torch.int32)], {}, [])]),
    "GreaterOrEqual": (
        lambda a, b: a >= b,
        [([torch.tensor([[1], [2]], dtype=torch.int32), torch.tensor([2, 1], dtype=torch.int32)], {}, [])],
    ),
    "Less": (lambda a, b: a < b, [([torch.tensor([[1], [2]], dtype=torch.int32), torch.tensor([2, 1], dtype=torch.int32)], {}, [])]),
    "And": (lambda a, b: a & b, [([torch.tensor([[True], [False]]), torch.tensor([True, False])], {}, [])]),
    "Where": (torch.where, [([torch.tensor([[True], [False]]), normal(2, 3), normal(3)], {}, [])]),
    "Cast": (cast, [([torch.tensor([0, 3, -1], dtype=torch.int32)], {"dtype": "float32"}, [])]),
}


def flat(tensor):
    return tensor.detach().to(torch.float64).reshape(-1).tolist()


def golden(op, function, inputs, attributes, frozen):
    doubles = [x.double() if x is not None and x.dtype == torch.float32 else x for x in inputs]
    wanted = [i for i, x in enumerate(doubles) if x is not None and x.dtype == torch.float64 and i not in frozen]
    for i in wanted:
        doubles[i].requires_grad_()
    outputs = function(*doubles, **attributes)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    cotangents = [normal(*y.shape) for y in outputs] if wanted else []
    if wanted:
        sum((y * c.double()).sum() for y, c in zip(outputs, cotangents)).backward()
    return {
        "op": op,
        "attributes": attributes,
        "inputs": [x if x is None else {"dtype": dtypes[x.dtype], "shape": list(x.shape), "values": flat(x)} for x in inputs],
        "outputs": [flat(y) for y in outputs],
        "cotangents": [flat(c) for c in cotangents] or ([flat(torch.ones_like(y)) for y in outputs if y.dtype == torch.float64]),
        "gradients": {str(i): flat(doubles[i].grad) for i in wanted},
    }


result = [golden(op, function, *case) for op, (function, entries) in cases.items() for case in entries]
path = pathlib.Path(__file__).with_name("ops.json")
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
