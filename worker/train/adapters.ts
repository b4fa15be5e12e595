/** Copies of the adapter vector for engines, which no optimizer step writes to: a leaf that nobody waits for any more may still run. */
export interface Adapters {
  /** The vector as it is at `step`, until the lender disposes of it. Copied once for all who ask at that step. */
  at(step: number): Lent;
  /** The vector is another one now, though the step may be the same. */
  renew(): void;
}

export interface Lent extends Disposable {
  /** On shared memory: it goes to the engines' threads without a copy for each leaf. */
  readonly values: Float32Array;
}

interface Copy {
  readonly values: Float32Array;
  users: number;
}

/** Copies that nobody uses any more take the next one: each is as large as the adapter, and V8 does not count shared memory. */
export function createAdapters(master: Float32Array): Adapters {
  const copies: Copy[] = [];
  let latest: { readonly step: number; readonly copy: Copy } | undefined;

  const copyAt = (step: number): Copy => {
    if (latest?.step === step) return latest.copy;
    const copy = copies.find(({ users }) => users === 0) ?? emptyCopy(master);
    if (!copies.includes(copy)) copies.push(copy);
    copy.values.set(master);
    latest = { step, copy };
    return copy;
  };

  return {
    at(step) {
      const copy = copyAt(step);
      copy.users++;
      return { values: copy.values, [Symbol.dispose]: () => copy.users-- };
    },
    renew() {
      latest = undefined;
    },
  };
}

const emptyCopy = ({ byteLength }: Float32Array): Copy => ({
  values: new Float32Array(new SharedArrayBuffer(byteLength)),
  users: 0,
});
