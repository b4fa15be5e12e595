import { fail } from '../../api/errors.js';
import { byCodeUnit, sha256 } from '../../common/hash.js';
import type { DataDeps, DataOptions, Dataset } from './dataset.js';
import { supervisedTokens, toSequences } from './pack/sequences.js';
import { type ReadSource, readSource, reasonsOf, type UsedRow } from './readSource.js';
import { reportOf } from './reportOf.js';
import type { Encoder } from './rows/encodeRow.js';

/** Reads every source, tokenises, splits, packs, and reports what was used and what was not. */
export async function loadDataset(options: DataOptions, deps: DataDeps): Promise<Dataset> {
  const encoder = encoderFor(options, deps);
  const trainSources = await readAll(options.train, options, encoder, deps);
  const heldOut = options.evaluation && 'sources' in options.evaluation ? options.evaluation.sources : [];
  const evaluationSources = await readAll(heldOut, options, encoder, deps);

  const read = trainSources.flatMap(({ used }) => used);
  const split =
    options.evaluation && 'fraction' in options.evaluation
      ? splitByHash(read, options.evaluation.fraction, options.seed)
      : { train: read, evaluation: evaluationSources.flatMap(({ used }) => used) };
  requireSupervision('the training data', split.train, trainSources, options);
  if (options.evaluation) requireSupervision('the evaluation data', split.evaluation, evaluationSources, options);

  const train = toSequences(documentsOf(split.train), options);
  const evaluation = toSequences(documentsOf(split.evaluation), options);
  const report = reportOf({
    options,
    tokenizer: deps.tokenizer,
    sources: [
      ...trainSources.map((source) => ({ ...source, split: 'train' as const })),
      ...evaluationSources.map((source) => ({ ...source, split: 'evaluation' as const })),
    ],
    train: { rows: split.train, sequences: train },
    evaluation: { rows: split.evaluation, sequences: evaluation },
  });
  return { train, evaluation, report };
}

const documentsOf = (rows: readonly UsedRow[]) => rows.flatMap(({ documents }) => documents);

function encoderFor(options: DataOptions, { tokenizer }: DataDeps): Encoder {
  const specials = [...tokenizer.specialIds].map((id) => tokenizer.tokenOf(id)!);
  return { ...options, tokenizer, template: tokenizer.chatTemplate, specials };
}

async function readAll(
  sources: readonly string[],
  options: DataOptions,
  encoder: Encoder,
  deps: DataDeps,
): Promise<readonly ReadSource[]> {
  const read: ReadSource[] = [];
  for (const source of sources) read.push(await readSource(source, options, encoder, deps));
  return read;
}

/**
 * Holds out the rows whose hash, keyed by the seed, falls below `fraction`: equal rows stay on one side, and adding or moving
 * rows moves no other. When none does, the row with the smallest hash is held out.
 */
function splitByHash(
  rows: readonly UsedRow[],
  fraction: number,
  seed: number,
): { train: UsedRow[]; evaluation: UsedRow[] } {
  const keys = new Map(rows.map(({ hash }) => [hash, sha256(`${seed}:${hash}`)]));
  const smallest = [...keys.values()].sort(byCodeUnit)[0];
  const below = (key: string) => Number.parseInt(key.slice(0, 12), 16) < fraction * 2 ** 48;
  const none = ![...keys.values()].some(below);
  const isHeldOut = ({ hash }: UsedRow) => below(keys.get(hash)!) || (none && keys.get(hash) === smallest);
  return { train: rows.filter((row) => !isHeldOut(row)), evaluation: rows.filter(isHeldOut) };
}

function requireSupervision(
  split: string,
  rows: readonly UsedRow[],
  sources: readonly ReadSource[],
  { supervise }: DataOptions,
): void {
  const dropped = sources.flatMap((source) => source.dropped);
  const unsupervised = dropped.filter(({ problem }) => problem.startsWith('nothing to supervise'));
  if (rows.length === 0 && unsupervised.length > 0 && unsupervised.length === dropped.length)
    fail('SupervisionEmpty', { split, supervise });
  if (rows.length === 0) fail('DataUnusable', { split, reasons: reasonsOf(dropped) });
  if (!documentsOf(rows).some((document) => supervisedTokens(document) > 0))
    fail('SupervisionEmpty', { split, supervise });
}
