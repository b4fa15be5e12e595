import { fail } from '../../api/errors.js';
import { status } from '../../api/sections/status.js';
import type { Handlers } from '../../proto/transport.js';
import { type Access, Rights } from './access.js';
import type { Jobs } from './jobs.js';

export interface QueryDeps {
  readonly jobs: Jobs;
  readonly access: Access;
}

const defaultPageSize = 100;
const largestPage = 500;
const knownStates: readonly string[] = status.shape.state.unwrap().options;

/** The gRPC status: what a caller may not read looks as if it were not there. */
export const queryService = ({ jobs, access }: QueryDeps): Handlers<'Query'> => ({
  async getJob({ namespace, name }, context) {
    needed({ namespace, name });
    await new Rights(access, context).need('get', namespace);
    return jobs.get({ namespace, name }) ?? fail('JobUnknown', { namespace, name });
  },

  async listJobs({ namespace, states, pageSize, pageToken }, context) {
    checkStates(states);
    if (pageSize > largestPage) fail('QueryInvalid', { field: 'page_size', what: `is ${pageSize}, not 1 to 500` });
    const rights = new Rights(access, context);
    await admitted(rights, 'list', namespace);
    const page = { size: pageSize || defaultPageSize, token: pageToken };
    const found = await jobs.list({ namespace, states }, page, (one) => rights.sees('list', one));
    return { jobs: [...found.jobs], nextPageToken: found.next ?? '' };
  },

  async *watchJobs({ namespace, name, resumeToken }, context) {
    const rights = new Rights(access, context);
    await admitted(rights, 'watch', namespace);
    for await (const change of jobs.changes({ namespace, name }, resumeToken, context.signal)) {
      if (change.kind === 'SYNCED') yield { kind: change.kind, resumeToken: change.token };
      else if (await rights.sees('watch', change.job.namespace))
        yield { kind: change.kind, job: change.job, resumeToken: change.token };
      // A right that was taken back ends the stream; in an open namespace filter the jobs just vanish from it.
      else if (namespace !== '') await rights.need('watch', namespace);
    }
  },

  async *watchMetrics({ namespace, name, afterStep }, context) {
    needed({ namespace, name });
    const rights = new Rights(access, context);
    await rights.need('watch', namespace);
    for await (const point of jobs.points({ namespace, name }, afterStep, context.signal)) {
      await rights.need('watch', namespace);
      yield point;
    }
  },
});

/** A namespace that was asked for must be allowed; without one a known caller gets what it may see. */
async function admitted(rights: Rights, verb: 'list' | 'watch', namespace: string): Promise<void> {
  if (namespace === '') await rights.caller();
  else if (!(await rights.sees(verb, namespace))) await rights.need(verb, namespace);
}

function needed(fields: Readonly<Record<string, string>>): void {
  for (const [field, value] of Object.entries(fields))
    if (value === '') fail('QueryInvalid', { field, what: 'is missing' });
}

function checkStates(states: readonly string[]): void {
  const wrong = states.find((state) => !knownStates.some((known) => known.toLowerCase() === state.toLowerCase()));
  if (wrong !== undefined)
    fail('QueryInvalid', { field: 'states', what: `has ${wrong}, not one of ${knownStates.join(', ')}` });
}
