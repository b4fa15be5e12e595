import { z } from 'zod';
import { boundedMap, count, label, memoryQuantity, quantity, seconds } from '../fields.js';

const gpu = z
  .strictObject({
    count: count('GPUs per worker.', { max: 16 }).default(1),
    resource: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/)
      .meta({
        description: 'Extended resource that is asked for.',
        examples: ['nvidia.com/gpu'],
        expected: 'a resource such as nvidia.com/gpu',
      })
      .default('nvidia.com/gpu'),
  })
  .describe('GPUs of each worker pod. Only with `device: cuda`.');

const resources = z
  .strictObject({
    requests: boundedMap(quantity(), 32, 'Requested resources.').optional(),
    limits: boundedMap(quantity(), 32, 'Resource limits; engines follow the CPU limit.').optional(),
  })
  .describe('CPU and memory of each worker pod.');

const toleration = z
  .strictObject({
    key: z.string().max(316).describe('Taint key.').optional(),
    operator: z.enum(['Exists', 'Equal']).describe('How `value` is compared.').optional(),
    value: z.string().max(63).describe('Taint value.').optional(),
    effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).describe('Taint effect.').optional(),
    tolerationSeconds: seconds('How long the taint is tolerated.').optional(),
  })
  .describe('As in a pod.');

const volume = z
  .strictObject({
    name: label('Name of the volume.', 'cache'),
    claimName: label('PersistentVolumeClaim in the same namespace.', 'espalier-cache'),
    mountPath: z
      .string()
      .min(1)
      .max(512)
      .regex(/^\/[^:]*$/)
      .meta({ description: 'Where the worker sees it.', examples: ['/cache'], expected: 'an absolute path' }),
    readOnly: z.boolean().describe('Mount without write access.').default(false),
  })
  .describe('A claim mounted into each worker.');

export const workers = z
  .strictObject({
    replicas: count('Workers wanted. Their number never changes the adapter.', { max: 1024 }).default(1),
    minReplicas: count(
      'Fewest workers to begin with: an attempt waits, and the job is paused, until so many are there. Once it trains, it goes on with as many as are left.',
      { max: 1024 },
    ).default(1),
    maxReplicas: count('Most workers that `replicas` may be scaled to.', { max: 1024 }).default(1024),
    device: z.enum(['cpu', 'webgpu', 'cuda']).describe('Execution provider.').default('cpu'),
    memoryBudget: memoryQuantity(
      "Memory a worker may use; decides the engine's strategy. What the cgroup or the machine leaves free when absent.",
    ).optional(),
    engines: count('Engines per worker, one thread each. One per CPU when absent.', { max: 256 })
      .meta({ examples: [2] })
      .optional(),
    gpu: gpu.optional(),
    resources: resources.prefault({}),
    image: z.string().min(1).max(1024).describe("Worker image; the controller's own when absent.").optional(),
    nodeSelector: boundedMap(z.string().max(63), 64, 'Node labels that worker pods need.').default({}),
    tolerations: z.array(toleration).max(64).describe('Taints that worker pods tolerate.').default([]),
    affinity: z
      .record(z.string().min(1).max(63), z.unknown())
      .meta({ description: 'Affinity of worker pods, as in a pod.', maxProperties: 3, openObject: true })
      .optional(),
    volumes: z
      .array(volume)
      .max(16)
      .meta({ description: 'Claims mounted into worker pods, for instance a cache of bases.', listMapKeys: ['name'] })
      .default([]),
  })
  .describe('Who computes it. Nothing here changes a bit of the adapter except `device`.');
