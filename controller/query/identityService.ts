import { fail } from '../../api/errors.js';
import { type PodIdentity, podUri } from '../../api/podIdentity.js';
import type { Handlers } from '../../proto/transport.js';
import { bearerOf } from './access.js';
import type { CertificateAuthority } from './authority.js';

/** One worker pod, as the API server vouches for it. */
export interface AttestedPod extends PodIdentity {
  readonly name: string;
}

/** Asks the API server which pod a token of audience `espalier` is bound to, and the cluster whose pod that is. */
export interface PodAttestor {
  /** Throws `CallerUnknown` for a token that is no pod's, `CertificateRefused` for a pod of no job. */
  attest(token: string, signal: AbortSignal): Promise<AttestedPod>;
}

export interface IdentityDeps {
  readonly attestor: PodAttestor;
  readonly authority: CertificateAuthority;
  /** The token of the job that a pod belongs to. */
  readonly tokenOf: (pod: AttestedPod) => string;
}

/** Worker certificates: the key never leaves the pod, the names are ours. Who gets one gets the token of its job. */
export const identityService = ({ attestor, authority, tokenOf }: IdentityDeps): Handlers<'Identity'> => ({
  async issue({ certificateRequest }, { metadata, signal }) {
    const pod = await attestor.attest(bearerOf(metadata), signal);
    const uri = podUri(pod);
    const issued = await authority
      .issueFor(certificateRequest, uri)
      .catch((cause: unknown) =>
        fail(
          'CertificateRefused',
          { pod: `${pod.namespace}/${pod.name}`, why: 'its request cannot be read' },
          { cause },
        ),
      );
    return {
      certificate: issued.certificate,
      authority: authority.trusted,
      identity: uri,
      expiresMs: issued.expiresMs,
      jobToken: tokenOf(pod),
    };
  },
});
