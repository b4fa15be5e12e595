import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Protos } from '../../proto/load.js';
import { bind, createServer } from '../../proto/serve.js';
import { type Listening, type ListenOptions, type ServedService, service } from '../../proto/transport.js';
import { type IdentityDeps, identityService } from './identityService.js';
import { type QueryDeps, queryService } from './service.js';

export interface StatusServerOptions extends QueryDeps, Pick<ListenOptions, 'address' | 'tls' | 'log'> {
  readonly protos: Protos;
  /** Absent where workers need no certificates, e.g. on one machine. */
  readonly identity?: IdentityDeps;
}

export interface StatusServer extends Listening {
  /** What the health service answers. Serving from the start; not while the jobs are not known yet or at the end. */
  setServing(serving: boolean): void;
}

const query = 'espalier.v1.Query';

/** The status for people and programs: Query, health, and reflection so that grpcurl needs no .proto files. */
export async function statusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { protos, identity } = options;
  const services: ServedService[] = [service('Query', queryService(options))];
  if (identity) services.push(service('Identity', identityService(identity)));
  const server = createServer(protos, services, { ...options, token: null });
  const health = new HealthImplementation({ '': 'SERVING', [query]: 'SERVING' });
  health.addToServer(server);
  new ReflectionService(protos.reflectable(), {
    services: [...services.map(({ name }) => `espalier.v1.${name}`), 'grpc.health.v1.Health'],
  }).addToServer(server);
  const listening = await bind(server, options);
  return {
    ...listening,
    setServing(serving) {
      for (const name of ['', query]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
    },
  };
}
