/** Runs `work`, yields what it tells while it runs, and returns its result; a failure is thrown after all that was told. */
export async function* inOrder<Told, Result>(
  work: (tell: (value: Told) => void) => Promise<Result>,
): AsyncGenerator<Told, Result> {
  const told: Told[] = [];
  let wake = () => {};
  let ended = false;
  const running = work((value) => {
    told.push(value);
    wake();
  }).finally(() => {
    ended = true;
    wake();
  });
  // The rejection is thrown below by `await running`; until then it must not count as unhandled.
  running.catch(() => {});
  for (;;) {
    const next = told.shift();
    if (next !== undefined) yield next;
    else if (ended) return await running;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}
