import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { viewStoreContract } from '../../test/contracts/viewStore.js';
import { fileViewStore } from './fileViewStore.js';
import { memoryViewStore } from './memoryViewStore.js';

viewStoreContract('memory', () => {
  const store = memoryViewStore();
  return [store, store];
});
viewStoreContract('folder', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'espalier-')), 'views');
  return [fileViewStore(folder), fileViewStore(folder)];
});
