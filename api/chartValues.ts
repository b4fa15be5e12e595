import { z } from 'zod';

const text = z.string();
const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
const optionalName = z.string().regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/);
const map = z.record(z.string(), z.string());
const amount = z.union([z.string(), z.number()]);
const amounts = z.record(z.string(), amount);
const resources = z.strictObject({ requests: amounts.optional(), limits: amounts.optional() });
const open = z.looseObject({});
const image = z.strictObject({ repository: z.string().min(1), tag: text });
const url = z.string().regex(/^(https?:\/\/\S+)?$/);

/** What `helm install --set` may say. `values.yaml` holds the defaults and the explanations. */
export const chartValues = z.strictObject({
  crds: z.strictObject({ install: z.boolean(), keep: z.boolean() }),
  namespaces: z.array(name),
  images: z.strictObject({
    registry: text,
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
    pullSecrets: z.array(name),
    controller: image,
    cpu: image,
    cuda: image,
    webgpu: image,
  }),
  controller: z.strictObject({
    replicas: z.int().min(1).max(5),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']),
    resources,
    nodeSelector: map,
    tolerations: z.array(open),
    affinity: open,
    priorityClassName: optionalName,
    podAnnotations: map,
    podLabels: map,
    serviceAccount: z.strictObject({ create: z.boolean(), name: optionalName, annotations: map }),
  }),
  query: z.strictObject({
    serviceType: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']),
    serviceAnnotations: map,
    port: z.int().min(1).max(65_535),
    dnsNames: z.array(name),
    tlsSecret: optionalName,
  }),
  workers: z.strictObject({
    serviceAccount: name,
    nodeSelector: map,
    tolerations: z.array(open),
    priorityClassName: optionalName,
    cacheClaim: optionalName,
    hubEndpoint: url,
  }),
  network: z.strictObject({
    proxy: z.strictObject({ http: url, https: url, exempt: text }),
    caBundle: z.strictObject({ configMap: optionalName, key: z.string().min(1) }),
    policy: z.strictObject({
      enabled: z.boolean(),
      egress: z.array(open),
      allowMetadata: z.boolean(),
      controllerFrom: z.array(open),
    }),
  }),
  rbac: z.strictObject({ create: z.boolean(), aggregate: z.boolean() }),
  policy: z.strictObject({ enabled: z.boolean(), images: z.array(z.string().min(1)), serviceAccounts: z.array(name) }),
  monitoring: z.strictObject({
    serviceMonitor: z.strictObject({
      enabled: z.boolean(),
      interval: z.string().regex(/^\d+(ms|s|m|h)$/),
      labels: map,
    }),
  }),
  tests: z.strictObject({ enabled: z.boolean(), resources }),
  /** Helm's own. */
  global: open.optional(),
});

export type ChartValues = z.output<typeof chartValues>;
