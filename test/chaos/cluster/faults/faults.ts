import type { Cluster } from '../../../cluster/cluster.js';
import { type Catalogue, catalogueOf } from '../../place.js';
import { type ClusterCase, needs, type Scene } from '../scene.js';
import { controller, controlPlane, node } from './cluster.js';
import { allWorkers, worker } from './workers.js';

type Table = Readonly<Record<string, Readonly<Record<string, ClusterCase>>>>;

/** Everything that is done to a training in a cluster, by kind and case. */
const faults: Table = { worker, allWorkers, node, controller, controlPlane };

export interface PossibleFaults {
  readonly possible: Catalogue<ClusterCase>;
  /** The others, each with the reason. */
  readonly leftOut: readonly string[];
}

/** What can be done to this cluster. */
export function faultsFor(cluster: Cluster): PossibleFaults {
  const lacks = ({ needs: what }: ClusterCase) => what && needs[what](cluster);
  const kinds = Object.entries(faults).map(([kind, cases]) => [kind, Object.entries(cases)] as const);
  const table = kinds.map(([kind, cases]) => [kind, Object.fromEntries(cases.filter(([, each]) => !lacks(each)))]);
  return {
    possible: catalogueOf<Scene>(Object.fromEntries(table)),
    leftOut: kinds.flatMap(([kind, cases]) =>
      cases.flatMap(([name, each]) => (lacks(each) ? [`${kind}: ${name}: ${lacks(each)}`] : [])),
    ),
  };
}
