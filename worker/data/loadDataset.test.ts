import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ErrorName, EspalierError } from '../../api/errors.js';
import { openGoldenTokenizer, readGolden } from '../../test/support/goldenTokenizer.js';
import type { DataOptions, Dataset } from './dataset.js';
import { describeReport } from './describeReport.js';
import { loadDataset } from './loadDataset.js';
import type { Sequence } from './sequence.js';
import { createOpener } from './source.js';
import type { ChatMessage } from './template.js';
import type { Tokenizer } from './tokenizer.js';

const smollm2 = await openGoldenTokenizer('smollm2');
const signal = new AbortController().signal;

const defaults: DataOptions = {
  train: ['mem://train'],
  evaluation: null,
  format: 'auto',
  maxTokens: 128,
  packing: false,
  supervise: 'assistant',
  truncation: 'end',
  seed: 0,
  templateDate: '2026-01-01',
  samples: 0,
};

type Files = Readonly<Record<string, string | Uint8Array>>;

/** Loads files that lie behind the injected opener, as S3 objects do, in chunks of 7 bytes. */
function load(files: Files, options: Partial<DataOptions> = {}, tokenizer: Tokenizer = smollm2): Promise<Dataset> {
  const open = createOpener('/nowhere', {
    mem: async (source) => {
      const bytes = Buffer.from(files[source.slice('mem://'.length)]!);
      return (async function* () {
        const size = bytes.length > 10_000 ? 65_536 : 7;
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      })();
    },
  });
  return loadDataset({ ...defaults, ...options }, { tokenizer, open, signal });
}

const jsonl = (...rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const turns = (user: string, assistant: string, more = {}): { messages: ChatMessage[] } => ({
  messages: [
    { role: 'user', content: user },
    { role: 'assistant', content: assistant, ...more },
  ],
});

const learned = (sequence: Sequence, tokenizer = smollm2): string =>
  tokenizer.decode(sequence.labels.filter((label) => label >= 0));

const rejectsWith = (promise: Promise<unknown>, name: ErrorName): Promise<void> =>
  assert.rejects(promise, (error) => EspalierError.is(error, name) || Promise.reject(error));

describe('what is learned', () => {
  it("equals transformers' assistant mask, token by token", async () => {
    interface Masks {
      families: { name: string; template: string }[];
      masks: { title: string; messages: ChatMessage[]; ids: number[]; mask: number[] }[];
    }
    const { families, masks } = await readGolden<Masks>('data-templates.json.gz');
    const chatml = await openGoldenTokenizer('smollm2', families.find(({ name }) => name === 'chatml')!.template);
    for (const { title, messages, ids, mask } of masks) {
      const { train } = await load({ train: jsonl({ messages }) }, { maxTokens: 256 }, chatml);
      assert.deepEqual(Array.from(train[0]!.ids), ids, title);
      const expected = ids.map((_, at) => (mask[at + 1] === 1 ? ids[at + 1] : -1));
      assert.deepEqual(Array.from(train[0]!.labels), expected, title);
    }
  });

  it('is each reply with its end of turn, the last reply only, or everything', async () => {
    const messages = [...turns('a?', 'One.').messages, ...turns('b?', 'Two.').messages];
    const files = { train: jsonl({ messages }) };
    const by = async (supervise: DataOptions['supervise']) => learned((await load(files, { supervise })).train[0]!);
    assert.equal(await by('assistant'), 'One.<|im_end|>Two.<|im_end|>');
    assert.equal(await by('completion'), 'Two.<|im_end|>');
    assert.match(await by('all'), /^system\nYou are .*assistant\nOne.*Two\.<\|im_end\|>\n$/s);
  });

  it('leaves out messages with weight 0 or train false', async () => {
    const messages = [
      ...turns('a?', 'One.', { weight: 0 }).messages,
      ...turns('b?', 'Two.', { train: false }).messages,
      ...turns('c?', 'Three.', { weight: 1 }).messages,
    ];
    assert.equal(learned((await load({ train: jsonl({ messages }) })).train[0]!), 'Three.<|im_end|>');
  });

  it('is the completion of strings and of messages, and the output of an instruction', async () => {
    const plain = await load({ train: jsonl({ prompt: 'Q: name?\nA:', completion: ' Quillgate' }) });
    assert.equal(learned(plain.train[0]!), ' Quillgate<|im_end|>');
    const [user, assistant] = turns('name?', 'Quillgate').messages;
    const prompt = [...turns('hi', 'hello').messages, user];
    const chat = await load({ train: jsonl({ prompt, completion: [assistant] }) });
    assert.equal(learned(chat.train[0]!), 'Quillgate<|im_end|>');
    const row = { instruction: 'Translate.', input: 'Hund', output: 'dog' };
    const alpaca = await load({ train: jsonl(row) });
    assert.equal(learned(alpaca.train[0]!), 'dog<|im_end|>');
    assert.match(smollm2.decode(alpaca.train[0]!.ids), /user\nTranslate\.\n\nHund<\|im_end\|>/);
  });

  it('counts the tokens that hold characters of prompt and reply, and learns them', async () => {
    const mistral = await openGoldenTokenizer('mistral');
    const { train, report } = await load({ train: jsonl({ prompt: 'I saw the wha', completion: 'le' }) }, {}, mistral);
    assert.equal(report.mergedBoundaries, 1);
    assert.match(learned(train[0]!, mistral), /whale|ale|hale/);
  });

  it('is every token of a text exactly once, however long', async () => {
    const text = 'It was the best of times, it was the worst of times. '.repeat(20).trim();
    const { train, report } = await load({ train: jsonl({ text }) }, { maxTokens: 32 });
    const ids = [...smollm2.encode(text), smollm2.eosId!];
    assert.ok(train.length > 3 && train.every((sequence) => sequence.ids.length <= 32));
    const labels = train.flatMap((sequence) => Array.from(sequence.labels).filter((label) => label >= 0));
    assert.deepEqual(labels, ids.slice(1));
    assert.deepEqual([report.train.rows, report.train.documents], [1, train.length]);
  });
});

describe('rows longer than maxTokens', () => {
  const long = turns('word '.repeat(60), 'End.');
  const reply = turns('Say it.', 'word '.repeat(60));
  it('lose their end or their start, and the report says how many', async () => {
    const end = await load({ train: jsonl(reply, turns('a', 'b')) }, { maxTokens: 64 });
    assert.deepEqual([end.train[0]!.ids.length, end.report.truncation.rows, end.report.truncation.share], [64, 1, 0.5]);
    const start = await load({ train: jsonl(long) }, { maxTokens: 64, truncation: 'start' });
    assert.equal(learned(start.train[0]!), 'End.<|im_end|>');
    assert.ok(start.report.truncation.tokensCut > 0);
  });

  it('are left out when nothing supervised is left, or when told to drop them', async () => {
    const { report } = await load({ train: jsonl(long, turns('a', 'b')) }, { maxTokens: 64 });
    assert.deepEqual(report.dropped, [
      { reason: 'nothing to supervise is left within maxTokens', rows: 1, examples: ['mem://train:1'] },
    ]);
    const dropped = await load({ train: jsonl(reply, turns('a', 'b')) }, { maxTokens: 64, truncation: 'drop' });
    assert.deepEqual(
      dropped.report.dropped.map(({ reason }) => reason),
      ['longer than maxTokens'],
    );
  });
});

describe('unusable rows', () => {
  it('are counted and named by file, line and reason, without their text', async () => {
    const lines = [
      'SECRET not json',
      '"SECRET"',
      JSON.stringify({ messages: [{ role: 'user', content: 'SECRET' }] }),
      JSON.stringify({ messages: [] }),
      JSON.stringify(turns('SECRET', 'x', { weight: 0.5 })),
      JSON.stringify({ messages: [{ role: 'wizard', content: 'SECRET' }] }),
      JSON.stringify({ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }),
      JSON.stringify({ ...turns('SECRET', 'x'), tools: [{ name: 'SECRET' }] }),
      '{"messages":[{"role":"user","content":"\\ud800"},{"role":"assistant","content":"x"}]}',
      JSON.stringify(turns('SECRET', 'x', { weight: 0 })),
      '',
      JSON.stringify(turns('SECRET', 'fine')),
    ];
    const { report, train } = await load({ train: lines.join('\n') }, { format: 'messages' });
    assert.equal(train.length, 1);
    assert.deepEqual(
      report.dropped.map(({ reason, examples }) => `${examples.join()} ${reason}`).sort(),
      [
        'mem://train:1 not valid JSON',
        'mem://train:2 not a JSON object',
        'mem://train:3 no assistant message',
        'mem://train:4 messages is not a list with entries',
        'mem://train:5 a weight is neither 0 nor 1',
        'mem://train:6 a role is none of system, developer, user, assistant, tool',
        'mem://train:7 a content is not text',
        'mem://train:8 tools: the chat template of the base has none',
        'mem://train:9 holds half of a surrogate pair',
        'mem://train:10 nothing to supervise',
      ].sort(),
    );
    assert.deepEqual([report.sources[0]!.rows, report.sources[0]!.used], [11, 1]);
    assert.doesNotMatch(JSON.stringify(report) + describeReport(report).join(), /SECRET/);
  });

  it('are refused by the template with its own words', async () => {
    const template =
      "{% for m in messages %}{{ raise_exception('no ' + m.role) if loop.first and m.role != 'user' else m.content }}{% endfor %}";
    const tokenizer = await openGoldenTokenizer('smollm2', template);
    const rows = jsonl(turns('q ', 'a'), { messages: [{ role: 'assistant', content: 'a' }] });
    const { report } = await load({ train: rows }, {}, tokenizer);
    assert.deepEqual(
      report.dropped.map(({ reason }) => reason),
      ['refused by the chat template: no assistant'],
    );
    assert.equal(report.unendedTurns, 1);
  });
});

describe('evaluation rows', () => {
  const rows = Array.from({ length: 200 }, (_, at) => turns(`Question ${at}?`, `Answer ${at}.`));
  it('held out by fraction do not depend on the order of rows, and equal rows stay together', async () => {
    const evaluation = { fraction: 0.1 };
    const texts = ({ evaluation: held }: Dataset) => held.map((sequence) => learned(sequence)).sort();
    const once = await load({ train: jsonl(...rows, rows[3]) }, { evaluation });
    const again = await load({ train: jsonl(...rows.toReversed(), rows[3]) }, { evaluation });
    assert.deepEqual(texts(once), texts(again));
    assert.ok(once.evaluation.length > 8 && once.evaluation.length < 35);
    assert.equal(once.report.contamination.rows.rows, 0);
    assert.equal(once.train.length + once.evaluation.length, 201);
    const other = await load({ train: jsonl(...rows) }, { evaluation, seed: 1 });
    assert.notDeepEqual(texts(once), texts(other));
    const few = await load({ train: jsonl(rows[0], rows[1]) }, { evaluation: { fraction: 0.001 } });
    assert.equal(few.evaluation.length, 1);
  });

  it('that are training rows, or share their prompt, are reported, and so are repeated rows', async () => {
    const train = jsonl(rows[0], rows[1], rows[1], rows[2]);
    const held = jsonl(rows[1], turns('Question 2?', 'Another answer.'), rows[9]);
    const { report } = await load({ train, held }, { evaluation: { sources: ['mem://held'] } });
    assert.deepEqual(report.contamination, {
      rows: { rows: 1, examples: ['mem://held:1'] },
      prompts: { rows: 1, examples: ['mem://held:2'] },
    });
    assert.deepEqual(report.duplicates.train, { rows: 1, examples: ['mem://train:3'] });
    assert.equal(describeReport(report).filter((line) => /repeated|also training|prompt of/.test(line)).length, 3);
  });
});

describe('files', () => {
  const row = turns('Größe?', '漢字 👍');
  it('may be gzipped, begin with a byte order mark and have CRLF line ends', async () => {
    const plain = await load({ train: jsonl(row, row) });
    const windows = `\ufeff${JSON.stringify(row)}\r\n\r\n${JSON.stringify(row)}\r\n`;
    for (const train of [windows, gzipSync(windows)]) {
      const read = await load({ train });
      assert.deepEqual(read.train, plain.train);
    }
  });

  it('that are not what they should be are refused with one coded error each', async () => {
    const packed = gzipSync(jsonl(...Array.from({ length: 500 }, (_, at) => turns(`q${at}`, `a${at * at}`))));
    await rejectsWith(load({ train: '' }), 'DataEmpty');
    await rejectsWith(load({ train: '\n \n' }), 'DataEmpty');
    await rejectsWith(
      load({ train: Buffer.concat([Buffer.from(jsonl(row)), Buffer.from([0x22, 0xff, 0x22])]) }),
      'DataNotUtf8',
    );
    await rejectsWith(load({ train: jsonl(turns('x'.repeat(10_000_000), 'y')) }), 'DataLineTooLong');
    await rejectsWith(load({ train: packed.subarray(0, packed.length - 9) }), 'DataCompressionBroken');
    const broken = Buffer.from(packed);
    broken[200]! ^= 0xff;
    await rejectsWith(load({ train: broken }), 'DataCompressionBroken');
    await rejectsWith(load({ 'train.gz': jsonl(row) }, { train: ['mem://train.gz'] }), 'DataCompressionBroken');
    await rejectsWith(load({ train: jsonl(row, { text: 'x' }) }), 'DataFormatsMixed');
    await rejectsWith(load({ train: jsonl({ conversations: [] }) }), 'DataFormatUnknown');
    await rejectsWith(load({ train: '{\n{\n' }), 'DataUnusable');
    await rejectsWith(load({ train: jsonl({ messages: [] }) }), 'DataUnusable');
    await rejectsWith(load({ train: jsonl(turns('a', 'b', { weight: 0 })) }), 'SupervisionEmpty');
    await rejectsWith(load({}, { train: ['missing.jsonl'] }), 'DataMissing');
    await rejectsWith(load({}, { train: ['ftp://host/x'] }), 'SourceUnsupported');
    await rejectsWith(load({ train: jsonl(row) }, {}, await openGoldenTokenizer('llama1')), 'ChatTemplateMissing');
  });

  it('are told apart by the SHA-256 of their stored bytes', async () => {
    const { report } = await load({ train: jsonl(row) });
    assert.match(report.sources[0]!.sha256, /^[0-9a-f]{64}$/);
    assert.equal(report.sources[0]!.sizeBytes, Buffer.byteLength(jsonl(row)));
  });
});

describe('the report', () => {
  it('quotes rows only when samples are asked for, and then marks what is learned', async () => {
    const { report } = await load({ train: jsonl(turns('Which client?', 'Quillgate.')) }, { samples: 1 });
    assert.match(
      report.samples[0]!,
      /Which client\?<\|im_end\|>\n<\|im_start\|>assistant\n\[\[Quillgate\.<\|im_end\|>\]\]\n$/,
    );
  });

  it('gives lengths by bucket and how full the sequences are', async () => {
    const rows = Array.from({ length: 8 }, () => turns('Which client?', 'Quillgate.'));
    const unpacked = await load({ train: jsonl(...rows) });
    const length = unpacked.train[0]!.ids.length;
    assert.deepEqual(unpacked.report.train.lengths, [
      { upTo: 64, documents: 8 },
      { upTo: 128, documents: 0 },
    ]);
    assert.equal(unpacked.report.train.packingEfficiency, length / 64);
    const packed = await load({ train: jsonl(...rows) }, { packing: true });
    assert.equal(packed.train.length, Math.ceil(8 / Math.floor(128 / length)));
    assert.equal(packed.report.train.supervisedTokens, unpacked.report.train.supervisedTokens);
  });
});
