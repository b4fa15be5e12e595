import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { packageRoot } from '../../common/root.js';

/** One TypeScript file of the repository, for the contracts that read code. */
export interface SourceFile {
  /** From the package's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments blanked out, line breaks kept. */
  readonly code: string;
  readonly isTest: boolean;
}

const folders = ['common', 'api', 'elastic', 'proto', 'controller', 'worker', 'cli', 'test'];

export function sources(): readonly SourceFile[] {
  const root = packageRoot();
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => {
        const path = posix.join(folder, file.replaceAll('\\', '/'));
        const text = readFileSync(join(root, path), 'utf8');
        return {
          path,
          text,
          code: withoutComments(text),
          isTest: path.startsWith('test/') || path.endsWith('.test.ts'),
        };
      }),
  );
}

/** Blanks comments but not strings, templates or regular expressions that look like them. */
function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|(?<![:\\])\/\/[^\n]*/g;
  return text.replace(token, (found) => (/^\/[*/]/.test(found) ? found.replace(/[^\n]/g, ' ') : found));
}

/** Module names that a file imports, types included, static and dynamic. */
export function importsOf({ code }: SourceFile): readonly string[] {
  const statements = /(?:^|[\n;])\s*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([\w@./:+-]+)['"]/g;
  const calls = /\bimport\(\s*['"]([\w@./:+-]+)['"]\s*\)/g;
  return [...code.matchAll(statements), ...code.matchAll(calls)].map(([, name]) => name!);
}

/** The file a relative import names: `./x.js` -> the path of x.ts. */
export const resolved = (from: SourceFile, name: string): string =>
  posix.join(dirname(from.path), name).replace(/\.js$/, '.ts');
