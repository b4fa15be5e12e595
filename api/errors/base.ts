import { entry, list } from './entry.js';

type Rule = (stated: number | string, allowed: number | string) => string;

const safetensorsRules = {
  tooShort: (stated, allowed) => `the file has ${stated} bytes, the length prefix alone takes ${allowed}`,
  headerLength: (stated, allowed) => `the header claims ${stated} bytes, at most ${allowed} are possible`,
  headerJson: (stated, allowed) => `the header is not ${allowed}: ${stated}`,
  metadata: (stated, allowed) => `__metadata__ is ${stated}, expected ${allowed}`,
  entry: (stated, allowed) => `the entry has ${stated}, expected ${allowed}`,
  dtype: (stated, allowed) => `dtype ${stated}, expected ${allowed}`,
  shape: (stated, allowed) => `shape ${stated}, expected ${allowed}`,
  offsets: (stated, allowed) => `data_offsets ${stated}, expected ${allowed}`,
  bytes: (stated, allowed) => `its offsets span ${stated} bytes, dtype and shape need ${allowed}`,
  overlap: (stated, allowed) => `its data begin at ${stated}, inside the tensor that ends at ${allowed}`,
  gap: (stated, allowed) => `its data begin at ${stated}, the tensor before ends at ${allowed}`,
  beyondFile: (stated, allowed) => `its data end at byte ${stated}, the file at ${allowed}`,
  trailing: (stated, allowed) => `the file has ${stated} bytes, its tensors end at ${allowed}`,
} satisfies Record<string, Rule>;

const ggufRules = {
  magic: (stated, allowed) => `begins with ${stated}, not with ${allowed}`,
  version: (stated, allowed) => `version ${stated}, expected ${allowed}`,
  truncated: (stated, allowed) => `needs ${stated} bytes, the file has ${allowed}`,
  count: (stated, allowed) => `claims ${stated} items, the file has room for ${allowed}`,
  text: (stated, allowed) => `holds ${stated}, expected ${allowed}`,
  valueType: (stated, allowed) => `value type ${stated}, expected ${allowed}`,
  value: (stated, allowed) => `is ${stated}, expected ${allowed}`,
  missing: (stated, allowed) => `${stated} is missing, expected ${allowed}`,
  duplicate: (stated, allowed) => `appears ${stated} times, expected ${allowed}`,
  dimensions: (stated, allowed) => `dimensions ${stated}, expected ${allowed}`,
  offset: (stated, allowed) => `its data begin at ${stated}, the layout puts them at ${allowed}`,
  beyondFile: (stated, allowed) => `its data end at byte ${stated}, the file at ${allowed}`,
} satisfies Record<string, Rule>;

/** ESP-2nnn: the base: where it comes from, its files, its architecture. */
export const baseErrors = {
  BaseMissing: entry<{ source: string }>({
    code: 'ESP-2001',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ source }) => `no base at ${source}`,
    remedy: () => 'give a Hugging Face folder, a .gguf file, hf://owner/name or s3://bucket/prefix',
  }),
  SafetensorsInvalid: entry<{
    file: string;
    tensor: string | null;
    rule: keyof typeof safetensorsRules;
    stated: number | string;
    allowed: number | string;
  }>({
    code: 'ESP-2002',
    retry: false,
    grpc: 'DATA_LOSS',
    exit: 2,
    message: ({ file, tensor, rule, stated, allowed }) =>
      `${file}${tensor === null ? '' : `: tensor ${tensor}`}: ${safetensorsRules[rule](stated, allowed)}`,
    remedy: () => 'the file is damaged or was cut off: fetch it again',
    choices: () => ({ rule: Object.keys(safetensorsRules) as (keyof typeof safetensorsRules)[] }),
  }),
  GgufInvalid: entry<{
    file: string;
    /** Tensor or metadata key. */
    item: string | null;
    rule: keyof typeof ggufRules;
    stated: number | string;
    allowed: number | string;
  }>({
    code: 'ESP-2003',
    retry: false,
    grpc: 'DATA_LOSS',
    exit: 2,
    message: ({ file, item, rule, stated, allowed }) =>
      `${file}${item === null ? '' : `: ${item}`}: ${ggufRules[rule](stated, allowed)}`,
    remedy: () => 'the file is damaged or was cut off: fetch it again',
    choices: () => ({ rule: Object.keys(ggufRules) as (keyof typeof ggufRules)[] }),
  }),
  GgufTypeUnsupported: entry<{ file: string; tensor: string; type: string; supported: readonly string[] }>({
    code: 'ESP-2004',
    retry: false,
    grpc: 'UNIMPLEMENTED',
    exit: 2,
    message: ({ file, tensor, type }) => `${file}: tensor ${tensor} is stored as ${type}, which Espalier does not read`,
    remedy: ({ supported }) => `use a file of type ${list(supported, 9)}, or the original safetensors`,
  }),
  ArchitectureUnsupported: entry<{ architecture: string; supported: readonly string[] }>({
    code: 'ESP-2005',
    retry: false,
    grpc: 'UNIMPLEMENTED',
    exit: 2,
    message: ({ architecture }) => `the base is of architecture ${architecture}, which Espalier cannot train`,
    remedy: ({ supported }) => `use a base of one of ${list(supported, 9)}`,
  }),
  ModelFeatureUnsupported: entry<{ family: string; feature: string; value: string }>({
    code: 'ESP-2006',
    retry: false,
    grpc: 'UNIMPLEMENTED',
    exit: 2,
    message: ({ family, feature, value }) =>
      `the base (${family}) has ${feature} ${value}, which Espalier does not compute`,
    remedy: () => 'use a base without it; unquantised weights or GGUF files are read',
  }),
  ModelConfigInvalid: entry<{ field: string; found: string; expected: string }>({
    code: 'ESP-2007',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ field, found, expected }) => `the base's configuration has ${field} ${found}, expected ${expected}`,
    remedy: () => 'fetch the base again, or correct its config.json',
  }),
  TensorMismatch: entry<{ tensor: string; found: string; expected: string }>({
    code: 'ESP-2008',
    retry: false,
    grpc: 'DATA_LOSS',
    exit: 2,
    message: ({ tensor, found, expected }) =>
      `tensor ${tensor} of the base is ${found}, its configuration asks for ${expected}`,
    remedy: () => 'weights and configuration belong to different models, or a file of the base is missing',
  }),
  BaseUnavailable: entry<{ attempts: readonly { readonly source: string; readonly why: string }[] }>({
    code: 'ESP-2009',
    retry: true,
    grpc: 'UNAVAILABLE',
    exit: 3,
    message: ({ attempts }) =>
      `no source of the base is available:\n${attempts.map(({ source, why }) => `  ${source}: ${why}`).join('\n')}`,
    remedy: () => 'give a local base, or make one of the sources above reachable',
  }),
  HubUnreachable: entry<{ endpoint: string; why: string }>({
    code: 'ESP-2010',
    retry: true,
    grpc: 'UNAVAILABLE',
    exit: 3,
    message: ({ endpoint, why }) => `the hub at ${endpoint} cannot be reached: ${why}`,
    remedy: () => 'check the network, HTTPS_PROXY and HF_ENDPOINT, or give a local base',
  }),
  HubRepositoryUnknown: entry<{ repository: string }>({
    code: 'ESP-2011',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ repository }) => `the hub knows no ${repository}, or it is private and the token does not open it`,
    remedy: () => 'check the spelling; for a private repository set HF_TOKEN',
  }),
  HubRevisionUnknown: entry<{ repository: string; revision: string }>({
    code: 'ESP-2012',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ repository, revision }) => `${repository} has no revision ${revision}`,
    remedy: () => 'give a branch, tag or commit that exists',
  }),
  BaseGated: entry<{ repository: string }>({
    code: 'ESP-2013',
    retry: false,
    grpc: 'PERMISSION_DENIED',
    exit: 2,
    message: ({ repository }) => `${repository} is gated, and the token in use has no access to it`,
    remedy: ({ repository }) =>
      `accept its terms on the page of ${repository}, then set HF_TOKEN to a token of that account`,
  }),
  DownloadCorrupt: entry<{ file: string; expected: string; found: string }>({
    code: 'ESP-2014',
    retry: true,
    grpc: 'DATA_LOSS',
    exit: 3,
    message: ({ file, expected, found }) => `${file} came as ${found}, expected ${expected}`,
    remedy: () => 'try again; if it repeats, a proxy or mirror in between changes the bytes',
  }),
  WheelUnavailable: entry<{ wheel: string; why: string }>({
    code: 'ESP-2015',
    retry: true,
    grpc: 'UNAVAILABLE',
    exit: 3,
    message: ({ wheel, why }) => `the wheel ${wheel} cannot be had with pip: ${why}`,
    remedy: () => 'install Python with pip, check its index, or give a local base',
  }),
  CacheSpaceShort: entry<{ folder: string; needBytes: number; availableBytes: number }>({
    code: 'ESP-2016',
    retry: false,
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 3,
    message: ({ folder, needBytes, availableBytes }) =>
      `the float32 base takes ${(needBytes / 2 ** 30).toFixed(2)} GiB, ${folder} has ${(availableBytes / 2 ** 30).toFixed(2)} GiB free`,
    remedy: () => 'free space there (espalier cache ls, espalier cache rm) or choose another cache folder',
  }),
};
