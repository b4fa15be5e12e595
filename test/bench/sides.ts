import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import { workerFlags } from '../../controller/resources/workerFlags.js';
import type { SideCommand } from './side.js';
import type { Workload } from './workload.js';

/** Where things are: read from the environment by main.ts. */
export interface BenchPlaces {
  /** Espalier's cache: base and peer stack. */
  readonly cacheDirectory: string;
  /** A Python with torch, transformers and peft. */
  readonly python: string;
}

/** As a worker runs here: one process with one one-thread engine per core. */
export const espalierSide = ({ folder, base }: Workload, { cacheDirectory }: BenchPlaces): SideCommand => ({
  name: `espalier, ${availableParallelism()} one-thread engines`,
  command: process.execPath,
  args: [
    ...workerFlags,
    ...[join(import.meta.dirname, 'espalier/main.js'), '--folder', folder, '--base', base.directory],
    ...['--cache', cacheDirectory, '--engines', String(availableParallelism())],
  ],
});

export interface PeerSettings {
  readonly attention: 'eager' | 'sdpa';
  readonly precision: 'float32' | 'bfloat16';
}

export const peerSide = (
  { folder, base }: Workload,
  { attention, precision }: PeerSettings,
  { python }: BenchPlaces,
): SideCommand => ({
  name: `PEFT ${precision}, ${attention}, ${availableParallelism()} threads`,
  command: python,
  args: [
    ...[join(packageRoot(), 'test/bench/peer/train.py'), folder, base.directory, '--attention', attention],
    ...['--precision', precision, '--threads', String(availableParallelism())],
  ],
  env: { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
});
