import { entry, list } from './entry.js';

/** ESP-94nn: asking the controller, from outside, how jobs do; identities of pods. */
export const queryErrors = {
  JobUnknown: entry<{ namespace: string; name: string }>({
    code: 'ESP-9401',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ namespace, name }) => `namespace ${namespace} has no FineTuneJob ${name}`,
    remedy: () => 'espalier list shows the jobs that you may read',
  }),
  CallerUnknown: entry<{ why: string }>({
    code: 'ESP-9402',
    retry: false,
    grpc: 'UNAUTHENTICATED',
    exit: 2,
    message: ({ why }) => `the caller is not known: ${why}`,
    remedy: () => 'send "authorization: Bearer TOKEN"; kubectl create token NAME makes one',
  }),
  CallerForbidden: entry<{ user: string; verb: string; namespace: string }>({
    code: 'ESP-9403',
    retry: false,
    grpc: 'PERMISSION_DENIED',
    exit: 2,
    message: ({ user, verb, namespace }) => `${user} may not ${verb} FineTuneJobs of namespace ${namespace}`,
    remedy: ({ verb }) => `ask for a role with the verb ${verb} on finetunejobs.espalier.dev; the role "view" has it`,
  }),
  ResumeTokenInvalid: entry<{ token: string; why: string }>({
    code: 'ESP-9404',
    retry: false,
    grpc: 'OUT_OF_RANGE',
    exit: 3,
    message: ({ token, why }) => `the watch cannot go on from ${token}: ${why}`,
    remedy: () => 'watch again without a resume token: it starts with everything as it is',
  }),
  QueryInvalid: entry<{ field: string; what: string }>({
    code: 'ESP-9405',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ field, what }) => `${field} ${what}`,
    remedy: () => 'see docs/grpc.md for what each field may hold',
  }),
  AccessUnchecked: entry<{ what: string }>({
    code: 'ESP-9406',
    retry: true,
    grpc: 'UNAVAILABLE',
    exit: 3,
    message: ({ what }) => `nobody could say who the caller is or what it may read: ${what}`,
    remedy: () => 'the Kubernetes API server did not answer the controller; try again',
  }),
  CertificateRefused: entry<{ pod: string; why: string }>({
    code: 'ESP-9407',
    retry: false,
    grpc: 'PERMISSION_DENIED',
    exit: 3,
    message: ({ pod, why }) => `${pod} gets no certificate: ${why}`,
    remedy: () => 'only pods that the controller made for a job, with their own projected token, get one',
  }),
  KubeconfigUnusable: entry<{ path: string; why: string }>({
    code: 'ESP-9410',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ path, why }) => `the kubeconfig ${path} cannot be used: ${why}`,
    remedy: () => 'name one with --kubeconfig or KUBECONFIG, or the controller with --address HOST:PORT',
  }),
  ClusterRefused: entry<{ what: string; code: number; message: string }>({
    code: 'ESP-9411',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 3,
    message: ({ what, code, message }) => `the API server answered ${code} to ${what}: ${message}`,
    remedy: ({ code }) =>
      code === 404
        ? 'check the name, and that the chart is installed: kubectl get crd finetunejobs.espalier.dev'
        : 'check your rights with kubectl auth can-i --list',
  }),
  JobEndedBadly: entry<{ name: string; state: string; reason: string; message: string }>({
    code: 'ESP-9412',
    retry: false,
    grpc: 'ABORTED',
    exit: 3,
    message: ({ name, state, reason, message }) => `${name} is ${state} (${reason}): ${message}`,
    remedy: ({ name }) => `espalier logs ${name} shows the workers; kubectl describe ftj ${name} the events`,
  }),
  WaitEnded: entry<{ name: string; wanted: string; state: string; seconds: number }>({
    code: 'ESP-9413',
    retry: true,
    grpc: 'DEADLINE_EXCEEDED',
    exit: 3,
    message: ({ name, wanted, state, seconds }) => `${name} is ${state} after ${seconds} s, not ${wanted}`,
    remedy: ({ name }) => `espalier status ${name} tells why it waits; a longer --timeout waits on`,
  }),
  WorkerUnknown: entry<{ name: string; worker: string; known: readonly string[] }>({
    code: 'ESP-9414',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ name, worker }) => `${name} has no worker ${worker}`,
    remedy: ({ known }) => `its pods: ${list(known)}`,
  }),
};
