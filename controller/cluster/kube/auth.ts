import type { V1SubjectAccessReview, V1TokenReview } from '@kubernetes/client-node';
import { fail } from '../../../api/errors.js';
import { group } from '../../../api/fineTuneJob.js';
import type { Access, Caller } from '../../query/access.js';
import type { PodAttestor } from '../../query/identityService.js';
import { labels } from '../../resources/names.js';
import { workerAudience } from '../../settings.js';
import type { KubeClient } from './client.js';
import { type Resource, resources } from './resources.js';

const tokenReviews: Resource<V1TokenReview> = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
};
const accessReviews: Resource<V1SubjectAccessReview> = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
};

/** The API server says who a token belongs to and what its owner may read. */
export const kubeAccess = (client: KubeClient): Access => ({
  identify: (token, signal) => review(client, token, undefined, signal),
  async allowed(caller, verb, namespace, signal) {
    const resourceAttributes = { group, resource: 'finetunejobs', verb, ...(namespace !== '' && { namespace }) };
    const { user, uid, groups, extra } = caller;
    const spec = {
      user,
      groups: [...groups],
      ...(uid !== '' && { uid }),
      extra: Object.fromEntries(Object.entries(extra).map(([name, values]) => [name, [...values]])),
      resourceAttributes,
    };
    const answer = await client.create(accessReviews, { ...bodyOf(accessReviews), spec }, signal);
    return answer !== 'exists' && answer.status?.allowed === true && answer.status.denied !== true;
  },
});

/** Undefined when the token is nobody's, has another audience, or has expired. */
async function review(
  client: KubeClient,
  token: string,
  audience: string | undefined,
  signal: AbortSignal,
): Promise<Caller | undefined> {
  const spec = { token, ...(audience && { audiences: [audience] }) };
  const answer = await client.create(tokenReviews, { ...bodyOf(tokenReviews), spec }, signal);
  if (answer === 'exists' || !answer.status?.authenticated) return undefined;
  // A server that knows no audiences answers without them: then the token was not checked for ours.
  if (audience && !answer.status.audiences?.includes(audience)) return undefined;
  const { username = '', uid = '', groups = [], extra = {} } = answer.status.user ?? {};
  return { user: username, uid, groups, extra };
}

const bodyOf = ({ apiVersion, kind }: Resource<unknown>) => ({ apiVersion, kind });

const podName = 'authentication.kubernetes.io/pod-name';
const podUid = 'authentication.kubernetes.io/pod-uid';

/** Which pod holds the token, and that the controller made this pod: pod -> worker Job -> FineTuneJob, by UID. */
export const kubePodAttestor = (client: KubeClient): PodAttestor => ({
  async attest(token, signal) {
    const caller = await review(client, token, workerAudience, signal);
    if (!caller) fail('CallerUnknown', { why: `the API server does not accept the token for ${workerAudience}` });
    const namespace = /^system:serviceaccount:([^:]+):/.exec(caller.user)?.[1];
    const [name, uid] = [caller.extra[podName]?.[0], caller.extra[podUid]?.[0]];
    if (!namespace || !name || !uid) fail('CallerUnknown', { why: `the token of ${caller.user} is bound to no pod` });
    const refuse = (why: string): never => fail('CertificateRefused', { pod: `${namespace}/${name}`, why });

    const pod = await client.get(resources.pods, { namespace, name }, signal);
    if (pod?.metadata?.uid !== uid) return refuse('that pod is gone');
    if (pod.metadata.deletionTimestamp) return refuse('the pod is being deleted');
    const job = pod.metadata.labels?.[labels.job];
    const jobUid = pod.metadata.labels?.[labels.jobUid];
    if (!job || !jobUid) return refuse('it belongs to no FineTuneJob');
    const ownerName = ownerOf(pod.metadata.ownerReferences, 'Job')?.name;
    const workers = ownerName && (await client.get(resources.jobs, { namespace, name: ownerName }, signal));
    if (!workers || workers.metadata?.uid !== ownerOf(pod.metadata.ownerReferences, 'Job')?.uid)
      return refuse('no Job of workers owns it');
    if (ownerOf(workers.metadata?.ownerReferences, 'FineTuneJob')?.uid !== jobUid)
      return refuse(`its Job does not belong to the FineTuneJob ${job}`);
    const resource = await client.get(resources.fineTuneJobs, { namespace, name: job }, signal);
    if (resource?.metadata?.uid !== jobUid) return refuse(`the FineTuneJob ${job} is gone`);
    return { namespace, job, jobUid, podUid: uid, name };
  },
});

interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

const ownerOf = (references: readonly OwnerReference[] | undefined, kind: string): OwnerReference | undefined =>
  references?.find((reference) => reference.controller === true && reference.kind === kind);
