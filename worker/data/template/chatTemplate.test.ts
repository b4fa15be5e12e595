import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { EspalierError } from '../../../api/errors.js';
import { packageRoot } from '../../../common/root.js';
import { isUnusable } from '../rows/row.js';
import { renderConversation } from '../rows/turns.js';
import type { ChatMessage, Rendered } from '../template.js';
import { compileTemplate, TemplateRefusal } from './chatTemplate.js';
import { formatDate } from './strftime.js';

interface Case {
  readonly title: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly unknown[];
  readonly prompt: boolean;
  readonly text?: string;
  readonly refused?: string;
  readonly marked?: { readonly text?: string; readonly generated?: readonly (readonly [number, number])[] };
}

interface Golden {
  readonly date: string;
  readonly unsupported: string;
  readonly families: readonly {
    readonly name: string;
    readonly template: string;
    readonly marked: string;
    readonly tokens: Readonly<Record<string, string>>;
    readonly specials: readonly string[];
    readonly cases: readonly Case[];
  }[];
}

const path = join(packageRoot(), 'test/golden/data-templates.json.gz');
const golden: Golden = JSON.parse(gunzipSync(await readFile(path)).toString('utf8'));

for (const { name, template, marked, tokens, specials, cases } of golden.families)
  describe(`the ${name} template`, () => {
    it('renders what transformers renders, and refuses what it refuses', () => {
      const compiled = compileTemplate(template, tokens);
      for (const { title, messages, tools, prompt, text, refused } of cases) {
        const render = () => compiled.render({ messages, tools, addGenerationPrompt: prompt, date: golden.date });
        if (refused === undefined) assert.equal(render().text, text, title);
        else
          assert.throws(render, (error) => error instanceof TemplateRefusal && refused.includes(error.message), title);
      }
    });

    it('reports the spans of generation marks as transformers does', () => {
      const compiled = compileTemplate(marked, tokens);
      for (const { title, messages, tools, marked: expected } of cases) {
        if (expected?.text === undefined) continue;
        const input = { messages, tools, addGenerationPrompt: false, date: golden.date };
        assert.deepEqual(compiled.render(input), expected satisfies Partial<Rendered>, title);
      }
    });

    it('has its turns found without marks where the marks are', () => {
      const compiled = compileTemplate(template, tokens);
      for (const { title, messages, tools, text, marked: expected } of cases) {
        if (expected?.generated === undefined) continue;
        const found = renderConversation(compiled, messages, tools, golden.date, specials);
        assert.equal(expected.text, text, title);
        assert.ok(!isUnusable(found), `${title}: ${JSON.stringify(found)}`);
        const texts = (text: string, spans: readonly (readonly [number, number])[]) =>
          spans.map(([start, stop]) => text.slice(start, stop).trim());
        const spans = found.turns.map(({ start, stop }) => [start, stop] as const);
        assert.deepEqual(texts(found.text, spans), texts(expected.text!, expected.generated), title);
        for (const [at, [start, stop]] of expected.generated.entries()) {
          // Equal but for white space that a plain template writes after its generation prompt.
          assert.ok(spans[at]![0] <= start && found.text.slice(spans[at]![0], start).trim() === '', title);
          assert.ok(spans[at]![1] === stop || found.text.slice(stop, spans[at]![1]).trim() === '', title);
        }
      }
    });
  });

describe('a chat template', () => {
  it('that the library cannot run is refused with its reason', () => {
    const message = { role: 'user', content: 'a long line of text' };
    const input = { messages: [message], addGenerationPrompt: false, date: '2026-01-01' };
    assert.throws(
      () => compileTemplate(golden.unsupported, {}).render(input),
      (error) => EspalierError.is(error, 'ChatTemplateUnsupported'),
    );
    assert.throws(
      () => compileTemplate('{% for %}', {}).render(input),
      (error) => EspalierError.is(error, 'ChatTemplateUnsupported'),
    );
  });

  it("gets its date from the job and formats it as Python's C locale does", () => {
    assert.equal(
      formatDate('2026-03-05', '%d %b %Y, %A %-d %B %y %j %H:%M %%'),
      '05 Mar 2026, Thursday 5 March 26 064 00:00 %',
    );
    assert.throws(() => formatDate('2026-03-05', '%U'), /%U/);
  });
});
