import type { FineTuneJobInput } from '../../api/fineTuneJob.js';
import type { Settings } from '../../controller/settings.js';

export const someSettings: Settings = {
  workerImage: 'espalier-worker:test',
  workerCode: '/app/dist',
  imagePullSecrets: [],
  serviceAccountName: 'default',
  nodeSelector: {},
  tolerations: [],
  defaultResources: { requests: { cpu: '250m', memory: '512Mi' } },
  podEnvironment: {},
  workerPort: 7600,
  controllerPods: { namespace: 'espalier', labels: { 'app.kubernetes.io/name': 'espalier' } },
  preflight: 'on',
  networkPolicy: true,
};

/** Its parts that a job in a cluster needs, in small. */
export const aClusterSpec: FineTuneJobInput['spec'] = {
  connections: [{ name: 'store', endpoint: 'http://store:9000', secretRef: { name: 'store-keys' } }],
  base: { source: 'hf://owner/base' },
  data: { train: [{ source: 's3://data/train.jsonl', connection: 'store' }] },
  method: { lora: { rank: 4, alpha: 8 } },
  training: { maxSteps: 4, batch: { sequences: 4 } },
  workers: { replicas: 3 },
  output: { destination: 's3://models/out/', connection: 'store' },
};
