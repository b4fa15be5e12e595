import { transportContract } from '../test/contracts/transport.js';
import { memoryTransport } from './memory.js';

transportContract('memory', memoryTransport(), () => 'memory:0');
