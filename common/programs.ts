/**
 * What Node is started with, and the compiled module each is made from. `scripts/bundle.mjs` makes one file of each, with
 * what they share beside them: a worker begins with five files instead of four hundred (docs/adr/0017-programs-are-bundled.md).
 */
export const programs = {
  espalier: 'cli/main',
  controller: 'controller/main',
  worker: 'worker/main',
  pod: 'worker/pod/main',
  preflight: 'worker/preflight/main',
  engineThread: 'worker/engine/thread',
  generatorThread: 'worker/model/generate/thread',
  watchdogThread: 'worker/watchdogThread',
} as const;
export type Program = keyof typeof programs;

/** Bundles and this module both lie one folder below the compiled code. */
export const programUrl = (program: Program): URL => new URL(`../bin/${program}.js`, import.meta.url);
