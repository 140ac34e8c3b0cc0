import { presentSpec } from '../../policies/model/index.ts';
import { contradictions } from '../admission/index.ts';
import type { Contradictions, Submitted, Write } from '../admission/index.ts';
import { WeirError } from '../base/errors.ts';
import { inSlices } from '../base/slices.ts';
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
  if (query.wait === 'realized' && !dryRun) await realized(ports, submitted, query.timeoutMs ?? timeoutMsDefault);
  return submitted;
}

/** What stood as it was asked for may be under way still: a repeat waits for what it repeats. */
async function realized(ports: ApiPorts, { revision, results }: Submitted, timeoutMs: number): Promise<void> {
  const revisions = new Set([revision]);
  for (const { action, after } of results) if (action === 'unchanged' && after) revisions.add(after.revision);
  const outcomes = await Promise.all([...revisions].map((each) => ports.realized.waitRealized(each, timeoutMs)));
  const reasons = new Map(outcomes.flatMap((each) => (each.realized ? [] : each.waiting)).map(({ host, reason }) => [host, reason]));
  if (outcomes.every((each) => each.realized)) return;
  const waiting = [...reasons].map(([host, reason]) => ({ host, reason }));
  const hosts = waiting.map(({ host, reason }) => `${host} (${reason})`).join(', ');
  throw new ProblemError('not-realized', `revision ${revision} is stored, but was not carried out within ${timeoutMs} ms by: ${hosts}`, {
    revision,
    waiting,
  });
}

export async function writeResult(ports: ApiPorts, submitted: Submitted, query: WriteQuery): Promise<WriteResult> {
  const intents = submitted.results.flatMap(({ after, compiled }) =>
    after?.document.kind === 'Intent' && compiled !== undefined ? [after.document] : [],
  );
  const connected = await connectedHosts(ports, submitted);
  const found = await inSlices(contradictions(ports.admission.snapshot(), intents), ports.clock);
  return {
    revision: submitted.revision,
    ...(query.dryRun === true && { dryRun: true as const }),
    results: submitted.results.map((result) => {
      const { kind, tenant, name, action } = result;
      const warning = kind === 'Host' && connected.has(name) ? hostWarning(name) : undefined;
      return {
        kind,
        ...(tenant !== undefined && { tenant }),
        name,
        action,
        ...flowsOf(result),
        ...intentOf(result, found),
        ...(warning !== undefined && { warning }),
      };
    }),
  };
}

/** Of the hosts that are deleted, those that are connected, as far as that can be told: what was stored is answered all the same. */
async function connectedHosts({ read }: ApiPorts, { results }: Submitted): Promise<ReadonlySet<string>> {
  const deleted = new Set(results.flatMap(({ kind, name, action }) => (kind === 'Host' && action === 'deleted' ? [name] : [])));
  if (deleted.size === 0) return deleted;
  const hosts = await read.hosts().catch((error: unknown) => {
    if (error instanceof WeirError) return [];
    throw error;
  });
  return new Set(hosts.flatMap(({ name, ovsdb }) => (ovsdb && deleted.has(name) ? [name] : [])));
}

const hostWarning = (name: string): string =>
  `${name} is connected: it keeps its flows, nothing can be placed on it, and it comes back when it connects again or is put again; to be rid of it, "ovs-vsctl del-manager" there first`;

const flowsOf = ({ flows }: Submitted['results'][number]): Pick<WriteResult['results'][number], 'flows'> => (flows ? { flows } : {});

/** What an intent means and comes to, said also when it is not stored. */
function intentOf(
  { after, compiled }: Submitted['results'][number],
  found: Contradictions,
): Pick<WriteResult['results'][number], 'intent'> {
  const document = after?.document;
  if (document?.kind !== 'Intent' || compiled === undefined) return {};
  const documents = compiled.map((owned) => ({ kind: owned.kind, name: owned.name, spec: presentSpec(owned) as Record<string, unknown> }));
  return { intent: { meaning: document.spec.echo, documents, conflicts: [...(found.get(document) ?? [])] } };
}
