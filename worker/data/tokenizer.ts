import type { ChatTemplate } from './template.js';

/** Text to token ids and back, as the base's tokenizer.json says; ids equal transformers'. */
export interface Tokenizer {
  /** Ids of `text`; special tokens written out in it are recognised. `specials` adds what the post-processor adds (bos). */
  encode(text: string, options?: { readonly specials?: boolean }): Int32Array;
  /** The same with each token's place in `text`, in UTF-16 code units; added specials have an empty place. */
  encodeWithOffsets(text: string, options?: { readonly specials?: boolean }): Encoding;
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecials?: boolean }): string;
  /** Undefined when the vocabulary has no such token. */
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** Ids of added tokens marked special. */
  readonly specialIds: ReadonlySet<number>;
  /** Ids of every added token, special or not. */
  readonly addedIds: ReadonlySet<number>;
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly padId: number | null;
  /** Highest id + 1. */
  readonly size: number;
  /** Undefined when the base has none; compiling an unsupported one throws `ChatTemplateUnsupported` on first use. */
  readonly chatTemplate: ChatTemplate | undefined;
}

export interface Encoding {
  readonly ids: Int32Array;
  readonly starts: Int32Array;
  /** Exclusive. */
  readonly ends: Int32Array;
}
