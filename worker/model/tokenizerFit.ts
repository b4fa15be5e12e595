import { fail } from '../../api/errors.js';
import { isObject } from './fields.js';

/**
 * Ids of a base's tokenizer must be covered by its embedding: one beyond it would read another tensor's memory. A folder
 * without tokenizer.json is refused by whoever opens the tokenizer.
 */
export function checkTokenizer(source: string, files: ReadonlyMap<string, Uint8Array>, vocabSize: number): void {
  const bytes = files.get('tokenizer.json');
  if (bytes === undefined) return;
  const tokens = highestId(source, bytes) + 1;
  if (tokens > vocabSize) fail('TokenizerMismatch', { tokens, vocabSize });
}

function highestId(source: string, bytes: Uint8Array): number {
  const invalid = (problem: string): never => fail('TokenizerInvalid', { file: `${source}/tokenizer.json`, problem });
  const json = parse(bytes) ?? invalid('it is not JSON');
  const { model, added_tokens: added = [] } = json;
  if (!isObject(model) || !isObject(model.vocab) || !Array.isArray(added)) return invalid('it has no vocabulary');
  const ids = [
    ...Object.values(model.vocab),
    ...added.map((token: unknown) => (isObject(token) ? token.id : undefined)),
  ];
  let highest = -1;
  for (const id of ids) {
    if (typeof id !== 'number') return invalid('a token has no id');
    if (id > highest) highest = id;
  }
  return highest;
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
