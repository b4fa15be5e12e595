import { after } from 'node:test';
import { ControlPlane } from './aControlPlane.js';

/**
 * One control plane for all the test files of this process that import it: to start one takes six seconds of CPU, and
 * test/run.mjs gives those files one process. They keep to namespaces of their own and change nothing else for good; who
 * installs policies or other kinds starts a control plane of its own.
 */
export const plane = await ControlPlane.start();
after(() => plane[Symbol.asyncDispose]());
