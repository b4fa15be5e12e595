import type { Point } from './jobs.js';

/** Enough for a smooth curve on any screen; about 150 KB per job at most. */
const mostPoints = 1024;

interface Kept {
  point: Point;
  /** Grows with every change of any point: where a reader stands. */
  sequence: number;
}

/**
 * One job's training curve in bounded memory. When full, every second point of the older half goes, except those with an
 * evaluation: the curve stays whole and gets coarser towards its beginning.
 */
export class MetricLog {
  #kept: Kept[] = [];
  #sequence = 0;

  get last(): Point | undefined {
    return this.#kept.at(-1)?.point;
  }

  /** Of the lowest evaluation loss. */
  get best(): Point | undefined {
    const evaluated = this.#kept.filter(({ point }) => Number.isFinite(point.evaluationLoss));
    return evaluated.reduce<Point | undefined>(
      (best, { point }) => (best && best.evaluationLoss! <= point.evaluationLoss! ? best : point),
      undefined,
    );
  }

  at(step: number): Point | undefined {
    return this.#kept.find(({ point }) => point.step === step)?.point;
  }

  /** The first word about a step counts: every worker tells of it. */
  step(point: Point): boolean {
    if ((this.last?.step ?? -1) >= point.step) return false;
    this.#kept.push({ point, sequence: ++this.#sequence });
    if (this.#kept.length > mostPoints) this.#thin();
    return true;
  }

  evaluation(step: number, losses: Pick<Point, 'evaluationLoss' | 'generalLoss'>, timeMs: number): void {
    const kept = this.#kept.find(({ point }) => point.step === step);
    const point: Point = { ...(kept?.point ?? { step, timeMs }), ...losses };
    if (kept) Object.assign(kept, { point, sequence: ++this.#sequence });
    else if (step > (this.last?.step ?? -1)) this.#kept.push({ point, sequence: ++this.#sequence });
  }

  /** The attempt after a loss starts from a checkpoint: its steps are told again. */
  rewind(afterStep: number): void {
    this.#kept = this.#kept.filter(({ point }) => point.step <= afterStep);
  }

  /** Points changed after `sequence`, oldest step first, and where that reader stands then. */
  after(sequence: number): { readonly points: readonly Point[]; readonly sequence: number } {
    const points = this.#kept.filter((kept) => kept.sequence > sequence).map(({ point }) => point);
    return { points, sequence: this.#sequence };
  }

  #thin(): void {
    const half = this.#kept.length >> 1;
    this.#kept = this.#kept.filter(
      ({ point }, index) => index >= half || index % 2 === 0 || point.evaluationLoss !== undefined,
    );
  }
}
