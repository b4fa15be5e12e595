import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';

/** One row of the table of manifests: what somebody wrote, what the command line says, what a cluster says. */
export interface ManifestCase {
  readonly title: string;
  readonly input: readonly string[];
  /** The whole message of the command line, or `valid`. */
  readonly says: string;
  /** `LAYER: message` lines of a cluster: who refuses it, and how. */
  readonly cluster: string;
}

const file = join(packageRoot(), 'api/parse/testdata/manifests.txt');
/** Cases that build on another manifest than the first name its case so. */
const on = '* ';

const marked = (input: readonly string[], mark: string): string =>
  input
    .filter((line) => line.startsWith(mark))
    .map((line) => `${line.slice(mark.length)}\n`)
    .join('');

export class ManifestTable {
  readonly #head: string;
  readonly cases: readonly ManifestCase[];

  private constructor(head: string, cases: readonly ManifestCase[]) {
    this.#head = head;
    this.cases = cases;
  }

  static read(): ManifestTable {
    const [head = '', ...blocks] = readFileSync(file, 'utf8').split(/^= /m);
    return new ManifestTable(
      head,
      blocks.map((block) => {
        const [given = '', says = '', cluster = ''] = block.split(/^----\n/m);
        const [title = '', ...input] = given.trimEnd().split('\n');
        return { title, input, says: says.trimEnd(), cluster: cluster.trimEnd() };
      }),
    );
  }

  /** Puts down what was said anew; whoever commits it has read the difference. */
  write(change: (row: ManifestCase) => Partial<Pick<ManifestCase, 'says' | 'cluster'>>): void {
    const blocks = this.cases.map((row) => {
      const { title, input, says, cluster } = { ...row, ...change(row) };
      return `= ${[title, ...input, '----', says, ...(cluster === '' ? [] : ['----', cluster])].join('\n')}\n`;
    });
    writeFileSync(file, this.#head + blocks.join('\n'));
  }

  /** The manifest of a case: the file as its user has it, and the `--set` arguments beside it. */
  textOf({ input }: ManifestCase): { readonly text: string; readonly set: readonly string[] } {
    const set = input.flatMap((line) => (line.startsWith('--set ') ? [line.slice(6)] : []));
    if (input.length === 0 || input.some((line) => line.startsWith('| '))) return { text: marked(input, '| '), set };
    const base = marked(input, on).trimEnd();
    const manifest = base === '' ? this.cases[0]! : this.cases.find(({ title }) => title === base)!;
    assert.ok(manifest, `there is no manifest called "${base}"`);
    const before = marked(manifest.input, '| ');
    const removed = marked(input, '- ');
    assert.ok(before.includes(removed), 'the - lines are not lines of the manifest');
    return { text: removed ? before.replace(removed, () => marked(input, '+ ')) : before, set };
  }
}
