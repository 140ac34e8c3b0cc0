import type { Submitted, Write } from '../admission/index.ts';
import type { ApiPorts } from './ports.ts';
import { ProblemError } from './problem.ts';
import type { WriteResult } from './schema/answers.ts';
import { timeoutMsDefault } from './schema/requests.ts';

export interface WriteQuery {
  readonly dryRun?: boolean;
  readonly wait?: 'realized';
  readonly timeoutMs?: number;
}

/** Admits, stores, and waits for the switches when that was asked. */
export async function write(ports: ApiPorts, writes: readonly Write[], query: WriteQuery): Promise<Submitted> {
  const dryRun = query.dryRun === true;
  const submitted = await ports.admission.submit({ writes, dryRun });
  if (query.wait === 'realized' && !dryRun) await realized(ports, submitted.revision, query.timeoutMs ?? timeoutMsDefault);
  return submitted;
}

async function realized(ports: ApiPorts, revision: number, timeoutMs: number): Promise<void> {
  const outcome = await ports.realized.waitRealized(revision, timeoutMs);
  if (outcome.realized) return;
  const { waiting } = outcome;
  const hosts = waiting.map(({ host, reason }) => `${host} (${reason})`).join(', ');
  throw new ProblemError('not-realized', `revision ${revision} is stored, but was not carried out within ${timeoutMs} ms by: ${hosts}`, {
    revision,
    waiting: [...waiting],
  });
}

export function writeResult(submitted: Submitted, query: WriteQuery): WriteResult {
  return {
    revision: submitted.revision,
    ...(query.dryRun === true && { dryRun: true as const }),
    results: submitted.results.map(({ kind, tenant, name, action }) => ({ kind, ...(tenant !== undefined && { tenant }), name, action })),
  };
}
