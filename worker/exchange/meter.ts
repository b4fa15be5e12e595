import type { Clock } from '../../common/clock.js';
import type { StepReport } from './trainee.js';

/** Where the time of a step went, and how many bytes it moved. */
export class Meter {
  readonly #clock: Clock;
  #stepStartedMs: number;
  #running = 0;
  #busySinceMs = 0;
  #busyMs = 0;
  #leaves = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #hiddenBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stepStartedMs = clock.monotonic();
  }

  leafStarted(): void {
    if (this.#running++ === 0) this.#busySinceMs = this.#clock.monotonic();
  }

  /** A leaf whose result was wanted. */
  leafCounted(): void {
    this.#leaves++;
  }

  leafEnded(): void {
    if (--this.#running === 0) this.#busyMs += this.#clock.monotonic() - this.#busySinceMs;
  }

  sent(sizeBytes: number): void {
    this.#sentBytes += sizeBytes;
    if (this.#running > 0) this.#hiddenBytes += sizeBytes;
  }

  received(sizeBytes: number): void {
    this.#receivedBytes += sizeBytes;
    if (this.#running > 0) this.#hiddenBytes += sizeBytes;
  }

  /** Closes a step and begins the next. */
  report(step: Pick<StepReport, 'step' | 'lossSum' | 'members' | 'view'>): StepReport {
    const nowMs = this.#clock.monotonic();
    if (this.#running > 0) {
      this.#busyMs += nowMs - this.#busySinceMs;
      this.#busySinceMs = nowMs;
    }
    const stepMs = nowMs - this.#stepStartedMs;
    const report: StepReport = {
      ...step,
      leavesComputedHere: this.#leaves,
      bytesSent: this.#sentBytes,
      bytesReceived: this.#receivedBytes,
      hiddenBytes: this.#hiddenBytes,
      stepMs,
      computeMs: this.#busyMs,
      waitMs: Math.max(0, stepMs - this.#busyMs),
    };
    this.#stepStartedMs = nowMs;
    this.#busyMs = this.#leaves = this.#sentBytes = this.#receivedBytes = this.#hiddenBytes = 0;
    return report;
  }
}
