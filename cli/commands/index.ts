import type { Command } from '../command.js';
import { cacheLs, cacheRm } from './cache.js';
import { gc } from './gc.js';
import { generate } from './generate.js';
import { list } from './list.js';
import { logits } from './logits.js';
import { logs } from './logs.js';
import { quickstart } from './quickstart.js';
import { run } from './run.js';
import { status } from './status.js';
import { validate } from './validate.js';
import { wait } from './wait.js';
import { watch } from './watch.js';

/** Every command, in the order of the help. A new one is a file beside this one and a line here. */
export const commands: readonly Command[] = [
  run,
  quickstart,
  validate,
  generate,
  logits,
  status,
  list,
  watch,
  wait,
  logs,
  cacheLs,
  cacheRm,
  gc,
];
