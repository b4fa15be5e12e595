/** One rule of RBAC, as the chart prints it. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** In every namespace with jobs. Each rule stands for calls in kubeCluster.ts, viewStore.ts, kueue.ts or progress.ts. */
export const jobRules: readonly Rule[] = [
  { apiGroups: ['espalier.dev'], resources: ['finetunejobs'], verbs: ['get', 'list', 'watch', 'delete'] },
  { apiGroups: ['espalier.dev'], resources: ['finetunejobs/status'], verbs: ['patch'] },
  // blockOwnerDeletion needs it where the OwnerReferencesPermissionEnforcement plugin is on.
  { apiGroups: ['espalier.dev'], resources: ['finetunejobs/finalizers'], verbs: ['update'] },
  { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'create'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create', 'update'] },
  // Never read: the token in it is derived (resources/access.ts).
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list', 'watch', 'create'] },
  {
    apiGroups: ['policy'],
    resources: ['poddisruptionbudgets'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
  },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['get', 'list', 'watch', 'create'] },
  { apiGroups: ['kueue.x-k8s.io'], resources: ['workloads'], verbs: ['list', 'get'] },
];

/** In the controller's own namespace. */
export const ownRules: readonly Rule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
];
