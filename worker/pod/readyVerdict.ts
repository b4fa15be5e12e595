import type { RecipeReference } from '../../api/podVerdict.js';
import type { StatusData, StatusResolved } from '../../api/sections/status.js';
import type { DataReport } from '../data/report.js';
import type { Prepared } from '../preflight/prepare.js';
import { stepsPerEpoch } from '../recipe/batches.js';
import { hyperparametersOf, parametersOf } from '../record.js';
import { mostBytes } from './verdict.js';

interface Ready {
  readonly outcome: 'ready';
  readonly recipe: RecipeReference & { readonly data: StatusData; readonly resolved: StatusResolved };
}

/** What the controller must know of a preflight that passed, short enough for a pod's last words. */
export function readyVerdict(prepared: Prepared, preparedUrl: string): Ready {
  const { compiled, record } = prepared;
  const { rows, tokens, supervisedTokens } = record.data.train;
  const ready: Ready = {
    outcome: 'ready',
    recipe: {
      recipeHash: compiled.hash,
      preparedUrl,
      steps: compiled.recipe.training.steps,
      summary: `${rows} rows, ${tokens} tokens, ${supervisedTokens} of them learned`,
      data: dataOf(record.data),
      resolved: resolvedOf(prepared),
    },
  };
  return fitted(ready);
}

/** Longer words would be cut in the middle and mean nothing: details go first, they lie with the recipe too. */
export function fitted(ready: Ready): Ready {
  if (Buffer.byteLength(JSON.stringify(ready)) <= mostBytes) return ready;
  const { data, resolved } = ready.recipe;
  const shorter =
    data.dropped.length > 0
      ? { data: { ...data, dropped: data.dropped.slice(0, -1) } }
      : { resolved: { ...resolved, settings: resolved.settings?.slice(0, -1) ?? [] } };
  return fitted({ ...ready, recipe: { ...ready.recipe, ...shorter } });
}

const mostReasons = 8;

function dataOf({
  sources,
  train,
  evaluation,
  dropped,
  truncation,
  duplicates,
  contamination,
}: DataReport): StatusData {
  const read = sources.filter(({ split }) => split === 'train').reduce((sum, { rows }) => sum + rows, 0);
  return {
    rows: read,
    used: train.rows,
    sequences: train.sequences,
    tokens: train.tokens,
    supervisedTokens: train.supervisedTokens,
    truncatedRows: truncation.rows,
    truncatedPercent: Math.round(truncation.share * 1000) / 10,
    evaluationRows: evaluation?.rows ?? 0,
    duplicates: duplicates.train.rows,
    contaminated: contamination.rows.rows,
    dropped: dropped
      .toSorted((a, b) => b.rows - a.rows)
      .slice(0, mostReasons)
      .map(({ reason, rows, examples: [example] }) => ({
        reason: reason.slice(0, 160),
        rows,
        ...(example && { example: example.slice(-160) }),
      })),
  };
}

function resolvedOf({ base, compiled: { recipe }, record }: Prepared): StatusResolved {
  const { spec } = record.job;
  const { training, layout, batches } = recipe;
  const { method } = recipe;
  const lengths = record.data.train;
  const perEpoch = stepsPerEpoch(recipe.tokens.train, spec.training.batch.sequences);
  const settings = [
    `method=${method.name}`,
    `${method.name}.rank=${method.rank}`,
    `${method.name}.alpha=${method.alpha}`,
    `${method.name}.dropout=${method.dropout}`,
    `${method.name}.modules=${method.modules.length}`,
    `data.maxTokens=${spec.data.maxTokens}`,
    `data.packing=${spec.data.packing}`,
    ...hyperparametersOf(spec).map(({ name, value, isDefault }) => `${name}=${value}${isDefault ? ' (default)' : ''}`),
  ];
  return {
    baseSha256: base.sha256,
    baseRevision: base.revision.slice(0, 128),
    storedAs: base.storedAs.slice(0, 32),
    parameters: parametersOf(base),
    trainableParameters: layout.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    steps: training.steps,
    stepsPerEpoch: perEpoch,
    // Every pass meets every sequence once; a last pass that is cut short meets its share of them.
    trainedTokens: Math.round(lengths.tokens * (batches.length / perEpoch)),
    settings: settings.map((setting) => setting.slice(0, 128)).slice(0, 64),
  };
}
