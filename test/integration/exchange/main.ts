import { existsSync } from 'node:fs';
import { systemClock } from '../../../common/clock.js';
import { createLogger } from '../../../common/log.js';
import { grpcTransport } from '../../../proto/grpc.js';
import { service } from '../../../proto/transport.js';
import { createEventLog } from '../../../worker/eventLog.js';
import { createExchange } from '../../../worker/exchange/driver.js';
import type { StepReport } from '../../../worker/exchange/trainee.js';
import { workerService } from '../../../worker/service.js';
import { createViewBox } from '../../../worker/views.js';
import { ToyTrainee, toyRecipe } from '../../support/toyTrainee.js';

/** One worker process that trains a toy over gRPC. Its orders come as JSON; what it says is one JSON object a line. */
export interface ToyOrders {
  readonly id: string;
  readonly address: string;
  readonly token: string;
  readonly recipe: Parameters<typeof toyRecipe>[0];
  readonly leafMs: number;
  /** Instead of pseudo-gradients: nearly free vectors, to measure the exchange alone. */
  readonly cheap?: boolean;
  /** Leaves of this step and later ones wait until the file is there. */
  readonly gate?: { readonly step: number; readonly file: string };
  readonly logLevel?: 'debug' | 'warn';
}

const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
const orders = JSON.parse(process.argv[2] ?? '{}') as ToyOrders;
const clock = systemClock;
const log = createLogger((line) => process.stderr.write(line), {
  level: orders.logLevel ?? 'warn',
  fields: { worker: orders.id },
});
const recipe = toyRecipe(orders.recipe);
const beforeLeaf = async (step: number, _: number, signal: AbortSignal): Promise<void> => {
  const { gate, leafMs } = orders;
  while (gate !== undefined && step >= gate.step && !existsSync(gate.file)) await clock.sleep(20, signal);
  await clock.sleep(leafMs, signal);
};
const trainee = new ToyTrainee(recipe, { beforeLeaf });
if (orders.cheap) makeCheap(trainee, recipe.vectorLength);
const transport = grpcTransport();
const events = createEventLog(clock);
const views = createViewBox(events);
const leave = new AbortController();
const stop = (reason: string) => leave.abort(new DOMException(reason, 'AbortError'));
const exchange = createExchange({
  self: orders.id,
  recipe,
  trainee,
  others: { views, transport, token: orders.token },
  clock,
  log,
});
const server = await transport.listen([exchange.service, service('Worker', workerService({ events, views, stop }))], {
  address: orders.address,
  token: orders.token,
  log,
});
say({ address: server.address });

process.once('SIGTERM', () => stop('SIGTERM'));
const reports: StepReport[] = [];
for await (const report of exchange.run({ untilStep: recipe.steps, signal: leave.signal })) {
  reports.push(report);
  const { step, leavesComputedHere, stepMs, computeMs, waitMs, bytesSent, bytesReceived, members } = report;
  events.append({
    step: {
      step,
      steps: recipe.steps,
      leavesComputed: leavesComputedHere,
      stepMs,
      computeMs,
      waitMs,
      bytesSent,
      bytesReceived,
      members,
    },
  });
}
const { user, system } = process.cpuUsage();
say({ sha256: trainee.sha256, nextStep: trainee.nextStep, reports, cpuMs: (user + system) / 1000 });
await events.close(AbortSignal.timeout(2000));
await exchange.close();
await server.close();
process.exit(0);

function makeCheap(toy: ToyTrainee, length: number): void {
  const pattern = Float32Array.from({ length }, (_, i) => Math.fround((i % 1000) / 1000));
  toy.computeLeaf = async (_, __, signal2) => {
    await clock.sleep(orders.leafMs, signal2);
    return pattern.slice();
  };
  toy.apply = async (step, reduced) => {
    toy.weights = reduced;
    toy.nextStep = step + 1;
  };
}
