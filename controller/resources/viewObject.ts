import type { View } from '../../elastic/view.js';
import type { V1ConfigMap } from '../cluster/kube/objects.js';
import { childNames, metadataOf, type Owner } from './names.js';

/** The current view; replaced only at the resourceVersion that was read. */
export const viewObject = (owner: Owner, view: View, resourceVersion?: string): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    ...metadataOf(owner, childNames.view(owner.name), 'view'),
    ...(resourceVersion !== undefined && { resourceVersion }),
  },
  data: { 'view.json': JSON.stringify(view) },
});

export function readView({ data }: V1ConfigMap): View | undefined {
  const text = data?.['view.json'];
  return text === undefined ? undefined : (JSON.parse(text) as View);
}
