import { connect, createServer, type Socket } from 'node:net';

/** What a way between two workers does to bytes. `cut`: they stop flowing in this direction, as packets that are lost do. */
export interface Way {
  delayMs: number;
  cut: boolean;
}

/** The proxy of one worker: everybody reaches it here instead of where it listens. */
export interface LinkProxy {
  readonly id: string;
  /** Closes every connection to it; `reset`: at once and from both sides. @returns how many. */
  disconnect(how: 'drop' | 'reset'): number;
  close(): void;
}

/** Who opened a connection on which no worker has said hello. */
export const fromLauncher = 'launcher';

/** Ways by `from>to`; both directions of each connection follow them, whoever opened it. */
export type Ways = Map<string, Way>;

const socketSuffix = '.way';
export const reachedBy = (address: string): string => `${address}${socketSuffix}`;

/**
 * A member's name in the first bytes of a connection: in the hello of its link, which is not compressed, some bytes after the
 * hash of the recipe. Names alone prove nothing: the launcher's views hold all of them.
 */
const hello = /[0-9a-f]{64}[\s\S]{1,8}?(worker-\d+\.[0-9a-f]+-\d+)/;
const mostSniffedBytes = 65_536;

/** Stands where `reachedBy(address)` says and passes bytes on as `ways` allow. */
export async function startLinkProxy(id: string, address: string, ways: Ways): Promise<LinkProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    const upstream = connect(address.slice('unix:'.length));
    const pair = [client, upstream] as const;
    pairs.add(pair);
    let from = fromLauncher;
    let sniffed = '';
    const sniff = (bytes: Buffer) => {
      if (from !== fromLauncher || sniffed.length > mostSniffedBytes) return;
      sniffed += bytes.toString('latin1');
      from = hello.exec(sniffed)?.[1] ?? fromLauncher;
    };
    const wayOf = (forward: boolean) => ways.get(forward ? `${from}>${id}` : `${id}>${from}`);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    pass(client, upstream, () => wayOf(true), sniff);
    pass(
      upstream,
      client,
      () => wayOf(false),
      () => {},
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(reachedBy(address).slice('unix:'.length), resolve);
  });
  const disconnect = (how: 'drop' | 'reset') => {
    const open = [...pairs];
    for (const [client, upstream] of open) {
      if (how === 'drop') client.end();
      else client.destroy();
      upstream.destroy();
    }
    return open.length;
  };
  return {
    id,
    disconnect,
    close: () => {
      server.close();
      disconnect('reset');
    },
  };
}

const whileCutMs = 20;

/** Bytes in order; held back while the way is cut, late while it is slow. Nobody is told, as on a network. */
function pass(source: Socket, target: Socket, way: () => Way | undefined, onBytes: (bytes: Buffer) => void): void {
  let last = Promise.resolve();
  source.on('data', (bytes: Buffer) => {
    onBytes(bytes);
    source.pause();
    last = last
      .then(async () => {
        const delayMs = way()?.delayMs ?? 0;
        if (delayMs > 0) await later(delayMs);
        while (way()?.cut && !target.destroyed) await later(whileCutMs);
        if (target.destroyed || target.write(bytes)) return;
        await new Promise((resolve) => target.once('drain', resolve).once('close', resolve));
      })
      .then(() => void source.resume());
  });
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
