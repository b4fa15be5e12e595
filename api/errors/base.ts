import { entry, list } from './entry.js';

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
  }),
  GgufTypeUnsupported: entry<{ file: string; tensor: string; type: string; supported: readonly string[] }>({
    code: 'ESP-2004',
    retry: false,
    grpc: 'UNIMPLEMENTED',
    exit: 2,
    message: ({ file, tensor, type }) => `${file}: tensor ${tensor} is stored as ${type}, which Espalier does not read`,
    remedy: ({ supported }) => `use a file of type ${list(supported, 9)}, or the original safetensors`,
  }),
};

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
