import { storeContract } from '../../test/contracts/store.js';
import { createMemoryStore } from './memory.js';

storeContract('memory', async () => createMemoryStore());
