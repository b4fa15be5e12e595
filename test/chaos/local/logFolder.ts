import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Reads the logs of a run's workers as they grow. */
export class LogFolder {
  readonly #folder: string;
  readonly #files = new Map<string, { readonly fd: number; rest: string }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whole lines that were written since the last look. */
  *lines(): Iterable<string> {
    for (const name of readdirSync(this.#folder)) {
      if (!/^worker-\d+\.log$/.test(name)) continue;
      const file = this.#files.get(name) ?? { fd: openSync(join(this.#folder, name), 'r'), rest: '' };
      this.#files.set(name, file);
      const buffer = Buffer.alloc(65_536);
      for (let size = readSync(file.fd, buffer); size > 0; size = readSync(file.fd, buffer)) {
        const lines = (file.rest + buffer.toString('utf8', 0, size)).split('\n');
        file.rest = lines.pop()!;
        yield* lines;
      }
    }
  }

  close(): void {
    for (const { fd } of this.#files.values()) closeSync(fd);
  }
}
