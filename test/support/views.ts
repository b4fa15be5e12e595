import type { View } from '../../elastic/view.js';
import type { ViewSource } from '../../worker/exchange/trainee.js';

/** Views that a test sets by hand, for any number of workers in this process. */
export class HandViews {
  readonly ready: { id: string; step: number }[] = [];
  readonly left: string[] = [];
  /** Admits at once whoever asks. */
  admits = true;
  #view: View | undefined;
  #number = 0;
  #listeners: (() => void)[] = [];

  set(members: View['members']): void {
    this.#number++;
    this.#view = { number: this.#number, members: [...members].sort((a, b) => (a.id < b.id ? -1 : 1)) };
    for (const wake of this.#listeners.splice(0)) wake();
  }

  get members(): View['members'] {
    return this.#view?.members ?? [];
  }

  sourceFor(id: string): ViewSource {
    const current = () => this.#view;
    const changed = (signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        this.#listeners.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    return {
      async *views(signal) {
        let seen = 0;
        for (;;) {
          const view = current();
          if (view !== undefined && view.number > seen) {
            seen = view.number;
            yield view;
          } else await changed(signal);
        }
      },
      ready: (step) => {
        this.ready.push({ id, step });
        const member = this.members.find((one) => one.id === id);
        if (!this.admits || member === undefined || member.joined) return;
        this.set([...this.members.filter((one) => one.id !== id), { ...member, joined: true }]);
      },
      leaving: () => {
        this.left.push(id);
        this.set(this.members.filter((one) => one.id !== id));
      },
    };
  }
}
