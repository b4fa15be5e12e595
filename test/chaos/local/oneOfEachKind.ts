import { seeded } from '../chance.js';
import type { FaultName, Ground, RunPlan, Storage } from '../place.js';
import { type CampaignPlan, runOf } from '../plan.js';

const script: readonly { readonly storage: Storage; readonly names: readonly FaultName[] }[] = [
  {
    storage: 's3',
    names: [
      { kind: 'killWorker', name: 'one' },
      { kind: 'storeAnswers', name: '503 SlowDown' },
      { kind: 'jumpClock', name: 'forward' },
      { kind: 'launcher', name: 'killed' },
    ],
  },
  {
    storage: 'disks',
    names: [
      { kind: 'fullDisk', name: 'of checkpoints' },
      { kind: 'cutOneWay', name: 'from one to another' },
      { kind: 'connections', name: 'reset' },
      { kind: 'pauseWorker', name: 'for a moment' },
    ],
  },
];

/** The campaign that every test run makes. */
export const oneOfEachKind = ({ seed }: CampaignPlan, ground: Ground): readonly RunPlan[] =>
  script.map(({ storage, names }, place) =>
    runOf({ name: `run-${place}`, storage, names, random: seeded(seed * 1000 + place) }, ground),
  );
