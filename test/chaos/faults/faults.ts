import { connections, cutOneWay } from './connections.js';
import { fullDisk } from './disks.js';
import type { FaultCase } from './fault.js';
import { jumpClock, killWorker, launcher, pauseWorker } from './processes.js';
import { storeAnswers } from './storeAnswers.js';

/** Everything that is done to a training, by kind and case. */
export const faults = {
  killWorker,
  pauseWorker,
  launcher,
  connections,
  cutOneWay,
  storeAnswers,
  fullDisk,
  jumpClock,
} satisfies Readonly<Record<string, Readonly<Record<string, FaultCase>>>>;

export type FaultKind = keyof typeof faults;

/** One kind of fault and one case of it. */
export interface FaultName {
  readonly kind: FaultKind;
  readonly name: string;
}

export const faultCase = ({ kind, name }: FaultName): FaultCase => {
  const found = (faults[kind] as Readonly<Record<string, FaultCase>>)[name];
  if (found === undefined) throw new Error(`there is no fault ${kind}: ${name}`);
  return found;
};

export const allFaults: readonly FaultName[] = (Object.keys(faults) as FaultKind[]).flatMap((kind) =>
  Object.keys(faults[kind]).map((name) => ({ kind, name })),
);
