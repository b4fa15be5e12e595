import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256 } from '../../common/hash.js';
import { packageRoot } from '../../common/root.js';
import { cos, exp, log, pow, sin } from './math.js';

/** test/golden/math_f64.py: arguments and the correctly rounded result, as big-endian hex of a double. */
const golden = JSON.parse(readFileSync(join(packageRoot(), 'test/golden/math-f64/cases.json'), 'utf8')) as Record<
  string,
  readonly (readonly string[])[]
>;

const numberOf = (hex: string): number => Buffer.from(hex, 'hex').readDoubleBE();
const bitsOf = (value: number): bigint => {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer.readBigInt64BE();
};
/** How many doubles lie between two of one sign. */
const distance = (a: number, b: number): number => {
  const gap = Number(bitsOf(a) - bitsOf(b));
  return gap < 0 ? -gap : gap;
};

/** The promise: these bits on every machine and every engine of JavaScript. A new hash needs a new numerics version. */
const functions: Record<string, { apply: (...values: number[]) => number; resultsSha256: string }> = {
  exp: {
    apply: exp as (...values: number[]) => number,
    resultsSha256: '7bac9302f46fcaddb4f2b26b9a28913b79ff35f6aa6e91ca4674d2d10a62c847',
  },
  log: {
    apply: log as (...values: number[]) => number,
    resultsSha256: '70da340ddbaeb9f56d1554708ac93e9ba1f49d63c2b0594b6fef2f8b559e95e6',
  },
  cos: {
    apply: cos as (...values: number[]) => number,
    resultsSha256: '626e7e1c3e2ac04e1ae47f2617fe627879e3bab6eb2fcf59060880ebe1b8aa36',
  },
  sin: {
    apply: sin as (...values: number[]) => number,
    resultsSha256: '6a85222ee2941a958faa3119cb2c426b1abe5c114b24a3316c0319e6e174da5b',
  },
  pow: {
    apply: pow as (...values: number[]) => number,
    resultsSha256: '4813b84018e5c68812feca9a74dd79989a4b014baaf8126e1b274bcfc97c41bf',
  },
};

for (const [name, { apply, resultsSha256 }] of Object.entries(functions)) {
  const cases = golden[name]!.map((words) => words.map(numberOf));

  test(`${name} is at most one double from the correctly rounded value`, () => {
    const far = cases
      .map((values) => ({ values, got: apply(...values.slice(0, -1)), wanted: values.at(-1)! }))
      .filter(({ got, wanted }) => distance(got, wanted) > 1);
    assert.deepEqual(far, []);
  });

  test(`${name} gives the committed bits`, () => {
    const results = Buffer.concat(
      cases.map((values) => {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleLE(apply(...values.slice(0, -1)));
        return bytes;
      }),
    );
    assert.equal(sha256(results), resultsSha256);
  });
}

test('special values follow IEEE 754', () => {
  assert.deepEqual(
    [exp(-Infinity), exp(Infinity), exp(NaN), exp(0), log(0), log(-1), log(Infinity), log(1)],
    [0, Infinity, NaN, 1, -Infinity, NaN, Infinity, 0],
  );
  assert.deepEqual(
    [pow(0, 2), pow(0, -1), pow(0, 0), pow(1, 9), pow(Infinity, -1), pow(2, 10)],
    [0, Infinity, 1, 1, 0, 1024],
  );
  assert.deepEqual([cos(0), sin(0)], [1, 0]);
});

test('arguments outside the domain are refused instead of answered badly', () => {
  assert.throws(() => pow(-2, 0.5), RangeError);
  assert.throws(() => cos(2 ** 20), RangeError);
  assert.throws(() => sin(NaN), RangeError);
});
