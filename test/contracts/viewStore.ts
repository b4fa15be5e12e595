import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ViewStore } from '../../controller/membership/viewStore.js';
import type { View } from '../../elastic/view.js';

/** What every place for views promises. `open` gives two handles on the same new place. */
export function viewStoreContract(name: string, open: () => readonly [ViewStore, ViewStore]): void {
  const view = (number: number, id: string): View => ({ number, members: [{ id, address: `${id}:1`, joined: true }] });

  test(`${name}: what one writes, the other reads; the highest number counts`, async () => {
    const [one, other] = open();
    assert.equal(await other.read(), undefined);
    assert.equal(await one.write(view(1, 'a')), 'written');
    assert.equal(await one.write(view(2, 'b')), 'written');
    assert.deepEqual(await other.read(), view(2, 'b'));
  });

  test(`${name}: a number is given away once, and a lower one never`, async () => {
    const [one, other] = open();
    assert.equal(await one.write(view(2, 'a')), 'written');
    assert.deepEqual([await other.write(view(2, 'b')), await other.write(view(1, 'b'))], ['taken', 'taken']);
    assert.deepEqual(await other.read(), view(2, 'a'));
  });

  test(`${name}: of many who write one number at once, exactly one succeeds`, async () => {
    const stores = open();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => stores[i % 2]!.write(view(1, `writer-${i}`))),
    );
    assert.equal(results.filter((result) => result === 'written').length, 1);
    assert.deepEqual(await stores[0].read(), view(1, `writer-${results.indexOf('written')}`));
  });
}
