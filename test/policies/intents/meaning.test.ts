import { expect, test } from 'vitest';
import { Random } from '../../../bench/workloads/random.ts';
import { parseAddress, parsePrefix, prefixContains } from '../../../src/base/addresses.ts';
import { compileMeaning, echo, understand } from '../../../policies/intents/index.ts';
import type { Problem } from '../../../policies/intents/index.ts';
import { judge } from '../../../policies/index.ts';
import type { Documents, End, Packet, SideVerdict } from '../../../policies/index.ts';
import { smallOffice } from './small-office.ts';

/** A party in words, and who that is, written down apart from the rooms under test. `local`: as interfaces; `peer`: as addresses too. */
interface Who {
  readonly text: string;
  readonly local: (vm: Subject) => boolean;
  readonly peer: (end: Place) => boolean;
  readonly addressesOnly?: true;
}
type Subject = { readonly name: string; readonly labels: Readonly<Record<string, string>> };
interface Place {
  readonly address: string;
  readonly vm: Subject | undefined;
}

const labelled = (text: string, key: string, value: string): Who => ({
  text,
  local: ({ labels }) => labels[key] === value,
  peer: ({ vm }) => vm?.labels[key] === value,
});
const block = (text: string, cidr: string): Who => ({
  text,
  local: () => false,
  peer: ({ address }) => prefixContains(parsePrefix(cidr), parseAddress(address)),
  addressesOnly: true,
});
const isPrivate = (address: string): boolean =>
  ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'].some((cidr) =>
    prefixContains(parsePrefix(cidr), parseAddress(address)),
  );

const parties: readonly [Who, ...Who[]] = [
  { text: 'anywhere', local: () => true, peer: () => true },
  { text: 'all VMs', local: () => true, peer: ({ vm }) => vm !== undefined },
  labelled('web servers', 'app', 'web'),
  labelled('databases', 'role', 'database'),
  labelled('guests', 'app', 'guest'),
  labelled('the lab', 'env', 'lab'),
  labelled('env=production', 'env', 'production'),
  { text: 'vm db-1', local: ({ name }) => name === 'db-1', peer: ({ vm }) => vm?.name === 'db-1' },
  { text: 'network backend', local: () => true, peer: ({ vm }) => vm !== undefined },
  block('office', '198.51.100.0/24'),
  block('10.0.0.8/30', '10.0.0.8/30'),
  { text: 'the internet', local: () => false, peer: ({ address }) => !isPrivate(address), addressesOnly: true },
];

interface What {
  readonly text: string;
  readonly has: (packet: Packet) => boolean;
}
const port = (text: string, protocol: string, first: number, last = first): What => ({
  text,
  has: (packet) => 'port' in packet && packet.protocol === protocol && first <= packet.port && packet.port <= last,
});
const everything: What = { text: 'everything', has: () => true };
const services: readonly [What, ...What[]] = [
  port('https', 'tcp', 443),
  port('ssh', 'tcp', 22),
  port('tcp 400-500', 'tcp', 400, 500),
  port('udp 53', 'udp', 53),
  { text: 'ping', has: (packet) => packet.protocol === 'icmp' && packet.type === 8 },
  port('ledger', 'tcp', 7001),
];

/** What one sentence says, from the strongest to the weakest of the whole: see docs/intents.md. */
interface Claim {
  readonly strength: number;
  readonly verdict: 'allow' | 'deny' | 'reject';
  readonly from: Who;
  readonly to: Who;
  readonly what: What;
}
interface Spoken {
  readonly text: string;
  readonly claims: readonly Claim[];
}

function spoken(random: Random): Spoken {
  const [from, to] = [random.pick(parties), random.pick(parties)];
  const [what, excepted] = [random.chance(0.4) ? everything : random.pick(services), random.pick(services)];
  switch (random.integer(0, 6)) {
    case 0:
      return { text: `allow ${what.text} from ${from.text} to ${to.text}`, claims: [{ strength: 5, verdict: 'allow', from, to, what }] };
    case 1: {
      const verdict = random.pick(['deny', 'reject']);
      return { text: `${verdict} ${what.text} from ${from.text} to ${to.text}`, claims: [{ strength: 0, verdict, from, to, what }] };
    }
    case 2:
      return {
        text: `deny everything from ${from.text} to ${to.text} except ${excepted.text}`,
        claims: [
          { strength: 3, verdict: 'allow', from, to, what: excepted },
          { strength: 4, verdict: 'deny', from, to, what: everything },
        ],
      };
    case 3:
      return {
        text: `allow ${from.text} to reach ${to.text} except on ${excepted.text}`,
        claims: [
          { strength: 0, verdict: 'deny', from, to, what: excepted },
          { strength: 5, verdict: 'allow', from, to, what: everything },
        ],
      };
    case 4:
      return {
        text: `isolate ${from.text} from ${to.text}`,
        claims: isolation(from, to),
      };
    case 5:
      return {
        text: `let only ${from.text} reach ${to.text}${what === everything ? '' : ` on ${what.text}`}`,
        claims: [
          { strength: 3, verdict: 'allow', from, to, what },
          { strength: 4, verdict: 'deny', from: parties[0], to, what },
        ],
      };
    default:
      return {
        text: `let ${from.text} reach ${to.text} on ${excepted.text} only`,
        claims: [
          { strength: 3, verdict: 'allow', from, to, what: excepted },
          { strength: 4, verdict: 'deny', from, to, what: everything },
        ],
      };
  }
}

function isolation(from: Who, to: Who): readonly Claim[] {
  const all = to.text === 'anywhere';
  const both = (a: Who, b: Who): Claim => ({ strength: all ? 2 : 0, verdict: 'deny', from: a, to: b, what: everything });
  const inside: readonly Claim[] = all ? [{ strength: 1, verdict: 'allow', from, to: from, what: everything }] : [];
  return [...inside, both(from, to), both(to, from)];
}

/** The verdict of one side by the claims alone; of equal strength a rejection shows only which word was used. */
function said(claims: readonly Claim[], side: 'egress' | 'ingress', from: Place, to: Place, packet: Packet, posture: string): string {
  const [local, peer] = side === 'egress' ? [from.vm, to] : [to.vm, from];
  const speaks = (claim: Claim): boolean => {
    const [mine, theirs] = side === 'egress' ? [claim.from, claim.to] : [claim.to, claim.from];
    return local !== undefined && mine.local(local) && theirs.peer(peer) && claim.what.has(packet);
  };
  const [strongest] = claims.filter(speaks).toSorted((a, b) => a.strength - b.strength);
  return strongest === undefined ? posture : strongest.verdict === 'allow' ? 'allow' : 'refused';
}

const verdictOf = (side: SideVerdict | null): string => (side === null ? 'none' : side.verdict === 'allow' ? 'allow' : 'refused');
const packets: readonly [Packet, ...Packet[]] = [
  { protocol: 'tcp', port: 443 },
  { protocol: 'tcp', port: 22 },
  { protocol: 'tcp', port: 450 },
  { protocol: 'tcp', port: 7001 },
  { protocol: 'udp', port: 53 },
  { protocol: 'icmp', type: 8, code: 0 },
  { protocol: 'icmp', type: 3, code: 1 },
];

/** A cloud with a few intents in it, and what they were meant to claim. */
function officeWith(random: Random, posture: 'zero-trust' | 'open') {
  const cloud = smallOffice(posture);
  const world = cloud.documents;
  const claims: Claim[] = [];
  for (let count = 0; claims.length === 0 || count < 4; count++) {
    const { text, claims: own } = spoken(random);
    const understood = understand(text, 'acme', world);
    expect(understood.ok, `in "${text}"`).toBe(
      own.every(({ from, to }) => !(from.addressesOnly && to.addressesOnly)) && !isolatesNobody(text),
    );
    if (!understood.ok) continue;
    claims.push(...own);
    const again = understand(echo(understood.meaning, 'acme', world), 'acme', world);
    expect(again, `in "${text}"`).toEqual(understood);
    for (const { kind, name, spec } of compileMeaning(understood.meaning, `i${random.integer(0, 999_999)}`, 500))
      cloud.put(kind, 'acme', name, spec);
  }
  return { world, claims };
}

/** What is isolated must be interfaces, and not all that there is. */
const isolatesNobody = (text: string): boolean => /^isolate (anywhere|office|10\.|the internet)/.test(text);

function endsIn(world: Documents): readonly { readonly place: Place; readonly end: End }[] {
  const subjects = [...world.list('Vm', 'acme')].map(({ document: { metadata, spec } }) => {
    const address = spec.interfaces[0]?.addresses[0] ?? '';
    const owner = { tenant: 'acme', vm: metadata.name, interface: 'eth0' };
    return { place: { address, vm: { name: metadata.name, labels: metadata.labels } }, end: { address: parseAddress(address), owner } };
  });
  const strangers = ['198.51.100.7', '203.0.113.9', '192.168.3.3', '10.0.0.9'].map((address) => ({
    place: { address, vm: undefined },
    end: { address: parseAddress(address), owner: undefined },
  }));
  return [...subjects, ...strangers];
}

test.each(Array.from({ length: 40 }, (_, index) => 7000 + index))(
  'intents mean what they say, in any order and under any name, seed %i',
  (seed) => {
    const random = new Random(seed);
    const posture = random.pick(['zero-trust', 'open']);
    const { world, claims } = officeWith(random, posture);
    const ends = endsIn(world);
    for (let count = 0; count < 400; count++) {
      const [from, to, packet] = [random.pick(ends), random.pick(ends), random.pick(packets)];
      if (from === undefined || to === undefined || from === to) continue;
      const verdict = judge(world, { from: from.end, to: to.end, packet });
      const otherwise = posture === 'open' ? 'allow' : 'refused';
      for (const side of ['egress', 'ingress'] as const) {
        const why = `${side} of ${JSON.stringify(packet)} from ${from.place.address} to ${to.place.address}`;
        const expected = verdict[side] === null ? 'none' : said(claims, side, from.place, to.place, packet, otherwise);
        expect(verdictOf(verdict[side]), `for the ${why}`).toBe(expected);
      }
    }
  },
);

/** Problems that say nothing, or not where; one that says so when there are none. */
function misplaced(text: string, problems: readonly Problem[]): readonly unknown[] {
  if (problems.length === 0) return ['refused without a reason'];
  const offsetOf = ({ line, column }: Problem): number =>
    text
      .split('\n')
      .slice(0, line - 1)
      .join('\n').length +
    (line > 1 ? 1 : 0) +
    column -
    1;
  return problems.filter(
    (problem) => problem.detail === '' || problem.span.start > text.length || offsetOf(problem) !== problem.span.start,
  );
}

const vocabulary =
  'allow deny reject let isolate limit guarantee prevent to from on except between and or only reach the internet anywhere everything all vms ' +
  'web servers databases guests payroll lab group network backend vm db-1 tcp udp icmp 80 443 9100-9200 type https ssh 10.0.0.0/8 fd00::/64 ' +
  'role=database 200 Mbit/s 02:00 06:00 UTC weekdays , . ( ) : = / - platform/bastions for tenants by default and log it é 😀 \n';

test.each(Array.from({ length: 20 }, (_, index) => 8000 + index))(
  'whatever is written gives a meaning or located problems, seed %i',
  (seed) => {
    const random = new Random(seed);
    const world = smallOffice().documents;
    const words = vocabulary.split(' ');
    for (let count = 0; count < 300; count++) {
      const base = random.chance(0.5) ? spoken(random).text.split(' ') : [];
      const noise = Array.from({ length: random.integer(0, 12) }, () => random.pick(words) ?? '');
      const text = [...base.slice(0, random.integer(0, base.length)), ...noise].join(random.chance(0.9) ? ' ' : '');
      const owner = random.chance(0.8) ? 'acme' : undefined;
      const understood = understand(text, owner, world);
      const again = understood.ok ? understand(echo(understood.meaning, owner, world), owner, world) : understood;
      expect(again, `in "${text}"`).toEqual(understood);
      expect(understood.ok ? [] : misplaced(text, understood.problems), `in "${text}"`).toEqual([]);
    }
  },
);
