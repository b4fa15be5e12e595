import { z } from 'zod';

const toleration = z.looseObject({ key: z.string().optional(), operator: z.string().optional() });

/**
 * What the chart tells the controller: the file `/etc/espalier/controller.json` (ESPALIER_CONFIG). Release-wide defaults
 * only; everything of a job is in its resource.
 */
export const controllerConfig = z.strictObject({
  /** Prefix of the controller's own objects: its Lease, and the Secret of its certificate authority. */
  release: z.string().min(1).max(63),
  /** Namespaces whose jobs are run; empty = all of the cluster. */
  namespaces: z.array(z.string().min(1).max(63)).default([]),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  query: z.strictObject({
    /** gRPC: status for people, certificates for workers. */
    listen: z.string().min(1),
    /** Names in the server's certificate, beside localhost. */
    dnsNames: z.array(z.string().min(1)),
    /** Folder with tls.crt and tls.key to use instead of a certificate of our own authority. */
    tlsFolder: z.string().nullable().default(null),
    /** Secret in the controller's namespace that keeps the authority; made by the controller. */
    authoritySecret: z.string().min(1),
    /** `host:port` that workers reach the controller by. */
    address: z.string().min(1),
  }),
  /** Plain HTTP: /livez, /readyz, /metrics. */
  http: z.strictObject({ listen: z.string().min(1) }),
  workers: z.strictObject({
    /** By `spec.workers.device`; `spec.workers.image` wins. */
    images: z.strictObject({ cpu: z.string().min(1), cuda: z.string().min(1), webgpu: z.string().min(1) }),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
    /** Secrets of the job's namespace. */
    pullSecrets: z.array(z.string()).default([]),
    /** Account of the job's namespace; it needs no rights. */
    serviceAccount: z.string().default('default'),
    priorityClassName: z.string().default(''),
    /** Added to what the job asks for. */
    nodeSelector: z.record(z.string(), z.string()).default({}),
    tolerations: z.array(toleration).default([]),
    proxy: z.strictObject({ http: z.string(), https: z.string(), exempt: z.string() }),
    /** A ConfigMap of the job's namespace with further authorities in PEM. */
    caBundle: z
      .strictObject({ configMap: z.string().min(1), key: z.string().min(1) })
      .nullable()
      .default(null),
    /** A mirror of the Hugging Face hub; empty = the hub itself. */
    hubEndpoint: z.string().default(''),
    /** Claim of the job's namespace that caches bases; empty = an emptyDir per pod. */
    cacheClaim: z.string().default(''),
  }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    /** Labels of the controller's pods: workers may reach them, they may reach workers. */
    controllerLabels: z.record(z.string(), z.string()),
    controllerNamespace: z.string(),
    /** Lets workers reach the cloud's metadata address (169.254.169.254), e.g. for credentials of the node. */
    allowMetadata: z.boolean(),
    /** Where workers may connect to beside each other, the controller and DNS: rules as in a NetworkPolicy. */
    egress: z.array(z.looseObject({})).default([]),
  }),
});

export type ControllerConfig = z.output<typeof controllerConfig>;
