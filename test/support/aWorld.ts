import type { ControllerConfig } from '../../api/controllerConfig.js';
import type { FineTuneJobInput } from '../../api/fineTuneJob.js';
import { type Settings, settingsOf } from '../../controller/settings.js';

const config: Pick<ControllerConfig, 'workers' | 'networkPolicy'> = {
  workers: {
    images: { cpu: 'worker:test', cuda: 'worker-cuda:test', webgpu: 'worker-webgpu:test' },
    pullPolicy: 'IfNotPresent',
    pullSecrets: [],
    serviceAccount: 'default',
    priorityClassName: '',
    nodeSelector: {},
    tolerations: [],
    proxy: { http: '', https: '', exempt: '' },
    caBundle: null,
    hubEndpoint: '',
    cacheClaim: '',
  },
  networkPolicy: {
    enabled: true,
    controllerLabels: { 'app.kubernetes.io/name': 'espalier' },
    controllerNamespace: 'espalier',
    allowMetadata: false,
    egress: [],
  },
};

export const someSettings: Settings = settingsOf(config);

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
