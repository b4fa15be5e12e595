import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../common/clock.js';
import { createPlaces, type PlacesOptions } from './places.js';

const places = (more: Partial<PlacesOptions> = {}) =>
  createPlaces({
    connections: [
      { name: 'store', endpoint: 'http://store:9000', secretRef: { name: 'keys' } },
      { name: 'aws', region: 'eu-west-1' },
    ],
    secretOf: (name) => (name === 'keys' ? { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' } : undefined),
    workingFolder: '/',
    clock: systemClock,
    ...more,
  });

test('a connection brings its endpoint, any region and the keys of its Secret', () => {
  assert.deepEqual(places().connection('store'), {
    endpoint: 'http://store:9000',
    region: 'us-east-1',
    credentials: { accessKeyId: 'id', secretAccessKey: 'key', sessionToken: undefined },
  });
});

test('without an endpoint the region is the one given, and credentials come from the environment', () => {
  assert.deepEqual(places().connection('aws'), { endpoint: undefined, region: 'eu-west-1' });
  assert.deepEqual(places().connection(undefined), {});
});

test('an endpoint of the command line stands for that of every connection', () => {
  const here = places({ endpoint: 'http://127.0.0.1:1' });
  assert.equal(here.connection('store').endpoint, 'http://127.0.0.1:1');
  assert.deepEqual(here.connection(undefined), { endpoint: 'http://127.0.0.1:1', region: 'us-east-1' });
});

test('a connection that the job does not have is refused, naming those it has', () => {
  assert.throws(() => places().connection('stor'), {
    name: 'ConnectionUnknown',
    facts: { name: 'stor', known: ['store', 'aws'] },
  });
});
