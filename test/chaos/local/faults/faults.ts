import { catalogueOf, type FaultTable } from '../../place.js';
import { connections, cutOneWay } from './connections.js';
import { fullDisk } from './disks.js';
import type { Scene } from './fault.js';
import { jumpClock, killWorker, launcher, pauseWorker } from './processes.js';
import { storeAnswers } from './storeAnswers.js';

/** Everything that is done to a training on this machine, by kind and case. */
export const faults = {
  killWorker,
  pauseWorker,
  launcher,
  connections,
  cutOneWay,
  storeAnswers,
  fullDisk,
  jumpClock,
} satisfies FaultTable<Scene>;

export const localFaults = catalogueOf<Scene>(faults);
