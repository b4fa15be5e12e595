import { arch, cpus } from 'node:os';
import type { FineTuneJobSpec } from '../api/fineTuneJob.js';
import { training as trainingSection } from '../api/sections/training.js';
import type { Change, DataSummary, Hyperparameter, RunRecord } from './artifacts/record.js';
import type { DataReport, SplitReport } from './data/report.js';
import type { Base } from './model/base.js';
import type { PreparedJob } from './recipe/prepared.js';
import type { StateScalars } from './train/state.js';

export interface RunMeasures {
  readonly espalierVersion: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly trainedTokens: number;
  readonly peakRssBytes: number;
  readonly workers: number;
  /** worker/train/fingerprint.ts. */
  readonly fingerprint: string;
}

type Known = Omit<RunRecord, 'adapterSha256' | 'omitted' | 'method'>;

/** All that a finished run knows about itself, for espalier.json and the model card. */
export function runRecord(
  { recipe, hash, record }: PreparedJob,
  base: Base,
  scalars: StateScalars,
  measures: RunMeasures,
): Known {
  const { spec, metadata } = record.job;
  const seconds = (measures.finishedAtMs - measures.startedAtMs) / 1000;
  const losses = scalars.losses.filter((loss) => loss !== null);
  const general = change(scalars, 'general');
  return {
    espalier: { version: measures.espalierVersion, numericsVersion: recipe.numericsVersion },
    job: { name: metadata.name },
    recipeHash: hash,
    base: {
      nameOrPath: base.nameOrPath,
      source: base.source,
      revision: base.revision,
      sha256: base.sha256,
      storedAs: base.storedAs,
      license: base.license,
      parameters: parametersOf(base),
    },
    data: {
      training: summaryOf(record.data, 'train', record.data.train),
      evaluation: record.data.evaluation && summaryOf(record.data, 'evaluation', record.data.evaluation),
      maxTokens: spec.data.maxTokens,
      packing: spec.data.packing,
      supervise: spec.data.supervise,
    },
    hyperparameters: hyperparametersOf(spec),
    steps: recipe.training.steps,
    trainableParameters: recipe.layout.tensors.reduce((sum, { shape }) => sum + product(shape), 0),
    loss: { first: losses[0]!, last: losses.at(-1)! },
    evaluationLoss: change(scalars, 'evaluation'),
    generalLoss: general && { ...general, text: 'a chapter of Moby Dick' },
    recall: null,
    cost: {
      seconds,
      trainedTokens: measures.trainedTokens,
      tokensPerSecond: seconds > 0 ? measures.trainedTokens / seconds : 0,
      peakRssBytes: measures.peakRssBytes,
      workers: measures.workers,
      energy: null,
    },
    numerics: {
      class: numericsClass(),
      fingerprint: measures.fingerprint,
      device: recipe.engine.device,
      precision: recipe.engine.precision,
    },
    finishedAt: new Date(measures.finishedAtMs).toISOString(),
  };
}

/** Parameters of the base; a tied head counts once. */
export const parametersOf = ({ tensors }: Pick<Base, 'tensors'>): number =>
  [...tensors.values()].reduce((sum, { shape }) => sum + product(shape), 0);

/** What decides the kernels, and with them the bits, beside the recipe. */
export const numericsClass = (): string => `${arch()}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}`;

export function change({ evaluations }: StateScalars, kind: 'evaluation' | 'general'): Change | null {
  const before = evaluations[0]?.[kind];
  const after = evaluations.at(-1)?.[kind];
  return evaluations.length < 2 || typeof before !== 'number' || typeof after !== 'number' ? null : { before, after };
}

function summaryOf(report: DataReport, split: 'train' | 'evaluation', counts: SplitReport): DataSummary {
  const sources = report.sources.filter((source) => source.split === split);
  return {
    sources: sources.map(({ source, sha256 }) => ({ source, sha256 })),
    rows: sources.reduce((sum, { rows }) => sum + rows, 0),
    usedRows: counts.rows,
    dropped: split === 'train' ? report.dropped.map(({ reason, rows }) => ({ reason, rows })) : [],
    tokens: counts.tokens,
    supervisedTokens: counts.supervisedTokens,
    truncatedRows: split === 'train' ? report.truncation.rows : 0,
  };
}

/** The settings that readers compare, each beside what the schema fills in when a job says nothing. */
export function hyperparametersOf({ training }: FineTuneJobSpec): readonly Hyperparameter[] {
  const standard = flat(trainingSection.parse({ maxSteps: 1 }));
  return [...flat(training)].map(([name, value]) => ({
    name: `training.${name}`,
    value,
    isDefault: name !== 'maxSteps' && standard.get(name) === value,
  }));
}

type Scalar = string | number | boolean;

/** `{ batch: { sequences: 8 } }` as `batch.sequences` -> 8. */
function flat(section: object, prefix = ''): ReadonlyMap<string, Scalar> {
  return new Map(
    Object.entries(section).flatMap(([name, value]): (readonly [string, Scalar])[] => {
      if (value === undefined || value === null) return [];
      return typeof value === 'object' ? [...flat(value, `${prefix}${name}.`)] : [[prefix + name, value as Scalar]];
    }),
  );
}

const product = (shape: readonly number[]): number => shape.reduce((size, dimension) => size * dimension, 1);
