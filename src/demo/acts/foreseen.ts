import { connectTcp } from '../../lab/index.ts';
import { type Act, delay, type Note, type Row, same } from '../act.ts';
import type { World } from '../world.ts';

const acme = '/v1/tenants/acme';
const name = 'clients-read';
const text = 'allow front-net to reach databases on postgresql';
const intent = { kind: 'Intent', metadata: { name, tenant: 'acme' }, spec: { text } };
const silenceMs = 1000;
const settleMs = 10_000;
const call = 'acme/client-1 → acme/db-1  tcp/5432';

interface End {
  readonly kind: string;
  readonly vm?: string;
  readonly group?: string;
}

interface Change {
  readonly change: string;
  readonly from: readonly End[];
  readonly to: readonly End[];
  readonly services: readonly string[];
  readonly traffic?: { readonly packets: number };
}

interface Plan {
  readonly results: readonly { readonly action: string; readonly intent?: { readonly meaning: string } }[];
  readonly connectivity: { readonly items: readonly Change[]; readonly complete: boolean };
  readonly flows: { readonly hosts: readonly { readonly host: string; readonly gained: number; readonly lost: number }[] };
}

/** A sentence is tried before it is stored, and its end before it is deleted. */
export const foreseen: Act = {
  title: 'Foreseen: a sentence is planned, stored, planned away and deleted',
  play: async (world, note) => {
    const rows = await begin(world, note);
    return [...rows, ...(await end(world, note))];
  },
};

async function begin(world: World, note: Note): Promise<Row[]> {
  note('planning a sentence');
  const planned = await world.api.ask<Plan>(`${acme}/plan`, [intent]);
  const closed = await connect(world);
  await world.api.put(`${acme}/intents/${name}`, intent);
  const open = await connect(world, settleMs);
  return [
    same(`plan "${text}"`, 'client-1, addresses of nobody: gains tcp/5432 to databases', spellChanges(planned)),
    {
      what: 'plan: flows on each host',
      expected: 'some gained on each of the three',
      seen: planned.flows.hosts.map(({ host, gained, lost }) => `${host} +${gained} -${lost}`).join(', '),
      ok: planned.flows.hosts.length === 3 && planned.flows.hosts.every(({ gained }) => gained > 0),
    },
    same(`${call}, planned only; then stored`, 'silence; connected', `${closed}; ${open}`),
  ];
}

async function end(world: World, note: Note): Promise<Row[]> {
  note('planning its end');
  const deletion = { delete: [{ kind: 'Intent', name }] };
  const deadline = performance.now() + settleMs;
  let planned = await world.api.ask<Plan>(`${acme}/plan`, deletion);
  // The switches are read for it, each once a second at most.
  while (!planned.connectivity.items.some(({ traffic }) => traffic) && performance.now() < deadline) {
    await delay(100);
    planned = await world.api.ask<Plan>(`${acme}/plan`, deletion);
  }
  await world.api.remove(`${acme}/intents/${name}`);
  return [
    same('plan its deletion', 'client-1, addresses of nobody: loses tcp/5432 to databases, which carries traffic', spellChanges(planned)),
    same(`${call}, deleted`, 'silence', await connect(world)),
  ];
}

async function connect(world: World, timeoutMs = silenceMs): Promise<string> {
  const target = { address: world.address('acme/db-1'), port: 5432 };
  const { outcome } = await connectTcp(world.lab, world.guest('acme/client-1'), target, timeoutMs);
  return outcome === 'timeout' ? 'silence' : outcome;
}

function spellChanges({ connectivity: { items, complete } }: Plan): string {
  const spellEnds = (ends: readonly End[]): string =>
    ends.map(({ kind, vm, group }) => vm ?? group ?? (kind === 'addresses' ? 'addresses of nobody' : kind)).join(', ');
  const changes = items.map(
    ({ change, from, to, services, traffic }) =>
      `${spellEnds(from)}: ${change} ${services.join(' ')} to ${spellEnds(to)}${traffic ? ', which carries traffic' : ''}`,
  );
  return complete ? changes.join('; ') || 'nothing' : 'not all';
}
