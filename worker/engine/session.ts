import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import { fail } from '../../api/errors.js';
import type { DType } from './ir/graph.js';
import type { Provider } from './ops/define.js';

/** One tensor for a run; `data` is used in place. */
export interface Feed {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array;
}

export interface Session {
  /**
   * Runs the model. `results` names the outputs to compute; each array is written in place and its shape is given.
   * The calling thread is blocked meanwhile, although a promise is returned.
   */
  run(feeds: Readonly<Record<string, Feed>>, results: Readonly<Record<string, Feed>>): Promise<void>;
  /** Ends profiling if it was on, and frees the session. */
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly provider: Provider;
  /** Folder of the external weight files. */
  readonly directory?: string;
  /** Writes a trace of all kernels to files that start with this. */
  readonly profile?: string;
}

/** Devices whose kernels are part of this installation. */
export const bundledProviders = (): readonly Provider[] =>
  listSupportedBackends()
    .map(({ name }) => name)
    .filter((name): name is Provider => name === 'cpu' || name === 'webgpu' || name === 'cuda');

export async function createSession(model: Uint8Array, options: SessionOptions): Promise<Session> {
  const { provider } = options;
  const bundled = bundledProviders();
  if (!bundled.includes(provider))
    fail('ProviderMissing', { device: provider, bundled, reason: 'its kernels are not installed' });
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(model, ortOptions(options));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (provider !== 'cpu' && deviceFailures.test(reason))
      return fail(
        'ProviderMissing',
        { device: provider, bundled: bundled.filter((name) => name !== provider), reason },
        { cause },
      );
    return fail('SessionFailed', { what: 'open a model', reason }, { cause });
  }
  return {
    async run(feeds, results) {
      try {
        await session.run(tensors(feeds), tensors(results));
      } catch (cause) {
        fail(
          'SessionFailed',
          { what: 'run a model', reason: cause instanceof Error ? cause.message : String(cause) },
          { cause },
        );
      }
    },
    async close() {
      if (options.profile !== undefined) session.endProfiling();
      await session.release();
    },
  };
}

/** How ONNX Runtime words a device that is not there. */
const deviceFailures = /adapter|cuda|provider/i;

/**
 * One thread, sequential, so that more cores mean more engines and a thread count never chooses other kernels. Memory
 * patterns reserve 1 GB more for nothing; prepacking copies every weight out of the shared mapping; optimisation would merge
 * what the backward pass computes again on purpose.
 */
function ortOptions({ provider, directory, profile }: SessionOptions): InferenceSession.SessionOptions {
  return {
    executionProviders: [providerOptions[provider]],
    graphOptimizationLevel: 'disabled',
    executionMode: 'sequential',
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    enableMemPattern: false,
    // Errors reach us as exceptions; ONNX Runtime need not print them too.
    logSeverityLevel: 4,
    ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
    extra: {
      session: {
        disable_prepacking: '1',
        intra_op: { allow_spinning: '0' },
        inter_op: { allow_spinning: '0' },
        // Kernels that may choose an order of additions by timing are told not to.
        use_deterministic_compute: '1',
        ...(directory === undefined ? {} : { model_external_initializers_file_folder_path: directory }),
      },
    },
  };
}

/** The one place that knows what each execution provider must be told. */
const providerOptions: Readonly<Record<Provider, InferenceSession.ExecutionProviderConfig>> = {
  cpu: { name: 'cpu' },
  webgpu: { name: 'webgpu' },
  // Strict float32: no TF32, no algorithm chosen by measurement.
  cuda: {
    name: 'cuda',
    use_tf32: '0',
    cudnn_conv_algo_search: 'DEFAULT',
    do_copy_in_default_stream: '1',
  } as InferenceSession.ExecutionProviderConfig,
};

function tensors(feeds: Readonly<Record<string, Feed>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, data, shape }]) => [name, new Tensor(dtype, data, shape as number[])]),
  );
}
