"""Correctly rounded values of exp, log, pow, cos and sin for worker/train/math.test.ts (400-bit mpmath).

Run from the repository root: python test/golden/math_f64.py
"""

import json
import random
import struct
from pathlib import Path

from mpmath import cos, exp, log, mp, mpf, power, sin

mp.prec = 400
random.seed(20260101)


def bits(value):
    return struct.pack(">d", float(value)).hex()


def wide(low, high, count):
    return [random.uniform(low, high) for _ in range(count)]


exp_points = wide(-1, 1, 150) + wide(-700, 700, 150) + [0.0, 1.0, -1.0, 1e-300, 709.0, -708.0, 0.34657359027997264]
log_points = [2 ** random.uniform(-1000, 1000) for _ in range(150)] + wide(0.5, 2, 150) + [1.0, 1 + 2**-52, 1 - 2**-53, 5e-324]
angle_points = wide(-4, 4, 150) + wide(-131072, 131072, 150) + [float(mp.pi * n / 2) for n in range(1, 12)] + [0.0, 1e-9, 83443 * 1.5707963267948966]
pow_points = [(theta, -2 * i / dim) for theta in (10000.0, 100000.0, 500000.0, 1e6) for dim in (64, 80, 128) for i in range(0, dim // 2, 7)]
pow_points += [(2 ** random.uniform(-50, 50), random.uniform(-12, 12)) for _ in range(150)] + [(0.999, 3000.0), (0.9, 700.0)]

cases = {
    "exp": [[bits(x), bits(exp(mpf(x)))] for x in exp_points],
    "log": [[bits(x), bits(log(mpf(x)))] for x in log_points],
    "cos": [[bits(x), bits(cos(mpf(x)))] for x in angle_points],
    "sin": [[bits(x), bits(sin(mpf(x)))] for x in angle_points],
    "pow": [[bits(x), bits(y), bits(power(mpf(x), mpf(y)))] for x, y in pow_points],
}
folder = Path(__file__).with_name("math-f64")
folder.mkdir(exist_ok=True)
lines = (f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in cases.items())
folder.joinpath("cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
