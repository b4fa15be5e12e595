/** Ways to install, each rendered and checked: what `helm template` gets as `--values`. */
export const valueSets: Readonly<Record<string, object>> = {
  defaults: {},
  namespaced: { namespaces: ['team-a', 'team-b'], rbac: { aggregate: false } },
  'high availability': {
    controller: {
      replicas: 3,
      logLevel: 'debug',
      priorityClassName: 'system-cluster-critical',
      affinity: { podAntiAffinity: {} },
      podLabels: { team: 'ml' },
      podAnnotations: { note: 'x' },
    },
  },
  'mirror and proxy': {
    images: { registry: 'mirror.example.com/ml/', pullSecrets: ['regcred'], pullPolicy: 'Always' },
    network: {
      proxy: { http: 'http://proxy:3128', https: 'http://proxy:3128', exempt: '10.0.0.0/8,.svc' },
      caBundle: { configMap: 'corporate-ca', key: 'bundle.pem' },
    },
    workers: { hubEndpoint: 'https://hub.example.com' },
    policy: { images: ['mirror.example.com/ml/'] },
  },
  'gpu pool': {
    workers: {
      serviceAccount: 'trainer',
      nodeSelector: { pool: 'gpu' },
      tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
      priorityClassName: 'batch',
      cacheClaim: 'bases',
    },
    controller: { nodeSelector: { pool: 'system' }, tolerations: [{ operator: 'Exists' }] },
    policy: { serviceAccounts: ['trainer-b'] },
  },
  'own certificate and load balancer': {
    query: {
      serviceType: 'LoadBalancer',
      serviceAnnotations: { 'example.com/internal': 'true' },
      port: 443,
      dnsNames: ['espalier.example.com'],
      tlsSecret: 'espalier-tls',
    },
  },
  monitored: {
    monitoring: { serviceMonitor: { enabled: true, interval: '15s', labels: { release: 'prometheus' } } },
    network: { policy: { controllerFrom: [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }] } },
  },
  'bare minimum': {
    crds: { install: false, keep: false },
    controller: { serviceAccount: { create: false, name: 'existing' } },
    rbac: { create: false, aggregate: false },
    network: { policy: { enabled: false, allowMetadata: true, egress: [] } },
    policy: { enabled: false },
    tests: { enabled: false },
  },
};
