import { join } from 'node:path';
import { loadSync, type MethodDefinition, type Options, type PackageDefinition } from '@grpc/proto-loader';
import { packageRoot } from '../common/root.js';
import type { ServiceName } from './services.js';

const errorDetails = 'google/rpc/error_details.proto';
const files = ['exchange', 'worker', 'query', 'identity'];

/** How messages look in JavaScript; `proto/generate.mjs` makes the types with the same choices. */
export const loadOptions: Options = { longs: Number, enums: String, defaults: true, oneofs: true };

export interface Protos {
  /** Every message and service by full name. */
  readonly definition: PackageDefinition;
  /** For reflection: fields named as in the .proto files; the messages of errors and of health besides. */
  reflectable(): PackageDefinition;
  method(service: ServiceName, method: string): MethodDefinition<object, object>;
  methods(service: ServiceName): readonly string[];
  encodeStatus(status: object): Buffer;
  decodeStatus(bytes: Uint8Array): RpcStatus;
  encodeErrorInfo(info: ErrorInfo): Buffer;
  decodeErrorInfo(bytes: Uint8Array): ErrorInfo;
}

export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly type_url: string; readonly value: Buffer }[];
}

export interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
}

type ErrorInfoOnWire = Omit<ErrorInfo, 'metadata'> & {
  readonly metadata: readonly { readonly key: string; readonly value: string }[];
};

/** Reads the .proto files of the package. Some milliseconds: once per transport. */
export function loadProtos(): Protos {
  const root = join(packageRoot(), 'proto');
  const names = files.map((file) => `espalier/v1/${file}.proto`);
  const definition = loadSync(names, { ...loadOptions, includeDirs: [root] });
  const service = (name: ServiceName) =>
    definition[`espalier.v1.${name}`] as unknown as Record<string, MethodDefinition<object, object>>;
  const rpc = loadSync(['google/rpc/status.proto', errorDetails], {
    ...loadOptions,
    keepCase: true,
    includeDirs: [root],
  });
  const codec = (name: string) =>
    rpc[name] as unknown as { serialize(value: object): Buffer; deserialize(bytes: Buffer): object };
  const [status, errorInfo] = [codec('google.rpc.Status'), codec('google.rpc.ErrorInfo')];
  return {
    definition,
    reflectable: () =>
      loadSync([...names, errorDetails, 'grpc/health/v1/health.proto'], {
        ...loadOptions,
        keepCase: true,
        includeDirs: [root],
      }),
    method: (name, method) => service(name)[upperFirst(method)]!,
    methods: (name) => Object.keys(service(name)),
    encodeStatus: (value) => status.serialize(value),
    decodeStatus: (bytes) => status.deserialize(Buffer.from(bytes)) as RpcStatus,
    encodeErrorInfo: ({ metadata, ...info }) =>
      errorInfo.serialize({ ...info, metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })) }),
    decodeErrorInfo: (bytes) => {
      const { metadata, ...info } = errorInfo.deserialize(Buffer.from(bytes)) as ErrorInfoOnWire;
      return { ...info, metadata: Object.fromEntries(metadata.map(({ key, value }) => [key, value])) };
    },
  };
}

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
