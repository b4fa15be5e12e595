import type { ProxiedRequest, ProxyFault } from '../../../support/s3Proxy.js';
import { between, pick } from '../../chance.js';
import { type FaultCase, type Scene, until } from './fault.js';

const status = (code: number, name: string): ProxyFault => ({ kind: 'status', status: code, code: name });
const any = () => true;
const isWrite = ({ method }: ProxiedRequest) => method === 'PUT';
const isRead = ({ method }: ProxiedRequest) => method === 'GET';

/** What object stores answer on a bad day. Each lasts until it was met some times. */
export const storeAnswers = {
  '500 InternalError': { storage: 's3', inflict: (scene) => answer(scene, any, status(500, 'InternalError')) },
  '503 SlowDown': { storage: 's3', inflict: (scene) => answer(scene, any, status(503, 'SlowDown')) },
  '409 ConditionalRequestConflict': {
    storage: 's3',
    inflict: (scene) => answer(scene, isWrite, status(409, 'ConditionalRequestConflict')),
  },
  '403 RequestTimeTooSkewed': {
    storage: 's3',
    inflict: (scene) => answer(scene, any, status(403, 'RequestTimeTooSkewed')),
  },
  'no answer to a write that happened': { storage: 's3', inflict: (scene) => answer(scene, isWrite, { kind: 'lose' }) },
  'half a body': { storage: 's3', lasting: true, inflict: halfABody },
  '412 to the second try of a write that happened': { storage: 's3', last: true, inflict: lostThen412 },
} satisfies Readonly<Record<string, FaultCase>>;

async function answer(
  { site, store, random, struck }: Scene,
  hits: (it: ProxiedRequest) => boolean,
  fault: ProxyFault,
) {
  if (store === undefined) return undefined;
  const times = between(random, 1, 3);
  let left = times;
  store.schedule((request) => {
    if (left === 0 || !hits(request)) return undefined;
    if (left === times) struck();
    left--;
    return fault;
  });
  await until(site, () => left === 0);
  store.schedule(() => undefined);
  return left === times ? undefined : { what: `${times - left} times` };
}

/** Objects are read by workers that start: one is killed, and the one in its place meets a checkpoint that breaks off. */
async function halfABody({ site, store, random, struck }: Scene) {
  const victim = pick(await site.workers(), random);
  if (store === undefined || victim === undefined) return undefined;
  const times = between(random, 1, 3);
  let left = times;
  store.schedule((request) => {
    if (left === 0 || !isRead(request) || request.url.includes('list-type')) return undefined;
    left--;
    return { kind: 'cut', afterBytes: 100 };
  });
  process.kill(victim.pid, 'SIGKILL');
  struck();
  await until(site, () => left === 0);
  store.schedule(() => undefined);
  return left === times
    ? undefined
    : { what: `${times - left} bodies end after 100 bytes, read in place of ${victim.id}` };
}

/** A conditional write is carried out and its answer lost: the second try meets the first one's object. */
async function lostThen412({ site, store, struck }: Scene) {
  if (store === undefined) return undefined;
  let lost = '';
  store.schedule((request) => {
    if (lost !== '' || !isWrite(request) || !request.conditional) return undefined;
    lost = new URL(request.url, 'http://store').pathname;
    struck();
    return { kind: 'lose' };
  });
  const met = await until(site, () =>
    store.answers.some(({ url, status: code }) => code === 412 && url.startsWith(lost)),
  );
  store.schedule(() => undefined);
  return met && lost !== '' ? { what: `of ${lost}` } : undefined;
}
