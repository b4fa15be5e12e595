/** A pod of workers, as its certificate names it. */
export interface PodIdentity {
  readonly namespace: string;
  /** Name and UID of the FineTuneJob: another job of the same name is another job. */
  readonly job: string;
  readonly jobUid: string;
  readonly podUid: string;
}

export const controllerUri = 'spiffe://espalier/controller';

/** The URI name in a worker's certificate. */
export const podUri = ({ namespace, job, jobUid, podUid }: PodIdentity): string =>
  `spiffe://espalier/${namespace}/${job}/${jobUid}/${podUid}`;

/** The URI of another pod of the job to which the pod `own` belongs. */
export const siblingUri = (own: string, podUid: string): string => `${familyOf(own)}${podUid}`;

/** Is it a pod of the job to which the pod `own` belongs? */
export const isSibling = (own: string, uri: string): boolean => {
  const family = familyOf(own);
  return uri.startsWith(family) && /^[^/]+$/.test(uri.slice(family.length));
};

const familyOf = (uri: string): string => uri.slice(0, uri.lastIndexOf('/') + 1);
