import { fail } from '../../../api/errors.js';
import type { View } from '../../../elastic/view.js';
import type { ViewStore } from '../../membership/viewStore.js';
import { childNames, isOwnedBy, type Owner } from '../../resources/names.js';
import { readView, viewObject } from '../../resources/viewObject.js';
import type { KubeClient } from './client.js';
import type { V1ConfigMap } from './objects.js';
import { resources } from './resources.js';

export interface KubeViewStoreOptions {
  readonly client: KubeClient;
  readonly owner: Owner;
  readonly signal: AbortSignal;
  /** The highest number that was ever published: were the object deleted, numbers would not begin anew. */
  readonly floor: number;
  /** The object as a mirror knows it: for the first read, which most jobs find nothing by. Writes always ask the server. */
  readonly mirrored?: (() => V1ConfigMap | undefined) | undefined;
}

/** Views in one ConfigMap, replaced only at the resourceVersion that was read. */
export function kubeViewStore({ client, owner, signal, floor, mirrored }: KubeViewStoreOptions): ViewStore {
  const at = { namespace: owner.namespace, name: childNames.view(owner.name) };
  let isFirst = true;
  const stored = async (from?: () => V1ConfigMap | undefined): Promise<V1ConfigMap | undefined> => {
    const found = from ? from() : await client.get(resources.configMaps, at, signal);
    if (found && !isOwnedBy(found, owner.uid)) fail('NameTaken', { kind: 'ConfigMap', name: at.name });
    return found;
  };
  const viewOf = (object: V1ConfigMap | undefined): View | undefined =>
    (object && readView(object)) ?? (floor > 0 ? { number: floor, members: [] } : undefined);
  return {
    async read() {
      const found = await stored(isFirst ? mirrored : undefined);
      isFirst = false;
      return viewOf(found);
    },
    async write(view) {
      const found = await stored();
      if (view.number <= (viewOf(found)?.number ?? 0)) return 'taken';
      if (!found)
        return (await client.create(resources.configMaps, viewObject(owner, view), signal)) === 'exists'
          ? 'taken'
          : 'written';
      const object = viewObject(owner, view, found.metadata?.resourceVersion);
      const answer = await client.replace(resources.configMaps, object, signal);
      return typeof answer === 'string' ? 'taken' : 'written';
    },
  };
}
