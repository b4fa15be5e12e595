import { group } from '../../../api/fineTuneJob.js';

/** `jobs`: in each namespace whose jobs are run. `own`: in the controller's namespace. `cluster`: not of any namespace. */
export type RbacScope = 'jobs' | 'own' | 'cluster';

export interface RbacRule {
  readonly scope: RbacScope;
  readonly apiGroup: string;
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Which call needs it. */
  readonly why: string;
  /** Only objects of these names, as the chart writes them. */
  readonly names?: readonly string[];
}

/** Every right of the controller. The chart's roles are generated from it, and `auth can-i --list` is held against it. */
export const rbac: readonly RbacRule[] = [
  {
    scope: 'jobs',
    apiGroup: group,
    resources: ['finetunejobs'],
    verbs: ['get', 'list', 'watch', 'delete'],
    why: 'reads jobs; deletes them after ttlSecondsAfterFinished',
  },
  {
    scope: 'jobs',
    apiGroup: group,
    resources: ['finetunejobs/status'],
    verbs: ['patch'],
    why: 'writes status and, as another field owner, progress',
  },
  {
    scope: 'jobs',
    apiGroup: group,
    resources: ['finetunejobs/finalizers'],
    verbs: ['update'],
    why: 'owner references that block deletion, where the API server asks for this right',
  },
  {
    scope: 'jobs',
    apiGroup: 'batch',
    resources: ['jobs'],
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    why: 'the Indexed Job of workers: made once, then only scaled or suspended',
  },
  {
    scope: 'jobs',
    apiGroup: '',
    resources: ['pods'],
    verbs: ['get', 'list', 'watch', 'create'],
    why: 'the preflight pod; workers are read',
  },
  {
    scope: 'jobs',
    apiGroup: '',
    resources: ['configmaps'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
    why: 'the resolved job, views by compare-and-swap, and whom its pods trust',
  },
  {
    scope: 'jobs',
    apiGroup: '',
    resources: ['secrets'],
    verbs: ['create'],
    why: "a job's token; never read, and no Secret of a user either",
  },
  {
    scope: 'jobs',
    apiGroup: '',
    resources: ['events'],
    verbs: ['list', 'watch', 'create', 'patch'],
    why: 'tells what happened, how often; reads why a pod waits (FailedCreate, FailedScheduling, volumes, images)',
  },
  {
    scope: 'jobs',
    apiGroup: 'policy',
    resources: ['poddisruptionbudgets'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
    why: 'one worker may be evicted at a time',
  },
  {
    scope: 'jobs',
    apiGroup: 'networking.k8s.io',
    resources: ['networkpolicies'],
    verbs: ['get', 'list', 'watch', 'create'],
    why: 'workers reach their own job, the controller, DNS and what the chart allows',
  },
  {
    scope: 'jobs',
    apiGroup: 'kueue.x-k8s.io',
    resources: ['workloads'],
    verbs: ['get', 'list'],
    why: 'why a queued job waits',
  },
  {
    scope: 'own',
    apiGroup: 'coordination.k8s.io',
    resources: ['leases'],
    verbs: ['create'],
    why: 'one controller at a time; a name cannot be asked for before the object is there',
  },
  {
    scope: 'own',
    apiGroup: 'coordination.k8s.io',
    resources: ['leases'],
    names: ['{{ include "espalier.fullname" . }}'],
    verbs: ['get', 'update'],
    why: 'holds and renews the Lease',
  },
  {
    scope: 'own',
    apiGroup: '',
    resources: ['secrets'],
    verbs: ['create'],
    why: 'stores the certificate authority once',
  },
  {
    scope: 'own',
    apiGroup: '',
    resources: ['secrets'],
    names: ['{{ include "espalier.fullname" . }}-authority'],
    verbs: ['get', 'update'],
    why: 'reads it after a restart, replaces it when it is rotated',
  },
  {
    scope: 'own',
    apiGroup: '',
    resources: ['configmaps'],
    names: ['{{ include "espalier.fullname" . }}-authority'],
    verbs: ['patch'],
    why: 'publishes whom to trust; the chart makes it empty',
  },
  {
    scope: 'own',
    apiGroup: '',
    resources: ['pods'],
    verbs: ['patch'],
    why: 'labels the leader, which the Service selects',
  },
  {
    scope: 'cluster',
    apiGroup: 'authentication.k8s.io',
    resources: ['tokenreviews'],
    verbs: ['create'],
    why: 'who calls the gRPC status, and which pod asks for a certificate',
  },
  {
    scope: 'cluster',
    apiGroup: 'authorization.k8s.io',
    resources: ['subjectaccessreviews'],
    verbs: ['create'],
    why: 'what a caller of the gRPC status may read',
  },
];

/** Generated and committed: path from the package's root -> content. */
export const rbacOutputs = (): ReadonlyMap<string, string> =>
  new Map([['charts/espalier/templates/rbac/_rules.tpl', rbacTemplate()]]);

/** The rules as named templates; `templates/rbac/controller.yaml` binds them per namespace or for the cluster. */
function rbacTemplate(): string {
  const scopes: readonly RbacScope[] = ['jobs', 'own', 'cluster'];
  const blocks = scopes.flatMap((scope) => [
    `{{- define "espalier.rules.${scope}" -}}`,
    ...rbac.filter((rule) => rule.scope === scope).flatMap(ruleLines),
    '{{- end }}',
    '',
  ]);
  return ['{{- /* Generated by `npm run generate` from controller/cluster/kube/rbac.ts. Do not edit. */ -}}', ...blocks]
    .join('\n')
    .replace(/\n+$/, '\n');
}

const ruleLines = ({ apiGroup, resources, verbs, why, names }: RbacRule): string[] => [
  `# ${why}`,
  `- apiGroups: [${quoted([apiGroup])}]`,
  `  resources: [${quoted(resources)}]`,
  ...(names ? ['  resourceNames:', ...names.map((name) => `    - ${name}`)] : []),
  `  verbs: [${quoted(verbs)}]`,
];

const quoted = (words: readonly string[]): string => words.map((word) => JSON.stringify(word)).join(', ');
