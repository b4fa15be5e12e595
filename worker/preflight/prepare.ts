import { EspalierError, fail } from '../../api/errors.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { OpenSource } from '../data/dataset.js';
import { generalSequences, readGeneralText } from '../data/generalText.js';
import { loadDataset } from '../data/loadDataset.js';
import type { DataReport } from '../data/report.js';
import { createOpener } from '../data/source.js';
import { openTokenizer } from '../data/tokenizer/openTokenizer.js';
import type { Tokenizer } from '../data/tokenizer.js';
import type { Base } from '../model/base.js';
import { resolveBase } from '../model/resolve.js';
import { hubSettings } from '../model/sources/hubSettings.js';
import { type CompiledRecipe, compileRecipe } from '../recipe/compile.js';
import { inspectRecipe } from '../recipe/inspect.js';
import type { JobRecord } from '../recipe/prepared.js';
import { type Destination, openDestination } from './destination.js';
import { createPlaces, type Places, type SecretOf } from './places.js';

export interface PrepareDeps {
  /** Where relative paths of the job start. */
  readonly workingFolder: string;
  readonly cacheDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secretOf: SecretOf;
  /** Used instead of every connection's endpoint. */
  readonly endpoint?: string | undefined;
  /** Tried instead of the job's base, in order. */
  readonly bases?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onPhase: (phase: PreparePhase) => void;
}

export type PreparePhase =
  | { readonly phase: 'destination'; readonly destination?: Destination }
  | { readonly phase: 'base'; readonly base?: Base }
  | { readonly phase: 'data'; readonly report?: DataReport }
  | { readonly phase: 'recipe'; readonly compiled?: CompiledRecipe };

export interface Prepared {
  readonly base: Base;
  readonly tokenizer: Tokenizer;
  readonly destination: Destination;
  readonly compiled: CompiledRecipe;
  readonly record: JobRecord;
  /** Coded findings that do not stop the job. */
  readonly warnings: readonly EspalierError[];
}

/**
 * Everything between a valid manifest and step 0, with no worker running: destination, base, data, recipe. Whatever is wrong with a job
 * is found here, before anything expensive is held (design 3.1). Each phase is told twice: when it starts, and with its
 * outcome.
 */
export async function prepareJob(job: FineTuneJob, deps: PrepareDeps): Promise<Prepared> {
  const { spec } = job;
  const { onPhase, signal, clock, workingFolder, secretOf, endpoint } = deps;
  const places = createPlaces({ connections: spec.connections, secretOf, endpoint, workingFolder, clock });

  onPhase({ phase: 'destination' });
  const destination = await openDestination(job, places, deps);
  onPhase({ phase: 'destination', destination });

  onPhase({ phase: 'base' });
  const base = await openBase(job, places, deps);
  onPhase({ phase: 'base', base });

  onPhase({ phase: 'data' });
  const tokenizer = await openTokenizer(base.directory);
  const dataset = await loadDataset(dataOptions(job), { tokenizer, open: sourceOpener(job, places, deps), signal });
  onPhase({ phase: 'data', report: dataset.report });

  onPhase({ phase: 'recipe' });
  const general = generalSequences(tokenizer, await readGeneralText(), ...generalShape(spec.data.maxTokens));
  const compiled = compileRecipe({ job: spec, base, dataset, general });
  onPhase({ phase: 'recipe', compiled });

  const { tensors: _, spec: __, directory: ___, ...identity } = base;
  const record: JobRecord = { recipeHash: compiled.hash, job, base: identity, data: dataset.report };
  return {
    base,
    tokenizer,
    destination,
    compiled,
    record,
    warnings: inspectRecipe(compiled.recipe, { workers: spec.workers.replicas }),
  };
}

const openBase = ({ spec }: FineTuneJob, places: Places, deps: PrepareDeps): Promise<Base> => {
  const { connection } = spec.base;
  const hub = hubSettings(deps.env);
  const secret = secretNamed(spec, connection, deps.secretOf);
  return resolveBase(
    { sources: deps.bases ?? [spec.base.source], revision: spec.base.revision },
    {
      cacheDirectory: deps.cacheDirectory,
      hub: secret?.HF_TOKEN ? { ...hub, token: secret.HF_TOKEN } : hub,
      openStore: (url) => places.store(url, connection),
      python: 'python3',
      workingFolder: deps.workingFolder,
      clock: deps.clock,
      log: deps.log,
      signal: deps.signal,
    },
  );
};

function secretNamed(spec: FineTuneJob['spec'], connection: string | undefined, secretOf: SecretOf) {
  const reference = spec.connections.find(({ name }) => name === connection)?.secretRef;
  return reference && secretOf(reference.name);
}

const dataOptions = ({ spec: { data, training } }: FineTuneJob) => ({
  train: data.train.map(({ source }) => source),
  evaluation: evaluationOf(data.eval),
  format: data.format,
  maxTokens: data.maxTokens,
  packing: data.packing,
  supervise: data.supervise,
  truncation: data.truncation,
  seed: training.seed,
  templateDate: data.templateDate,
  samples: 0,
});

function evaluationOf(data: FineTuneJob['spec']['data']['eval']) {
  if (data?.source !== undefined) return { sources: [data.source] };
  return data?.fraction === undefined ? null : { fraction: data.fraction };
}

/** Opens a source with the connection that the job names for it. */
function sourceOpener({ spec: { data } }: FineTuneJob, places: Places, { workingFolder }: PrepareDeps): OpenSource {
  const named = [...data.train, ...(data.eval ? [data.eval] : [])];
  const s3: OpenSource = async (source, signal) => {
    const connection = named.find((candidate) => candidate.source === source)?.connection;
    try {
      return await places.object(source, connection, signal);
    } catch (error) {
      // A key that is not there is the manifest's fault, as a missing file is.
      if (EspalierError.is(error, 'ObjectMissing')) fail('DataMissing', { source }, { cause: error });
      throw error;
    }
  };
  return createOpener(workingFolder, { s3 });
}

/** About a thousand tokens: enough for a stable mean, a few seconds of forward passes on a small base. */
const generalTokens = 1024;
const generalShape = (maxTokens: number): [number, number] => {
  const length = Math.min(maxTokens, generalTokens);
  return [length, Math.ceil(generalTokens / length)];
};
