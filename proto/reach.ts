import { type Socket, connect as tcp } from 'node:net';
import { fail } from '../api/errors.js';
import type { CallOptions } from './transport.js';

/**
 * Whether somebody listens at an address: a TCP connection, closed at once. Far cheaper than a channel with TLS of its own, of
 * which a controller would make thousands for pods that do not listen yet. Throws `PeerUnreachable`.
 */
export async function reach(address: string, { signal, timeoutMs = 10_000 }: CallOptions = {}): Promise<void> {
  signal?.throwIfAborted();
  const socket = tcp(placeOf(address));
  const abort = () => socket.destroy(new Error('given up'));
  signal?.addEventListener('abort', abort, { once: true });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
  try {
    await connected(socket);
  } catch (error) {
    signal?.throwIfAborted();
    fail('PeerUnreachable', { address, what: error instanceof Error ? error.message : String(error) });
  } finally {
    signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
}

const connected = (socket: Socket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    // Stays: a socket that is let go of may still fail.
    socket.on('error', reject);
  });

/** `host:port`, `[v6]:port` or `unix:/path`. */
function placeOf(address: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const end = address.lastIndexOf(':');
  return { host: address.slice(0, end).replace(/^\[|\]$/g, ''), port: Number(address.slice(end + 1)) };
}
