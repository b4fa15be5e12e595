import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail } from '../../api/errors.js';
import { dropoutInput } from '../adapter/method.js';
import { buildTrainingGraph } from '../model/graph/training.js';
import type { MicroBatchShape } from './engine.js';
import type { Graph, Weight } from './ir/graph.js';
import { ops } from './ops/index.js';
import { bytesOf, peakLiveBytes } from './passes/liveness.js';
import type { NeutralStage } from './passes/stages.js';
import { trainingGraph } from './program.js';
import { trainingStages } from './strategy/layered.js';
import type { EngineSetup, StrategyName } from './strategy/strategy.js';

/** What a process needs to train, in bytes. */
export interface MemoryNeed {
  /** Base weights: mapped once per machine however many engines and workers read them. */
  readonly sharedBytes: number;
  /** Each engine's own. */
  readonly engineBytes: number;
  /** Node, code, optimizer state (master, m, v) and one reduced gradient. */
  readonly processBytes: number;
  /** All of it for that many engines. */
  readonly totalBytes: number;
}

const mebibyte = 2 ** 20;
/**
 * Measured (SmolLM2-135M, 256 to 1,024 tokens): the arena of a whole model's session holds 1.2 times what is alive; the
 * small arenas of single layers, which grow by doubling, 2.2 times.
 */
const arenaFactor: Readonly<Record<StrategyName, number>> = { whole: 1.2, layered: 2.2 };
/** Measured: an engine's thread with its libraries, and a session's nodes with their kernels. */
const threadBytes = 32 * mebibyte;
const nodeBytes = 6_000;
/** Measured: Node with all of Espalier loaded. */
const bareProcessBytes = 110 * mebibyte;

/** The need of `engines` engines that train micro-batches of these shapes. Each shape keeps its sessions and their arenas. */
export function memoryNeed(setup: EngineSetup, shapes: readonly MicroBatchShape[], engines: number): MemoryNeed {
  const vectorBytes = setup.layout.length * 4;
  const needs = shapes.map((shape) => needOf[setup.strategy](setup, shape));
  const sharedBytes = Math.max(...needs.map(({ mappedBytes }) => mappedBytes));
  // The adapter's copy and the result.
  const engineBytes = threadBytes + needs.reduce((sum, { ownBytes }) => sum + ownBytes, 0) + 2 * vectorBytes;
  const processBytes = bareProcessBytes + 5 * vectorBytes;
  return { sharedBytes, engineBytes, processBytes, totalBytes: sharedBytes + processBytes + engines * engineBytes };
}

interface ShapeNeed {
  readonly ownBytes: number;
  /** Weights that sessions map; what `layered` reads into its buffer passes through the page cache only. */
  readonly mappedBytes: number;
}

const needOf: Readonly<Record<StrategyName, (setup: EngineSetup, shape: MicroBatchShape) => ShapeNeed>> = {
  whole(setup, shape) {
    const { graph, loss, wanted } = buildTrainingGraph({ ...setup, ...setup.base, shape });
    const training = trainingGraph(graph, loss, wanted);
    return {
      ownBytes: sessionBytes('whole', training, setup.headChunk) + dropoutBytes(graph),
      mappedBytes: weightBytes(training.weights),
    };
  },
  layered(setup, shape) {
    const { spec } = setup.base;
    const lossGraph = buildTrainingGraph({ ...setup, ...setup.base, shape });
    const { forward, backward } = trainingStages(lossGraph);
    const all = [...forward, ...backward];
    const distinct = [...new Map(all.map((stage) => [stage.key, stage])).values()];
    const isShared = ({ key }: NeutralStage) => all.filter((stage) => stage.key === key).length > 1;
    const fed = Math.max(0, ...distinct.filter(isShared).map(({ weights }) => weightBytes(weights)));
    const mapped = new Set(
      distinct.filter((stage) => !isShared(stage)).flatMap(({ weights }) => weights.map(({ name }) => name)),
    );
    const states = (spec.layers + 2) * shape.rows * shape.tokens * spec.hiddenSize * 4;
    const sessions = distinct.reduce((sum, { graph }) => sum + sessionBytes('layered', graph, setup.headChunk), 0);
    return {
      ownBytes: sessions + states + fed + dropoutBytes(lossGraph.graph),
      mappedBytes: [...mapped].reduce((sum, name) => sum + setup.base.tensors.get(name)!.bytes, 0),
    };
  },
};

/** Masks are drawn for the whole leaf before it runs. */
const dropoutBytes = ({ inputs }: Graph): number =>
  inputs.filter(({ name }) => name.startsWith(dropoutInput(''))).reduce((sum, { value }) => sum + bytesOf(value, 0), 0);

const weightBytes = (weights: readonly Weight[]): number =>
  weights.reduce((sum, { location }) => sum + location.bytes, 0);

const sessionBytes = (strategy: StrategyName, graph: Graph, headChunk: number): number =>
  Math.ceil(arenaFactor[strategy] * peakLiveBytes(graph, ops, headChunk)) + nodeBytes * graph.nodes.length;

/** The text of a file, or undefined when there is none. */
export type ReadText = (path: string) => string | undefined;

/**
 * Bytes this process may still take: what the kernel calls available, and no more than any control group above us leaves
 * (v2 `memory.max`, v1 `memory.limit_in_bytes`; file cache that can be dropped does not count as used).
 */
export function availableMemory(read: ReadText = readText): number {
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(read('/proc/meminfo') ?? '');
  const machine = available ? Number(available[1]) * 1024 : Number.POSITIVE_INFINITY;
  return Math.min(machine, ...groupFolders(read('/proc/self/cgroup') ?? '').map((folder) => leftIn(folder, read)));
}

/** Our control group's folder and those above it, for v2 and v1. In a container the root is the container's own group. */
function groupFolders(cgroup: string): string[] {
  const folders = ['/sys/fs/cgroup', '/sys/fs/cgroup/memory'];
  for (const line of cgroup.split('\n')) {
    const [, controllers, path] = line.split(':');
    if (path === undefined || (controllers !== '' && !controllers!.split(',').includes('memory'))) continue;
    const root = controllers === '' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory';
    for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) folders.push(join(root, at));
  }
  return folders;
}

function leftIn(folder: string, read: ReadText): number {
  for (const [limitFile, usageFile, droppable] of groupFiles) {
    const limit = Number(read(join(folder, limitFile))?.trim());
    // No file, `max`, or v1's way to say unlimited (the largest multiple of a page).
    if (!(limit < 2 ** 60)) continue;
    const usage = Number(read(join(folder, usageFile))?.trim() ?? 0);
    const cached = new RegExp(`^${droppable} (\\d+)`, 'm').exec(read(join(folder, 'memory.stat')) ?? '');
    return limit - usage + Number(cached?.[1] ?? 0);
  }
  return Number.POSITIVE_INFINITY;
}

const groupFiles = [
  ['memory.max', 'memory.current', 'inactive_file'],
  ['memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'],
] as const;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The fastest strategy that fits, or MemoryInsufficient naming the setting that helps. */
export function chooseStrategy(
  setup: Omit<EngineSetup, 'strategy'>,
  shapes: readonly MicroBatchShape[],
  { engines, availableBytes }: { engines: number; availableBytes: number },
): { readonly strategy: StrategyName; readonly need: MemoryNeed } {
  const needs = (['whole', 'layered'] as const).map((strategy) => ({
    strategy,
    need: memoryNeed({ ...setup, strategy }, shapes, engines),
  }));
  const fitting = needs.find(({ need }) => need.totalBytes <= availableBytes);
  if (fitting) return fitting;
  const smallest = needs.at(-1)!.need;
  const rows = Math.max(...shapes.map((shape) => shape.rows));
  const setting = rows > 1 ? 'spec.training.batch.microBatch' : 'spec.data.maxTokens';
  return fail('MemoryInsufficient', { needBytes: smallest.totalBytes, availableBytes, setting });
}
