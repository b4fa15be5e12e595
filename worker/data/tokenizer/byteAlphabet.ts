/**
 * GPT-2's alphabet: every byte is a printable character; bytes that are not printable Latin-1 take the code points from
 * U+0100 on (tokenizers, byte_level.rs, bytes_char).
 */
const printable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

export const characterOfByte: readonly string[] = alphabet();
export const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
);

function alphabet(): readonly string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}
