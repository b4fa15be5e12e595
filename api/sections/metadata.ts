import { z } from 'zod';
import { boundedMap } from '../fields.js';

/** What the API server adds to an object; accepted so that `kubectl get -o yaml` can be run again, and ignored. */
const byServer = z.unknown().optional();

export const metadata = z.strictObject({
  /** Pods are called `<name>-<attempt>-<index>`, which must stay a DNS label of 63. */
  name: z
    .string()
    .min(1)
    .max(48)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .meta({
      description: 'Name of the job: at most 48 characters, no dots.',
      examples: ['workplace'],
      expected: 'at most 48 lower-case letters, digits and -',
    }),
  namespace: z.string().min(1).max(63).describe('Namespace in a cluster.').optional(),
  labels: boundedMap(z.string().max(63), 64, 'Labels, for instance `kueue.x-k8s.io/queue-name`.').optional(),
  annotations: boundedMap(z.string().max(262_144), 64, 'Annotations.').optional(),
  creationTimestamp: byServer,
  deletionGracePeriodSeconds: byServer,
  deletionTimestamp: byServer,
  finalizers: byServer,
  generation: byServer,
  managedFields: byServer,
  ownerReferences: byServer,
  resourceVersion: byServer,
  selfLink: byServer,
  uid: byServer,
});
