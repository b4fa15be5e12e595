import { EspalierError } from '../api/errors.js';
import type { EventLog } from './eventLog.js';
import type { StepReport } from './exchange/trainee.js';
import type { PreparedJob } from './recipe/prepared.js';
import type { StepOutcome, TrainState } from './train/state.js';

export interface Telling {
  readonly prepared: PreparedJob;
  readonly state: TrainState;
  readonly events: EventLog;
  /** Of the step that is told; absent at a step that only evaluates. */
  readonly outcome: StepOutcome | undefined;
  readonly peakRssBytes: number;
}

/** Tells whoever watches this worker what a committed step brought. */
export function tellStep(report: StepReport, { prepared, state, events, outcome, peakRssBytes }: Telling): void {
  const { step, stepMs } = report;
  const { training, evaluation } = prepared.recipe;
  const evaluated = state.scalars.evaluations.find((candidate) => candidate.step === step);
  if (evaluated && evaluation.steps.includes(step))
    events.append({
      evaluation: {
        step,
        loss: evaluated.evaluation ?? Number.NaN,
        generalLoss: evaluated.general ?? Number.NaN,
      },
    });
  if (!outcome) return;
  events.append({
    step: {
      step,
      steps: training.steps,
      loss: outcome.loss ?? Number.NaN,
      learningRate: training.learningRates[step]!,
      gradientNorm: outcome.norm,
      tokensPerSecond: (tokensOf(prepared, step) / stepMs) * 1000,
      leavesComputed: report.leavesComputedHere,
      stepMs,
      computeMs: report.computeMs,
      waitMs: report.waitMs,
      bytesSent: report.bytesSent,
      bytesReceived: report.bytesReceived,
      hiddenBytes: report.hiddenBytes,
      members: report.members,
      peakRssBytes,
    },
  });
}

export function tellError(error: unknown, events: EventLog): void {
  const coded =
    error instanceof EspalierError ? error : new EspalierError('Internal', { what: String(error) }, { cause: error });
  events.append({
    error: {
      name: coded.name,
      code: coded.code,
      message: coded.message,
      remedy: coded.remedy,
      facts: JSON.stringify(coded.facts),
    },
  });
}

/** Tokens of a step's training sequences, padding not counted. */
export const tokensOf = ({ recipe, tokens }: PreparedJob, step: number): number =>
  (recipe.batches[step] ?? []).reduce(
    (sum, { sequences }) => sum + sequences.reduce((row, index) => row + (tokens[index]?.ids.length ?? 0), 0),
    0,
  );
