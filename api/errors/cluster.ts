import { entry } from './entry.js';

/** ESP-93nn: the controller and the cluster it runs in. */
export const clusterErrors = {
  ApiUnreachable: entry<{ call: string; what: string }>({
    code: 'ESP-9301',
    retry: true,
    grpc: 'UNAVAILABLE',
    exit: 3,
    message: ({ call, what }) => `${call}: the API server cannot be reached: ${what}`,
    remedy: () => 'check that the API server runs and that the kubeconfig names it; it is tried again by itself',
  }),
  ApiRefused: entry<{ call: string; code: number; reason: string; what: string }>({
    code: 'ESP-9302',
    retry: true,
    grpc: 'FAILED_PRECONDITION',
    exit: 3,
    message: ({ call, code, reason, what }) => `${call}: the API server answered ${code} ${reason}: ${what}`,
    remedy: ({ code }) =>
      code === 401 || code === 403
        ? "give the controller's service account the right that is missing; the chart's rules list all of them"
        : 'see the message of the API server; it is tried again by itself',
    choices: () => ({ code: [403, 422] }),
  }),
  LeaseLost: entry<{ lease: string; holder: string }>({
    code: 'ESP-9303',
    retry: true,
    grpc: 'ABORTED',
    exit: 75,
    message: ({ lease, holder }) => `the lease ${lease} is held by ${holder === '' ? 'nobody' : holder} now`,
    remedy: () => 'the process ends and starts again as a standby; nothing is lost',
  }),
  NameTaken: entry<{ kind: string; name: string }>({
    code: 'ESP-9304',
    retry: true,
    grpc: 'ALREADY_EXISTS',
    exit: 3,
    message: ({ kind, name }) => `there is a ${kind} ${name} that does not belong to this job`,
    remedy: ({ kind, name }) => `remove or rename ${kind} ${name}, or give the job another name`,
  }),
  PreflightCrashed: entry<{ pod: string; how: string; tries: number }>({
    code: 'ESP-9305',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 3,
    message: ({ how, tries }) => `the preflight ended without a verdict ${tries} times, the last time ${how}`,
    remedy: ({ pod }) => `see kubectl logs ${pod}; it may need more memory or another image`,
  }),
  WorkersCrashing: entry<{ deaths: number; pod: string; how: string }>({
    code: 'ESP-9306',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 3,
    message: ({ deaths, how }) => `${deaths} workers died with no committed step between them, the last ${how}`,
    remedy: ({ pod }) =>
      `see kubectl logs ${pod}; once it is mended, make the job again: it resumes from its checkpoint`,
  }),
  DeadlineExceeded: entry<{ seconds: number }>({
    code: 'ESP-9307',
    retry: false,
    grpc: 'DEADLINE_EXCEEDED',
    exit: 3,
    message: ({ seconds }) => `the job ran longer than activeDeadlineSeconds, ${seconds} s`,
    remedy: () => 'raise activeDeadlineSeconds and make the job again: it resumes from its checkpoint',
  }),
  DestinationNotShared: entry<{ destination: string }>({
    code: 'ESP-9308',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ destination }) => `output.destination ${destination} is a folder that vanishes with its pod`,
    remedy: () => 'write an s3:// URL, or a folder below the mountPath of one of workers.volumes',
  }),
  RecipeChanged: entry<{ before: string; now: string }>({
    code: 'ESP-9310',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 2,
    message: ({ before, now }) => `the recipe was ${before} and would be ${now} now: base or data have changed`,
    remedy: () => 'make another FineTuneJob for what is there now',
  }),
  KubernetesTooOld: entry<{ version: string; oldest: string }>({
    code: 'ESP-9320',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 3,
    message: ({ version, oldest }) => `this cluster runs Kubernetes ${version}, Espalier needs ${oldest} or later`,
    remedy: ({ oldest }) => `upgrade the cluster to Kubernetes ${oldest}, or install Espalier on another one`,
  }),
  ResourceNotServed: entry<{ resource: string }>({
    code: 'ESP-9321',
    retry: true,
    grpc: 'FAILED_PRECONDITION',
    exit: 3,
    message: ({ resource }) => `the API server does not serve ${resource}`,
    remedy: () =>
      'install the CustomResourceDefinition: set crds.install=true in the chart, or apply its templates/crd; the controller starts again by itself',
  }),
  SettingInvalid: entry<{ name: string; value: string; what: string }>({
    code: 'ESP-9309',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ name, value, what }) => `${name}=${JSON.stringify(value)}: ${what}`,
    remedy: ({ name }) => `correct ${name}; the chart sets it from its values`,
  }),
};
