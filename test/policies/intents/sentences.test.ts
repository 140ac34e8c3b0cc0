import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import peggy from 'peggy';
import { expect, test } from 'vitest';
import { compileMeaning, echo, understand } from '../../../policies/intents/index.ts';
import { parseDocument } from '../../../policies/model/parse.ts';
import { smallOffice } from './small-office.ts';

const world = smallOffice().documents;

function compiled(text: string, who: 'acme' | 'platform' = 'acme') {
  const owner = who === 'acme' ? who : undefined;
  const understood = understand(text, owner, world);
  if (!understood.ok) throw new Error(understood.problems.map(({ detail }) => detail).join('; '));
  return { echo: echo(understood.meaning, owner, world), documents: compileMeaning(understood.meaning, 'x', 500) };
}

const problemsOf = (text: string) => {
  const understood = understand(text, 'acme', world);
  return understood.ok ? [] : understood.problems;
};

test('the parser is the one that the grammar gives', () => {
  const room = join(import.meta.dirname, '../../../policies/intents');
  const grammar = readFileSync(join(room, 'grammar.peggy'), 'utf8');
  const generated = peggy.generate(grammar, { output: 'source', format: 'es', grammarSource: 'grammar.peggy' });
  expect(readFileSync(join(room, 'parser.js'), 'utf8'), 'run `npm run grammar`').toBe(generated);
});

test.each([
  [
    'allow web servers to reach databases on postgresql',
    'Allow postgresql (tcp 5432) from group web-servers to interfaces labelled role=database.',
  ],
  ['let the Web-Servers talk to vm db-1 over tcp 5432', 'Allow tcp 5432 from group web-servers to vm db-1.'],
  [
    'deny everything from guests to payroll except https',
    'Deny everything from group guests to group payroll, except https (tcp 443), which is allowed.',
  ],
  ['prevent guests from reaching payroll', 'Deny everything from group guests to group payroll.'],
  ['do not let guests access payroll on ssh', 'Deny ssh (tcp 22) from group guests to group payroll.'],
  ['isolate\u00a0lab\u2009from production', 'Isolate group lab from group production, in both directions.'],
  ['isolate lab from production', 'Isolate group lab from group production, in both directions.'],
  ['isolate lab', 'Isolate group lab from everything else (inside, all may reach each other).'],
  [
    'isolate lab from everything else except from monitoring on snmp',
    'Isolate group lab from everything else (inside, all may reach each other), except from group monitoring on snmp (udp 161), which is allowed.',
  ],
  [
    'limit backups to 200 Mbit/s between 02:00 and 06:00',
    'Limit each interface of group backups to 200 Mbit/s in each direction between 02:00 and 06:00 UTC every day.',
  ],
  [
    'cap outgoing traffic of databases at 1.5 Gbps on weekdays from 22:00 until 06:00 Europe/Berlin',
    'Limit each interface labelled role=database to 1500 Mbit/s outgoing between 22:00 and 06:00 Europe/Berlin on Monday, Tuesday, Wednesday, Thursday and Friday.',
  ],
  ['limit everything to 1 Gbit/s', 'Limit each interface of all VMs to 1000 Mbit/s in each direction.'],
  ['guarantee databases 500 Mbit/s', 'Guarantee each interface labelled role=database 500 Mbit/s in each direction.'],
  ['guarantee 500 Mbit/s to vm db-1 incoming', 'Guarantee each interface of vm db-1 500 Mbit/s incoming.'],
  ['allow ping from anywhere to web servers', 'Allow ping (icmp type 8, icmpv6 type 128) from anywhere to group web-servers.'],
  [
    'allow monitoring to reach everything on tcp 9100-9200 and snmp',
    'Allow tcp 9100-9200 and snmp (udp 161) from group monitoring to anywhere.',
  ],
  ['reject telnet to 10.0.0.0/8', 'Reject telnet (tcp 23) from anywhere to 10.0.0.0/8.'],
  [
    'let databases reach the internet on https only',
    'Deny everything from interfaces labelled role=database to the internet, except https (tcp 443), which is allowed.',
  ],
  [
    'let only web servers reach databases on postgresql',
    'Deny postgresql (tcp 5432) from anywhere to interfaces labelled role=database, except from group web-servers, which is allowed.',
  ],
  [
    'allow platform/bastions to reach all VMs on ssh, and log it',
    'Allow ssh (tcp 22) from group platform/bastions to all VMs, and log it.',
  ],
  ['allow office to use web servers on port 443', 'Allow tcp 443 and udp 443 from group office to group web-servers.'],
  [
    'allow tier=storage and network backend to reach fd00::/64 and 192.0.2.7 on icmp type 8 code 0',
    'Allow icmp type 8 code 0 from interfaces labelled tier=storage and network backend to fd00::/64 and 192.0.2.7/32.',
  ],
  [
    'allow ledger, inventory and tcp 80, 443 from web-servers to databases',
    'Allow ledger (tcp 7001), inventory (tcp 7002), tcp 80 and tcp 443 from group web-servers to interfaces labelled role=database.',
  ],
  [
    'allow all traffic from group lab to group lab except ssh',
    'Allow everything from group lab to group lab, except ssh (tcp 22), which is denied.',
  ],
] as const)('%s', (text, meaning) => {
  expect(compiled(text).echo).toBe(meaning);
});

test.each([
  ['for all tenants, deny telnet from anywhere to anywhere', 'For all tenants: deny telnet (tcp 23) from anywhere to anywhere.'],
  [
    'allow ping from anywhere to everything for all tenants by default',
    'By default for all tenants: allow ping (icmp type 8, icmpv6 type 128) from anywhere to anywhere.',
  ],
  [
    'by default for all tenants: allow ping from anywhere to everything',
    'By default for all tenants: allow ping (icmp type 8, icmpv6 type 128) from anywhere to anywhere.',
  ],
  [
    'for tenants acme and globex: allow bastions to reach all vms on ssh',
    'For tenants acme and globex: allow ssh (tcp 22) from group bastions to all VMs.',
  ],
  ['deny everything from tenant acme to tenant globex', 'For all tenants: deny everything from tenant acme to tenant globex.'],
] as const)('platform: %s', (text, meaning) => {
  expect(compiled(text, 'platform').echo).toBe(meaning);
});

test.each([
  ['alow web to reach databases', 1, '"alow" stands where', 'allow'],
  ['allow web servers to reach', 27, 'the text ends where', ''],
  ['allow gests to reach payroll', 7, '"gests" names no group, label, VM or network; did you mean guests or guest?', 'guests'],
  ['allow guests to reach payroll on postgres', 34, '"postgres" names no service; did you mean postgresql?', 'postgresql'],
  ['deny mail from guests to payroll', 6, '"mail" names no service; an end of the connection follows "from" or "to"', ''],
  ['allow mail to reach payroll', 7, '"mail" may mean role=mail or app=mail: say which', 'app=mail'],
  ['allow cachess to reach payroll', 7, 'did you mean cache or caches?', 'caches'],
  ['allow 10.0.0.1/8 to reach payroll', 7, 'bits are set behind /8', ''],
  ['allow office to reach the internet', 7, 'both are addresses', ''],
  ['allow lab to reach ::ffff:10.0.0.1', 20, 'is IPv4 in the form of IPv6: write 10.0.0.1/32', ''],
  ['isolate 10.0.0.0/8', 9, 'what is isolated must be interfaces', ''],
  ['limit office to 5 Mbit/s', 7, 'must be interfaces', ''],
  ['limit lab to 0.5 Mbit/s', 14, 'must be a whole number of Mbit/s', ''],
  ['limit lab to 5 Mbit/s between 02:00 and 26:00', 41, 'must be a time from 00:00 to 23:59', ''],
  ['limit lab to 5 Mbit/s between 02:00 and 04:00 Europe/Atlantis', 47, 'must be a time zone', ''],
  ['allow lab to reach lab on tcp 70000', 27, 'ports go from 1 to 65535', ''],
  ['allow lab to reach lab on tcp 90-80', 27, '90-80 runs backwards', ''],
  ['for all tenants, deny telnet to anywhere', 1, 'only the platform speaks for tenants', ''],
  ['deny ssh from lab to tenant globex', 22, 'only the platform names tenants', ''],
  [`allow ${'a'.repeat(500)}`, 501, 'at most 500 characters', ''],
])('%s is refused at %i', (text, column, detail, suggestion) => {
  const problems = problemsOf(text);
  expect(problems[0]?.column).toBe(column);
  expect(problems[0]?.detail).toContain(detail);
  expect([...(problems[0]?.expected ?? []), ...(problems[0]?.suggestions ?? []), '']).toContain(suggestion);
});

test('a problem on the second line is found there', () => {
  expect(problemsOf('allow lab\nto reach nowere')[0]).toMatchObject({ line: 2, column: 10, span: { start: 19, end: 25 } });
});

test('a connection is carried out at both ends, with a group for what has none', () => {
  const { documents } = compiled('allow web servers to reach databases on postgresql');
  const database = { matchLabels: { role: 'database' }, matchExpressions: [] };
  expect(documents).toEqual([
    { kind: 'Group', name: 'intent-x-database', spec: { members: { kind: 'selector', selector: database } } },
    {
      kind: 'Policy',
      name: 'intent-x-allowance',
      spec: {
        tier: 'tenant',
        order: 505,
        appliesTo: ['web-servers'],
        ingress: [],
        egress: [{ action: 'allow', peers: [{ kind: 'group', group: 'intent-x-database' }], services: ['postgresql'], log: false }],
      },
    },
    {
      kind: 'Policy',
      name: 'intent-x-allowance-2',
      spec: {
        tier: 'tenant',
        order: 505,
        appliesTo: ['intent-x-database'],
        ingress: [{ action: 'allow', peers: [{ kind: 'group', group: 'web-servers' }], services: ['postgresql'], log: false }],
        egress: [],
      },
    },
  ]);
});

test('names of owned documents are DNS labels, however long the intent is called', () => {
  const understood = understand('let app=web, tier=storage and network backend reach only vm db-1', 'acme', world);
  expect(understood.ok).toBe(false);
  const long = understand('allow app=web, tier=storage, role=database and network backend to reach all vms except ssh', 'acme', world);
  if (!long.ok) throw new Error(long.problems[0]?.detail);
  for (const document of compileMeaning(long.meaning, 'n'.repeat(40), 500)) expect(document.name.length).toBeLessThanOrEqual(63);
});

test('what is compiled passes the checks that users’ own documents pass', () => {
  for (const text of [
    'isolate lab except from monitoring on snmp',
    'let databases reach the internet on https only',
    'allow tcp 80-90 from office to all vms',
  ]) {
    for (const { kind, name, spec } of compiled(text).documents) {
      const members = kind === 'Group' ? { selector: (spec.members as { selector: unknown }).selector } : undefined;
      const rules =
        kind === 'Policy' ? { ...spec, ingress: spec.ingress.map(written('from')), egress: spec.egress.map(written('to')) } : undefined;
      const parsed = parseDocument({ kind, metadata: { name, tenant: 'acme' }, spec: members ?? rules ?? spec });
      expect(parsed, `${text}: ${name}`).toMatchObject({ ok: true, value: { spec: kind === 'Group' ? {} : spec } });
    }
  }
});

const written =
  (side: 'from' | 'to') =>
  ({ peers, ...rule }: { readonly peers?: readonly object[] }) => ({
    ...rule,
    ...(peers === undefined
      ? {}
      : {
          [side]: peers.map((peer) => {
            const { kind, ...rest } = peer as { kind: string };
            return kind === 'any' ? { any: true } : rest;
          }),
        }),
  });
