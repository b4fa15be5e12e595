import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../common/root.js';
import { decodeTokens } from '../../worker/recipe/tokens.js';
import { type TinyJob, tinyJob } from '../chaos/tinyJob.js';
import type { BenchEvent } from './events.js';
import type { ExchangeOptions } from './exchange.js';
import { runFleet } from './fleet.js';
import { Kills, type Recovered } from './kills.js';
import { load, median, rounded } from './machine.js';
import { peerOrders } from './workload.js';

/** Issue 5: after kill -9 of one worker of four, on steps of at most half a second. */
const target = { addedSeconds: 5, stepSeconds: 0.5 };
const workers = 4;
const leaves = 8;
/** Committed without a fault between two kills, everybody there. */
const calmSteps = 5;
const peerBatches = 16;

/**
 * One of four workers is killed, again and again; what that adds = (kill to next commit) - (median undisturbed step). Beside
 * it torchrun with PEFT and DDP on the same base, rows and machine, one thread a rank, a checkpoint after every step.
 */
export async function* benchRecovery({ places, folder, rounds }: ExchangeOptions): AsyncGenerator<BenchEvent> {
  const before = load();
  const kills = 2 * rounds;
  const job = await tinyJob(folder, { steps: 5000, leaves, tokens: 32 });
  const ours = await killOurs(job, join(folder, 'ours'), kills);
  yield rowOf('Espalier', ours);
  const theirs = await killTheirs(job, join(folder, 'theirs'), places.python, kills);
  yield rowOf('torchrun, PEFT + DDP', theirs);
  const [addedSecondsMedian, peerAddedSecondsMedian] = [addedOf(ours), addedOf(theirs)];
  const stepSecondsMedian = rounded(ours.stepMs / 1000);
  const met = addedSecondsMedian < target.addedSeconds && stepSecondsMedian <= target.stepSeconds;
  yield {
    event: 'result',
    fields: {
      ...{ addedSecondsMedian, peerAddedSecondsMedian, target, met, load: before, kills, stepSecondsMedian },
      peerStepSecondsMedian: rounded(theirs.stepMs / 1000),
      rows: ours.addedMs.map(secondsOf),
      peerRows: theirs.addedMs.map(secondsOf),
    },
    lines: [
      `kill -9 of 1 of ${workers}, median of ${kills}, load ${before.oneMinute.toFixed(1)}: ${addedSecondsMedian} s added to a step of ${stepSecondsMedian} s (target < ${target.addedSeconds} s, steps <= ${target.stepSeconds} s)`,
      `torchrun on the same job: ${peerAddedSecondsMedian} s added to a step of ${rounded(theirs.stepMs / 1000)} s`,
      met ? 'target met' : 'target missed',
    ],
  };
}

async function killOurs(job: TinyJob, folder: string, count: number): Promise<Recovered> {
  await mkdir(folder, { recursive: true });
  const kills = new Kills({ count, calmSteps });
  await runFleet({
    prepared: job.prepared,
    workers,
    folder,
    cacheFolder: job.cacheFolder,
    onStep: ({ step, members, atMs }, fleet) => {
      const due = kills.committed(step, atMs, members === workers);
      if (kills.done) fleet.stop();
      else if (due)
        void fleet.pids().then((pids) => {
          const victim = pids[kills.made % workers]!;
          kills.killed(performance.now());
          process.kill(victim, 'SIGKILL');
        });
    },
  });
  return kills.recovered();
}

async function killTheirs(job: TinyJob, folder: string, python: string, count: number): Promise<Recovered> {
  await mkdir(folder, { recursive: true });
  const { recipe, tokens } = job.prepared.compiled;
  const { batches, ...orders } = peerOrders(recipe, decodeTokens(tokens), peerBatches);
  await writeFile(join(folder, 'peer.json'), JSON.stringify({ ...orders, batches }));
  const kills = new Kills({ count, calmSteps });
  const pids = new Map<number, number>();
  const child = spawn(
    python,
    [
      ...['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', String(workers)],
      ...['--max-restarts', String(count + 5), '--monitor-interval', '0.1'],
      ...[join(packageRoot(), 'test/bench/peer/ddp.py'), folder, job.prepared.base.directory],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...{ HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false', OMP_NUM_THREADS: '1' },
        // A store of its own for each attempt: in a shared one, addresses of an earlier attempt make the ranks wait for ever.
        TORCH_DISABLE_SHARE_RDZV_TCP_STORE: '1',
      },
    },
  );
  let complaint = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const said = JSON.parse(line) as { rank?: number; pid?: number; step?: number };
    if (said.rank !== undefined) pids.set(said.rank, said.pid!);
    if (said.step === undefined) return;
    const due = kills.committed(said.step, performance.now(), true);
    if (kills.done) stop(child, pids);
    else if (due) {
      kills.killed(performance.now());
      process.kill(pids.get(kills.made % workers)!, 'SIGKILL');
    }
  });
  await ended;
  if (!kills.done) throw new Error(`torchrun ended: ${complaint}`);
  return kills.recovered();
}

/** torchrun ends its ranks on SIGTERM; nothing is left either way. */
function stop(child: ChildProcess, pids: ReadonlyMap<number, number>): void {
  child.kill('SIGTERM');
  for (const pid of pids.values())
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
}

const addedOf = ({ addedMs }: Recovered): number => secondsOf(median(addedMs));
const secondsOf = (ms: number): number => rounded(ms / 1000);

const rowOf = (name: string, recovered: Recovered): BenchEvent => ({
  event: 'row',
  fields: { name, stepSecondsMedian: secondsOf(recovered.stepMs), addedSeconds: recovered.addedMs.map(secondsOf) },
  lines: [
    `${name.padEnd(22)} step ${secondsOf(recovered.stepMs)} s, added by each kill: ${recovered.addedMs.map(secondsOf).join(' ')} s`,
  ],
});
