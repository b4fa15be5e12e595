/**
 * exp, log, pow, cos and sin out of + - * / alone. ECMAScript leaves the last bits of Math.exp and its kin to the
 * implementation; whatever ends up in an adapter must not depend on it. Error below one unit in the last place.
 * A change of any result bit raises the numerics version.
 */

/** ln 2 in 32 + 53 bits: `k * ln2Head` is exact for every exponent k of a double. */
const ln2Head = 0.6931471803691238;
const ln2Tail = 1.9082149292705877e-10;
/** ln 2 in 40 + 40 + 53 bits, for the double-double logarithm. */
const ln2Parts = [0.6931471805592082, 7.371002565161996e-13, 5.8029889835956905e-25] as const;
/** pi/2 in 33 + 33 + 53 bits: products with integers below 2^20 are exact. */
const halfPiParts = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const;
/** The double nearest to pi. */
export const pi = 2 * (halfPiParts[0] + halfPiParts[1]);
const inverseLn2 = 1 / (ln2Head + ln2Tail);
const twoOverPi = 0.6366197723675814;
const sqrtTwo = Math.sqrt(2);
/** Adding and taking away 1.5 * 2^52 rounds |x| < 2^51 to the nearest integer, ties to even. */
const rounder = 6755399441055744;
const nearestInteger = (x: number): number => x + rounder - rounder;

/** A value as an unevaluated sum of two doubles, |lo| at most half a unit in the last place of hi. */
interface Double2 {
  readonly hi: number;
  readonly lo: number;
}

/** Knuth: hi + lo = a + b exactly. */
function twoSum(a: number, b: number): Double2 {
  const hi = a + b;
  const shadow = hi - a;
  return { hi, lo: a - (hi - shadow) + (b - shadow) };
}

/** Dekker: hi + lo = a * b exactly (no overflow for |a|, |b| < 2^996). */
function twoProduct(a: number, b: number): Double2 {
  const hi = a * b;
  const [aHead, aTail] = split(a);
  const [bHead, bTail] = split(b);
  return { hi, lo: aHead * bHead - hi + aHead * bTail + aTail * bHead + aTail * bTail };
}

function split(a: number): [number, number] {
  const scaled = 134217729 * a;
  const head = scaled - (scaled - a);
  return [head, a - head];
}

/** 2^k for -1022 <= k <= 1023, by repeated squaring. */
function powerOfTwo(k: number): number {
  let result = 1;
  let factor = k < 0 ? 0.5 : 2;
  for (let left = k < 0 ? -k : k; left > 0; left >>= 1) {
    if (left & 1) result *= factor;
    if (left > 1) factor *= factor;
  }
  return result;
}

export const exp = (x: number): number => expOfSum(x, 0);

/** exp(x + tail) for a tail below one unit in the last place of x. */
function expOfSum(x: number, tail: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.8) return Infinity;
  if (x < -745.2) return 0;
  const k = nearestInteger(x * inverseLn2);
  // r + correction = x + tail - k ln 2, |r| <= 0.347
  const head = x - k * ln2Head;
  const foot = k * ln2Tail;
  const r = head - foot;
  const correction = head - r - foot + tail;
  // Taylor: 1 + r + r^2/2! + ... + r^14/14!; the next term is below 2^-62.
  let series = 1 / 87178291200;
  for (const factorial of inverseFactorials) series = series * r + factorial;
  const beyondLinear = r * r * series;
  const mantissa = 1 + (r + (beyondLinear + correction * (1 + r + beyondLinear)));
  const half = k < 0 ? -(-k >> 1) : k >> 1;
  return mantissa * powerOfTwo(half) * powerOfTwo(k - half);
}
/** 1/13! down to 1/2!. */
const inverseFactorials = [
  1 / 6227020800,
  1 / 479001600,
  1 / 39916800,
  1 / 3628800,
  1 / 362880,
  1 / 40320,
  1 / 5040,
  1 / 720,
  1 / 120,
  1 / 24,
  1 / 6,
  1 / 2,
];

export const log = (x: number): number => logDouble2(x).hi;

/** ln x with about 100 bits: x = m 2^e, ln m = 2 atanh(s), s = (m - 1) / (m + 1) in double-double. */
function logDouble2(x: number): Double2 {
  if (Number.isNaN(x) || x < 0) return { hi: NaN, lo: 0 };
  if (x === 0) return { hi: -Infinity, lo: 0 };
  if (x === Infinity) return { hi: Infinity, lo: 0 };
  const { mantissa, exponent } = decompose(x);
  const s = divide({ hi: mantissa - 1, lo: 0 }, twoSum(mantissa, 1));
  const square = multiply(s, s);
  // 2/5 + 2/7 s^2 + ... + 2/27 s^22; |s| <= 0.172. Plain doubles suffice: this tail weighs s^4/5 of the whole.
  let tail = 2 / 27;
  for (let divisor = 25; divisor >= 5; divisor -= 2) tail = tail * square.hi + 2 / divisor;
  const bracket = add({ hi: 0.6666666666666666, lo: 3.700743415417188e-17 }, { hi: tail * square.hi, lo: 0 });
  const mantissaLog = add({ hi: 2 * s.hi, lo: 2 * s.lo }, multiply(multiply(s, square), bracket));
  const exponentLog = add(twoSum(exponent * ln2Parts[0], exponent * ln2Parts[1]), {
    hi: exponent * ln2Parts[2],
    lo: 0,
  });
  return add(exponentLog, mantissaLog);
}

/** x = mantissa * 2^exponent with sqrt(1/2) <= mantissa <= sqrt(2). */
function decompose(x: number): { mantissa: number; exponent: number } {
  let mantissa = x;
  let exponent = 0;
  if (mantissa < 2.2250738585072014e-308) {
    mantissa *= 18014398509481984;
    exponent = -54;
  }
  for (let shift = 512; shift >= 1; shift >>= 1) {
    const power = powerOfTwo(shift);
    if (mantissa >= power) {
      mantissa /= power;
      exponent += shift;
    } else if (mantissa * power < 1) {
      mantissa *= power;
      exponent -= shift;
    }
  }
  if (mantissa > sqrtTwo) return { mantissa: mantissa / 2, exponent: exponent + 1 };
  if (mantissa * sqrtTwo < 1) return { mantissa: mantissa * 2, exponent: exponent - 1 };
  return { mantissa, exponent };
}

/** x^y for x >= 0. */
export function pow(x: number, y: number): number {
  if (y === 0) return 1;
  if (!(x >= 0)) throw new RangeError(`pow takes a base of 0 or more, not ${x}`);
  if (x === 1) return 1;
  if (x === 0 || x === Infinity) return (x === 0) === y > 0 ? 0 : Infinity;
  const logarithm = logDouble2(x);
  const product = twoProduct(y, logarithm.hi);
  const exponent = twoSum(product.hi, product.lo + y * logarithm.lo);
  return expOfSum(exponent.hi, exponent.lo);
}

export function cos(x: number): number {
  const { quadrant, hi, lo } = reduce(x);
  if (quadrant === 0) return cosKernel(hi, lo);
  if (quadrant === 1) return -sinKernel(hi, lo);
  if (quadrant === 2) return -cosKernel(hi, lo);
  return sinKernel(hi, lo);
}

export function sin(x: number): number {
  const { quadrant, hi, lo } = reduce(x);
  if (quadrant === 0) return sinKernel(hi, lo);
  if (quadrant === 1) return cosKernel(hi, lo);
  if (quadrant === 2) return -sinKernel(hi, lo);
  return -cosKernel(hi, lo);
}

/** x = n pi/2 + hi + lo with |hi| <= pi/4 (and a hair), quadrant = n mod 4; |x| < 2^20. */
function reduce(x: number): { quadrant: number; hi: number; lo: number } {
  if (!(x < 1048576 && x > -1048576)) throw new RangeError(`cos and sin take angles below 2^20 rad, not ${x}`);
  const n = nearestInteger(x * twoOverPi);
  const first = twoSum(x, -n * halfPiParts[0]);
  const second = add(first, { hi: -n * halfPiParts[1], lo: 0 });
  const { hi, lo } = add(second, { hi: -n * halfPiParts[2], lo: 0 });
  return { quadrant: n & 3, hi, lo };
}

/** Taylor to x^21 / 21!; sin(x + tail) = sin x + tail cos x, cos x = 1 - x^2/2 there. */
function sinKernel(x: number, tail: number): number {
  const square = x * x;
  let series = 1 / 51090942171709440000;
  for (const term of sinTerms) series = series * square + term;
  const cubic = square * x * (series * square - 1 / 6);
  return x + (cubic + tail * (1 - square / 2));
}
/** -1/19! up to 1/5!: the series after the cubic term. */
const sinTerms = [
  -1 / 121645100408832000,
  1 / 355687428096000,
  -1 / 1307674368000,
  1 / 6227020800,
  -1 / 39916800,
  1 / 362880,
  -1 / 5040,
  1 / 120,
];

/** 1 - x^2/2 with its rounding error carried, then x^4/4! ... x^20/20!. */
function cosKernel(x: number, tail: number): number {
  const square = x * x;
  let series = 1 / 2432902008176640000;
  for (const term of cosTerms) series = series * square + term;
  const half = square / 2;
  const head = 1 - half;
  return head + (1 - head - half + (square * square * series - x * tail));
}
/** -1/18! up to 1/4!. */
const cosTerms = [
  -1 / 6402373705728000,
  1 / 20922789888000,
  -1 / 87178291200,
  1 / 479001600,
  -1 / 3628800,
  1 / 40320,
  -1 / 720,
  1 / 24,
];

function add(a: Double2, b: Double2): Double2 {
  const sum = twoSum(a.hi, b.hi);
  const rest = twoSum(a.lo, b.lo);
  const inner = twoSum(sum.hi, sum.lo + rest.hi);
  return twoSum(inner.hi, inner.lo + rest.lo);
}

function multiply(a: Double2, b: Double2): Double2 {
  const product = twoProduct(a.hi, b.hi);
  return twoSum(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi));
}

function divide(a: Double2, b: Double2): Double2 {
  const first = a.hi / b.hi;
  const product = multiply(b, { hi: first, lo: 0 });
  const remainder = add(a, { hi: -product.hi, lo: -product.lo });
  return twoSum(first, remainder.hi / b.hi);
}
