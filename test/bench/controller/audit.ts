import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Call } from './calls.js';

const logOf = (folder: string): string => join(folder, 'audit.log');

/**
 * The API server's metrics know no users, its audit log does: one line per answered call of this user, and nothing of others.
 * Written at once, so that whoever has seen an effect finds its call here.
 */
export async function auditFlags(folder: string, user: string): Promise<readonly string[]> {
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived', 'ResponseStarted', 'Panic'],
    rules: [{ level: 'Metadata', users: [user] }, { level: 'None' }],
  };
  const path = join(folder, 'audit-policy.json');
  await writeFile(path, JSON.stringify(policy));
  return [`--audit-policy-file=${path}`, `--audit-log-path=${logOf(folder)}`, '--audit-log-mode=blocking'];
}

interface AuditLine {
  readonly verb: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
}

export async function readAudit(folder: string): Promise<readonly Call[]> {
  const text = await readFile(logOf(folder), 'utf8').catch(() => '');
  // What follows the last newline is being written.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter(Boolean).map((line) => {
    const { verb, objectRef, responseStatus } = JSON.parse(line) as AuditLine;
    const resource = [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/') || 'raw';
    return { verb, resource, code: responseStatus?.code ?? 0 };
  });
}
