import { methodNames } from './methods/index.js';
import { type Reader, type Rule, reader } from './rule.js';

/** Exactly one of `keys` at `path`; none when the object itself is missing, which its schema reports. */
export const exactlyOne = (at: readonly string[], keys: readonly string[]): Rule => ({
  at,
  cel: `[${keys.map((key) => `has(self.${key})`).join(', ')}].filter(x, x).size() == 1`,
  ...(keys.length === 2 && { celMessage: togetherOrNone(keys) }),
  message: keys.length === 1 ? `${keys[0]} is needed` : `exactly one of ${keys.join(', ')} is needed`,
  broken: (spec) => {
    const found = spec.members(at, keys);
    if (!found || found.length === 1) return [];
    const what = found.length === 0 ? `names none of ${keys.join(', ')}` : `names ${found.join(' and ')} together`;
    const instead = found.length === 0 ? `add ${keys.join(' or ')}` : `keep one of ${found.join(', ')}`;
    return [{ path: at, what, instead }];
  },
});

/** Of two keys all or none are there; constant texts, because the API server counts the cost of every other kind too high. */
function togetherOrNone(keys: readonly string[]): string {
  const none = `names none of ${keys.join(', ')}; add ${keys.join(' or ')}`;
  return `has(self.${keys[0]}) ? 'names ${keys.join(' and ')} together; keep one of ${keys.join(', ')}' : '${none}'`;
}

/** `a <= b`, both below `at`. */
const atMost = (at: readonly string[], a: string, b: string): Rule => ({
  at,
  cel: `!has(self.${a}) || !has(self.${b}) || self.${a} <= self.${b}`,
  celField: `.${a}`,
  message: `${a} must not be above ${b}: lower ${a} or raise ${b}`,
  broken: (spec) => {
    const low = spec.number(...at, a);
    const high = spec.number(...at, b);
    if (low === undefined || high === undefined || low <= high) return [];
    return [
      {
        path: [...at, a],
        what: `is above ${b}, which is ${high}`,
        instead: `lower ${a} to ${high} or raise ${b} to ${low}`,
      },
    ];
  },
});

const atMostOne = (at: readonly string[], a: string, b: string): Rule => ({
  at,
  cel: `!(has(self.${a}) && has(self.${b}))`,
  celField: `.${b}`,
  message: `${b} excludes ${a}: keep one of ${a}, ${b}`,
  broken: (spec) =>
    spec.members(at, [a, b])?.length === 2
      ? [{ path: [...at, b], what: `excludes ${a}, which is there too`, instead: `keep one of ${a}, ${b}` }]
      : [],
});

const warmupFits: Rule = {
  at: ['training'],
  cel: '!has(self.maxSteps) || !has(self.schedule) || !has(self.schedule.warmupSteps) || self.schedule.warmupSteps < self.maxSteps',
  celField: '.schedule.warmupSteps',
  message: 'schedule.warmupSteps must be below maxSteps, else no step is left after the warm-up',
  broken: (spec) => {
    const warmup = spec.number('training', 'schedule', 'warmupSteps');
    const steps = spec.number('training', 'maxSteps');
    if (warmup === undefined || steps === undefined || warmup < steps) return [];
    return [
      {
        path: ['training', 'schedule', 'warmupSteps'],
        what: `leaves no step after the warm-up, maxSteps is ${steps}`,
        instead: `write at most ${Math.max(0, steps - 1)}`,
      },
    ];
  },
};

const gpuNeedsCuda: Rule = {
  at: ['workers'],
  cel: "!has(self.gpu) || (has(self.device) && self.device == 'cuda')",
  celField: '.gpu',
  message: 'gpu needs device cuda: write device: cuda or remove gpu',
  broken: (spec) => {
    const device = spec.text('workers', 'device');
    if (spec.value('workers', 'gpu') === undefined || device === undefined || device === 'cuda') return [];
    return [
      {
        path: ['workers', 'gpu'],
        what: `is asked for, but device is ${device}`,
        instead: 'write device: cuda or remove gpu',
      },
    ];
  },
};

const bucketsOf = (spec: Reader): readonly number[] =>
  spec.list('data', 'buckets').filter((bucket): bucket is number => typeof bucket === 'number');
const firstFall = (buckets: readonly number[]): number =>
  buckets.findIndex((bucket, i) => i > 0 && bucket <= buckets[i - 1]!);

const bucketsRise: Rule = {
  at: ['data'],
  cel: '!has(self.buckets) || (self.buckets.isSorted() && self.buckets.all(b, self.buckets.exists_one(c, c == b)))',
  celField: '.buckets',
  message: 'buckets must rise from entry to entry: write each length once, the shortest first',
  broken: (spec) => {
    const buckets = bucketsOf(spec);
    const wrong = firstFall(buckets);
    if (wrong < 0) return [];
    const sorted = [...new Set(buckets)].sort((a, b) => a - b);
    return [
      {
        path: ['data', 'buckets', wrong],
        what: `does not rise above the one before it, ${buckets[wrong - 1]}`,
        instead: `write buckets: [${sorted.join(', ')}]`,
      },
    ];
  },
};

const lastBucket = 'self.buckets[size(self.buckets) - 1]';
const bucketsReach: Rule = {
  at: ['data'],
  cel: `!has(self.buckets) || !has(self.maxTokens) || !self.buckets.isSorted() || ${lastBucket} >= self.maxTokens`,
  celField: '.buckets',
  message: 'the last of buckets must be at least maxTokens: add maxTokens to buckets or lower it',
  broken: (spec) => {
    const buckets = bucketsOf(spec);
    const maxTokens = spec.number('data', 'maxTokens');
    const last = buckets.at(-1);
    if (firstFall(buckets) > 0 || last === undefined || maxTokens === undefined || last >= maxTokens) return [];
    return [
      {
        path: ['data', 'buckets'],
        what: `ends at ${last}, but sequences have up to maxTokens ${maxTokens}`,
        instead: `add ${maxTokens} or lower maxTokens to ${last}`,
      },
    ];
  },
};

const names = (spec: Reader, list: string): string[] =>
  spec.list(list).flatMap((item) => {
    const name = reader(item).text('name');
    return name === undefined ? [] : [name];
  });

/** A `connection` names an entry of `connections`. */
const connectionExists = (at: readonly string[], many: boolean): Rule => {
  const whole = `self.${at.join('.')}`;
  const guards = at.map((_, depth) => `has(self.${at.slice(0, depth + 1).join('.')})`).join(' && ');
  const known = (item: string) =>
    `!has(${item}.connection) || (has(self.connections) && self.connections.exists(c, c.name == ${item}.connection))`;
  return {
    at: [],
    cel: `!(${guards}) || ${many ? `${whole}.all(s, ${known('s')})` : `(${known(whole)})`}`,
    celField: `.${at.join('.')}${many ? '' : '.connection'}`,
    message: `${at.join('.')}: connection is not the name of one of spec.connections`,
    broken: (spec) => {
      const places = many ? spec.list(...at).map((_, index) => [...at, index]) : [at];
      const known = names(spec, 'connections');
      return places.flatMap((place) => {
        const written = spec.text(...place, 'connection');
        if (written === undefined || known.includes(written)) return [];
        const choice = known.length === 0 ? `add connections: [{ name: ${written} }]` : `use ${known.join(' or ')}`;
        return [{ path: [...place, 'connection'], what: 'is not the name of a connection', instead: choice }];
      });
    },
  };
};

/** CRD: list-map keys. */
const uniqueNames = (at: readonly string[]): Rule => ({
  at,
  message: 'names must differ',
  broken: (spec) => {
    const items = spec.list(...at).map((item) => reader(item).text('name'));
    return items.flatMap((name, index) =>
      name !== undefined && items.indexOf(name) < index
        ? [{ path: [...at, index, 'name'], what: 'is there twice', instead: 'give each entry its own name' }]
        : [],
    );
  },
});

const regexCompiles: Rule = {
  at: ['method'],
  message: 'targetModules.regex must be a regular expression',
  broken: (spec) =>
    methodNames.flatMap((name) => {
      const path = ['method', name, 'targetModules', 'regex'];
      const pattern = spec.text(...path);
      if (pattern === undefined) return [];
      try {
        new RegExp(pattern, 'u');
        return [];
      } catch (error) {
        const reason = (error as Error).message.replace(/^Invalid regular expression: /, '');
        return [
          { path, what: `is not a regular expression (${reason})`, instead: 'write one such as .*\\.(q|v)_proj' },
        ];
      }
    }),
};

const dateExists: Rule = {
  at: ['data'],
  cel: '!has(self.templateDate) || !format.date().validate(self.templateDate).hasValue()',
  celField: '.templateDate',
  message: 'templateDate is no date of the calendar; write one such as 2026-01-31',
  broken: (spec) => {
    const date = spec.text('data', 'templateDate');
    if (date === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(date)) return [];
    const parsed = new Date(`${date}T00:00:00Z`);
    if (!Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date)) return [];
    return [
      { path: ['data', 'templateDate'], what: 'is no date of the calendar', instead: 'write one such as 2026-01-31' },
    ];
  },
};

/** Every rule over several fields. Rules over one field are in its schema. */
export const rules: readonly Rule[] = [
  exactlyOne(['method'], methodNames),
  exactlyOne(['training'], ['epochs', 'maxSteps']),
  exactlyOne(['data', 'eval'], ['source', 'fraction']),
  atMostOne(['training', 'schedule'], 'warmupSteps', 'warmupFraction'),
  warmupFits,
  atMost(['training', 'batch'], 'microBatch', 'sequences'),
  atMost(['workers'], 'minReplicas', 'replicas'),
  atMost(['workers'], 'replicas', 'maxReplicas'),
  gpuNeedsCuda,
  bucketsRise,
  bucketsReach,
  connectionExists(['base'], false),
  connectionExists(['data', 'train'], true),
  connectionExists(['data', 'eval'], false),
  connectionExists(['output'], false),
  uniqueNames(['connections']),
  uniqueNames(['workers', 'volumes']),
  regexCompiles,
  dateExists,
];
