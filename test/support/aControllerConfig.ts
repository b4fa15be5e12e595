import type { ControllerConfig } from '../../api/controllerConfig.js';

/** What the chart's defaults say about pods. */
export const podDefaults: Pick<ControllerConfig, 'workers' | 'networkPolicy'> = {
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
