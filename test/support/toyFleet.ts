import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { fileViewStore } from '../../controller/membership/fileViewStore.js';
import { type Oracle, openOracle } from '../../controller/membership/oracle.js';
import { grpcTransport } from '../../proto/grpc.js';
import type { StepReport } from '../../worker/exchange/trainee.js';
import type { ToyOrders } from '../integration/exchange/main.js';

export interface ToyResult {
  readonly sha256: string;
  readonly nextStep: number;
  readonly cpuMs: number;
  readonly reports: readonly StepReport[];
}

export interface ToyProcess {
  readonly id: string;
  readonly child: ChildProcess;
  /** Undefined when it died. */
  readonly result: Promise<ToyResult | undefined>;
}

export interface Fleet {
  readonly oracle: Oracle;
  readonly processes: readonly ToyProcess[];
  /** Resolves when some worker has committed this step. */
  committed(step: number): Promise<void>;
  /** Resolves when a view names this worker as one that trains. */
  joined(id: string): Promise<void>;
  /** Resolves when this worker has told of a step in which it computed a leaf. */
  computed(id: string): Promise<void>;
  /** None of the first workers computes a step from `gateStep` on before this. */
  openGate(): Promise<void>;
  /** One more, which no gate holds. */
  add(id: string): Promise<ToyProcess>;
  close(): Promise<void>;
}

/** Real worker processes on this machine, and the oracle that names them to each other. */
export async function toyFleet(
  count: number,
  { gateStep, ...orders }: Pick<ToyOrders, 'recipe' | 'leafMs' | 'cheap'> & { readonly gateStep?: number },
): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
  const gateFile = join(folder, 'gate');
  const gate = gateStep === undefined ? {} : { gate: { step: gateStep, file: gateFile } };
  const token = 'a toy job';
  let highest = -1;
  let awaited: { readonly id: string; readonly resolve: () => void }[] = [];
  let waiting: { step: number; resolve: () => void }[] = [];
  const busy = new Set<string>();
  let expected: { readonly id: string; readonly resolve: () => void }[] = [];
  const oracle = await openOracle({
    store: fileViewStore(join(folder, 'views')),
    transport: grpcTransport(),
    token,
    clock: systemClock,
    log: silentLogger,
    onView: ({ members }) => {
      const isIn = (id: string) => members.some((member) => member.id === id && member.joined);
      for (const { id, resolve } of awaited) if (isIn(id)) resolve();
      awaited = awaited.filter(({ id }) => !isIn(id));
    },
    onEvent: (worker, { step }) => {
      if ((step?.leavesComputed ?? 0) > 0) busy.add(worker);
      for (const { id, resolve } of expected) if (busy.has(id)) resolve();
      expected = expected.filter(({ id }) => !busy.has(id));
      highest = Math.max(highest, step?.step ?? -1);
      for (const one of waiting.filter(({ step: wanted }) => wanted <= highest)) one.resolve();
      waiting = waiting.filter(({ step: wanted }) => wanted > highest);
    },
  });
  const launch = async (id: string, own: Partial<ToyOrders>) => {
    const { process, address } = await start({ ...orders, ...own, id, token, address: `unix:${folder}/${id}.sock` });
    oracle.register({ id, address });
    return process;
  };
  // In order of their names, whichever starts first.
  const processes = await Promise.all(Array.from({ length: count }, (_, i) => launch(`w${i}`, gate)));
  await oracle.form(AbortSignal.timeout(30_000));
  return {
    oracle,
    processes,
    committed: (step) =>
      new Promise((resolve) => {
        if (highest >= step) resolve();
        else waiting.push({ step, resolve });
      }),
    joined: (id) =>
      new Promise((resolve) => {
        if (oracle.view?.members.some((member) => member.id === id && member.joined)) resolve();
        else awaited.push({ id, resolve });
      }),
    computed: (id) =>
      new Promise((resolve) => {
        if (busy.has(id)) resolve();
        else expected.push({ id, resolve });
      }),
    openGate: () => writeFile(gateFile, ''),
    async add(id) {
      const process = await launch(id, {});
      processes.push(process);
      return process;
    },
    close: async () => {
      await oracle.close();
      for (const { child } of processes) child.kill('SIGKILL');
      await Promise.all(processes.map(({ result }) => result));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function start(orders: ToyOrders): Promise<{ process: ToyProcess; address: string }> {
  const main = join(dirname(fileURLToPath(import.meta.url)), '../integration/exchange/main.js');
  const child = spawn(process.execPath, ['--enable-source-maps', main, JSON.stringify(orders)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! });
  const said: Record<string, unknown>[] = [];
  lines.on('line', (line) => said.push(JSON.parse(line) as Record<string, unknown>));
  await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  const address = said[0]?.address;
  if (typeof address !== 'string') throw new Error(`the worker ${orders.id} did not start`);
  const result = once(child, 'close').then(() => said[1] as ToyResult | undefined);
  return { process: { id: orders.id, child, result }, address };
}
