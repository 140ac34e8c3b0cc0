import { connectTcp } from '../../lab/index.ts';
import { type Act, awaited, type Note, type Row, same, spell } from '../act.ts';
import type { World } from '../world.ts';

const acme = '/v1/tenants/acme';
const telnetPath = `${acme}/policies/telnet-refused`;
const settleMs = 2000;
const connections = 10;

interface Side {
  readonly verdict: string;
  readonly tier: string;
  readonly policy?: string;
  readonly rule?: number;
}

interface Explanation {
  readonly passes: boolean;
  readonly egress: Side | null;
  readonly ingress: Side | null;
  readonly blockers: readonly { readonly code: string }[];
  readonly hosts: readonly { readonly name: string; readonly flows: readonly unknown[] }[];
}

interface Question {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port: number;
}

const toDatabase: Question = { from: 'web-1', to: 'db-1', protocol: 'tcp', port: 5432 };
const fromClient: Question = { from: 'client-1', to: 'db-1', protocol: 'tcp', port: 5432 };

/** Refuses aloud what was silence before, and leaves a record of it. */
const telnet = {
  kind: 'Policy',
  metadata: { name: 'telnet-refused', tenant: 'acme' },
  spec: { tier: 'tenant', order: 20, appliesTo: ['web'], ingress: [{ action: 'reject', services: ['telnet'], log: true }] },
};

export const why: Act = {
  title: 'Why: decided, explained, refused aloud, recorded and counted',
  play: async (world, note) => [
    ...(await decide(world)),
    ...(await explain(world, note)),
    ...(await reject(world, note)),
    ...(await count(world, note)),
  ],
};

const spellSide = (side: Side | null | undefined): string =>
  side === null || side === undefined
    ? 'nobody'
    : `${side.verdict} by ${side.tier}${side.policy === undefined ? '' : `/${side.policy}`}${side.rule === undefined ? '' : ` rule ${side.rule}`}`;

const spellQuestion = ({ from, to, protocol, port }: Question): string => `${from} → ${to} ${protocol}/${port}`;

/** Policy alone: what the acts before have tried with packets, asked of the classifier. */
async function decide(world: World): Promise<Row[]> {
  const questions = [toDatabase, fromClient];
  const { answers } = await world.api.ask<{ answers: readonly { verdict: string; ingress: Side | null }[] }>(`${acme}/decide`, {
    questions,
  });
  const expected = ['allow by tenant/databases-in rule 0', 'deny by posture'];
  return questions.map((question, index) =>
    same(`decide ${spellQuestion(question)}`, `${expected[index]}`, spellSide(answers[index]?.ingress)),
  );
}

async function explain(world: World, note: Note): Promise<Row[]> {
  note('asking why');
  const [passes, refused] = await Promise.all([toDatabase, fromClient].map((question) => explained(world, question)));
  const met = passes?.hosts.map(({ name, flows }) => `${name}: ${flows.length} flows`).join(', ') ?? '';
  return [
    same(
      `explain ${spellQuestion(toDatabase)}`,
      'passes: allow by tenant/outbound rule 0, allow by tenant/databases-in rule 0',
      spellExplanation(passes),
    ),
    {
      what: `explain ${spellQuestion(toDatabase)}: what a packet meets`,
      expected: 'flows on both hosts',
      seen: met,
      ok: passes?.hosts.length === 2 && passes.hosts.every(({ flows }) => flows.length > 0),
    },
    same(
      `explain ${spellQuestion(fromClient)}`,
      'does not pass: allow by tenant/outbound rule 0, deny by posture',
      spellExplanation(refused),
    ),
  ];
}

const explained = (world: World, question: object): Promise<Explanation> => world.api.ask(`${acme}/explain`, question);

const spellExplanation = (answer: Explanation | undefined): string =>
  `${answer?.passes === true ? 'passes' : 'does not pass'}: ${spellSide(answer?.egress)}, ${spellSide(answer?.ingress)}`;

/** What is rejected is answered at once, and recorded; what was so is remembered when it is so no more. */
async function reject(world: World, note: Note): Promise<Row[]> {
  note('a policy rejects telnet');
  const { metadata } = await world.api.put(telnetPath, telnet);
  const target = { address: world.address('acme/web-1'), port: 23 };
  const { outcome, elapsedMs } = await connectTcp(world.lab, world.guest('acme/client-1'), target, settleMs);
  const record = await awaited(async () => (await recordsOf(world)).find(({ policy }) => policy === telnet.metadata.name));
  await world.api.remove(telnetPath);
  const call: Question = { from: 'client-1', to: 'web-1', protocol: 'tcp', port: 23 };
  const [then, now] = await Promise.all([explained(world, { ...call, at: metadata.revision }), explained(world, call)]);
  return [
    {
      what: 'acme/client-1 → acme/web-1  tcp/23, now rejected',
      expected: 'refused at once, not silence',
      seen: outcome === 'refused' ? `refused in ${spell(elapsedMs)}` : outcome,
      ok: outcome === 'refused',
    },
    same(
      'its record in the log',
      'client-1 → web-1 tcp/23: reject by telnet-refused rule 0',
      record === undefined
        ? 'none'
        : `${record.packet.from.vm} → ${record.packet.to.vm} ${record.packet.protocol}/${record.packet.port}: ${record.verdict} by ${record.policy} rule ${record.rule}`,
    ),
    same(
      `the policy deleted: explain ${spellQuestion(call)}, now and then`,
      'deny by posture; reject by tenant/telnet-refused rule 0',
      `${spellSide(now.ingress)}; ${spellSide(then.ingress)}`,
    ),
  ];
}

interface LogRecord {
  readonly policy: string;
  readonly rule: number;
  readonly verdict: string;
  readonly packet: {
    readonly from: { readonly vm?: string };
    readonly to: { readonly vm?: string };
    readonly protocol: string;
    readonly port?: number;
  };
}

const recordsOf = async (world: World): Promise<readonly LogRecord[]> =>
  (await world.api.get<{ items: readonly LogRecord[] }>(`${acme}/log`)).items;

/** Each connection raises the counter of the rule that let it in, by one. */
async function count(world: World, note: Note): Promise<Row[]> {
  note('counting connections');
  const read = async (): Promise<number> => {
    const { items } = await world.api.get<{ items: readonly Counted[] }>(`${acme}/rules?refresh=true`);
    return items.find((item) => item.policy === 'databases-in' && item.rule === 0)?.connections ?? 0;
  };
  const before = await read();
  const target = { address: world.address('acme/db-1'), port: 5432 };
  for (let opened = 0; opened < connections; opened++) await connectTcp(world.lab, world.guest('acme/web-1'), target, settleMs);
  const counted = await awaited(async () => {
    const more = (await read()) - before;
    return more >= connections ? more : undefined;
  });
  return [
    same(
      `acme/web-1 → acme/db-1  tcp/5432, ${connections} times`,
      `databases-in rule 0: ${connections} more`,
      `databases-in rule 0: ${counted ?? 'fewer'} more`,
    ),
  ];
}

interface Counted {
  readonly policy: string;
  readonly rule: number;
  readonly connections: number;
}
