import { fail } from '../../api/errors.js';
import type { Handlers } from '../../proto/transport.js';
import { bearerOf } from './access.js';
import type { CertificateAuthority } from './authority.js';

/** One worker pod, as the API server vouches for it. */
export interface PodIdentity {
  readonly namespace: string;
  readonly job: string;
  readonly pod: string;
}

/** Asks the API server which pod a token of audience `espalier` is bound to, and the cluster whose pod that is. */
export interface PodAttestor {
  /** Throws `CallerUnknown` for a token that is no pod's, `CertificateRefused` for a pod of no job. */
  attest(token: string, signal: AbortSignal): Promise<PodIdentity>;
}

export interface IdentityDeps {
  readonly attestor: PodAttestor;
  readonly authority: CertificateAuthority;
}

/** Worker certificates: the key never leaves the pod, the names are ours. */
export const identityService = ({ attestor, authority }: IdentityDeps): Handlers<'Identity'> => ({
  async issue({ certificateRequest }, { metadata, signal }) {
    const pod = await attestor.attest(bearerOf(metadata), signal);
    const uri = identityUri(pod);
    const issued = await authority
      .issueFor(certificateRequest, uri)
      .catch((cause: unknown) =>
        fail(
          'CertificateRefused',
          { pod: `${pod.namespace}/${pod.pod}`, why: 'its request cannot be read' },
          { cause },
        ),
      );
    return {
      certificate: issued.certificate,
      authority: authority.certificate,
      identity: uri,
      expiresMs: issued.expiresMs,
    };
  },
});

/** The URI name in a worker's certificate. */
export const identityUri = ({ namespace, job, pod }: PodIdentity): string =>
  `spiffe://espalier/${namespace}/${job}/${pod}`;

/** What the workers of one job, and its controller, trust: certificates of that job alone. */
export const identityOfJob =
  (namespace: string, job: string) =>
  (uri: string): boolean =>
    uri === controllerUri || uri.startsWith(`spiffe://espalier/${namespace}/${job}/`);

export const controllerUri = 'spiffe://espalier/controller';
