import { X509Certificate } from 'node:crypto';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { Access } from '../../controller/query/access.js';
import { type CertificateAuthority, memoryAuthorityStore, openAuthority } from '../../controller/query/authority.js';
import { controllerUri, type PodAttestor } from '../../controller/query/identityService.js';
import type { Jobs } from '../../controller/query/jobs.js';
import { type StatusServer, statusServer } from '../../controller/query/server.js';
import { connect } from '../../proto/call.js';
import { loadProtos } from '../../proto/load.js';
import type { Connection } from '../../proto/transport.js';

export interface RunningStatus extends AsyncDisposable {
  readonly server: StatusServer;
  readonly authority: CertificateAuthority;
  /** Over TLS, as a person with this token. */
  readonly as: (token: string) => Connection;
}

/** The status service as the controller runs it: real gRPC, TLS by a fresh authority, on localhost. */
export async function aStatusServer(
  jobs: Jobs,
  access: Access,
  { attestor, listen = 'localhost:0' }: { attestor?: PodAttestor; listen?: string } = {},
): Promise<RunningStatus> {
  const protos = loadProtos();
  const authority = await openAuthority(memoryAuthorityStore(), systemClock, new AbortController().signal);
  const own = await authority.issueServer({ uri: controllerUri, dns: ['localhost'] });
  const server = await statusServer({
    protos,
    jobs,
    access,
    address: listen,
    log: silentLogger,
    tls: { certificate: Buffer.from(own.certificate), key: Buffer.from(own.key) },
    ...(attestor && { identity: { attestor, authority } }),
  });
  const connections: Connection[] = [];
  return {
    server,
    authority,
    as: (token) => {
      const tls = { authority: Buffer.from(authority.certificate) };
      const connection = connect(protos, server.address, { token, tls });
      connections.push(connection);
      return connection;
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      await server.close();
    },
  };
}

/** The names in a certificate, and until when it holds. */
export function namesOf(pem: string): { readonly names: string; readonly validTo: number } {
  const certificate = new X509Certificate(pem);
  return { names: certificate.subjectAltName ?? '', validTo: Date.parse(certificate.validTo) };
}
