import type { LogFields } from '../../common/log.js';
import type { LocalRun } from './run.js';

/** The result object of `espalier run --json`. Losses are means per supervised token; null where nothing is held out. */
export function resultFields({ record, artifact, directory, peakRssBytes }: LocalRun): LogFields {
  return {
    adapterSha256: record.adapterSha256,
    recipeHash: record.recipeHash,
    lossFirst: record.loss.first,
    lossLast: record.loss.last,
    evalLossBefore: record.evaluationLoss?.before ?? null,
    evalLossAfter: record.evaluationLoss?.after ?? null,
    generalLossBefore: record.generalLoss?.before ?? null,
    generalLossAfter: record.generalLoss?.after ?? null,
    trainableParameters: record.trainableParameters,
    totalParameters: record.base.parameters,
    steps: record.steps,
    tokensPerSecond: record.cost.tokensPerSecond,
    peakRssBytes,
    workers: record.cost.workers,
    artifact,
    directory,
  };
}

/** The same for people. Forgetting stands beside learning, named. */
export function resultLines({ record, artifact, directory, peakRssBytes }: LocalRun): readonly string[] {
  const { loss, evaluationLoss, generalLoss, cost } = record;
  const share = (100 * record.trainableParameters) / record.base.parameters;
  return [
    `trained   ${record.trainableParameters.toLocaleString('en')} parameters, ${share.toFixed(2)} % of the base's ${record.base.parameters.toLocaleString('en')}`,
    `loss      ${loss.first.toFixed(3)} -> ${loss.last.toFixed(3)} over ${record.steps} steps`,
    ...(evaluationLoss ? [`held out  ${evaluationLoss.before.toFixed(3)} -> ${evaluationLoss.after.toFixed(3)}`] : []),
    ...(generalLoss ? [forgetting(generalLoss)] : []),
    `speed     ${cost.tokensPerSecond.toFixed(0)} tokens/s on ${cost.workers === 1 ? '1 worker' : `${cost.workers} workers`}, ${(peakRssBytes / 2 ** 30).toFixed(2)} GiB at the peak, all processes together`,
    `adapter   sha256 ${record.adapterSha256}`,
    `published ${artifact}`,
    `copy      ${directory}`,
  ];
}

function forgetting({ before, after, text }: { before: number; after: number; text: string }): string {
  const change = 100 * (after / before - 1);
  const verdict = change > 0 ? `${change.toFixed(1)} % worse: forgotten` : `${(-change).toFixed(1)} % better`;
  return `general   ${before.toFixed(3)} -> ${after.toFixed(3)} on ${text}, ${verdict}`;
}
