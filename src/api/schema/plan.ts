import { Type, type Static, type TSchema } from 'typebox';
import { kindPaths } from './kinds.ts';
import { WriteResult } from './answers.ts';
import { Conflict, Rule, Shadow } from './findings.ts';

/** What `plan` is asked and what it answers. */

export const deletionsMax = 10_000;

export const Deletion = Type.Object({
  kind: Type.Enum(kindPaths.map(({ kind }) => kind)),
  tenant: Type.Optional(Type.String()),
  name: Type.String(),
});

const listOf = <T extends TSchema>(item: T, description: string) =>
  Type.Object({ items: Type.Array(item), complete: Type.Boolean({ description: 'nothing was left out' }) }, { description });

const milliseconds = Type.Number({ minimum: 0 });
const texts = Type.Array(Type.String());

const End = Type.Union(
  [
    Type.Object({ kind: Type.Literal('tenant'), tenant: Type.String() }, { description: "all of a tenant's interfaces" }),
    Type.Object(
      { kind: Type.Literal('group'), tenant: Type.String(), group: Type.String() },
      { description: 'those that are in a group; `platform/NAME`: of the platform' },
    ),
    Type.Object(
      {
        kind: Type.Literal('interface'),
        tenant: Type.String(),
        vm: Type.String(),
        interface: Type.String(),
        address: Type.Optional(Type.String({ description: 'only with this one of its addresses' })),
      },
      { description: 'one interface' },
    ),
    Type.Object(
      { kind: Type.Literal('addresses'), cidrs: texts, except: texts },
      { description: "addresses that are no interface's of the routing domain" },
    ),
    Type.Object({ kind: Type.Literal('another-tenant') }, { description: 'of whom the caller is told nothing' }),
  ],
  { description: 'who stands at one end' },
);

const Row = Type.Object({
  change: Type.Enum(['gains', 'loses']),
  from: Type.Array(End),
  to: Type.Array(End),
  services: Type.Array(Type.String(), { description: '`tcp/443`, `udp/1000-2000`, `icmp/8`, `tcp`, `other`; `all`: everything' }),
  family: Type.Optional(Type.Enum([4, 6], { description: 'of this IP version alone' })),
  traffic: Type.Optional(
    Type.Object(
      { packets: Type.Integer(), lastHit: Type.Optional(Type.String({ description: 'ISO 8601, UTC' })), rules: Type.Array(Rule) },
      { description: 'what the rules that allow it today have counted, of which this may be a part: it would be cut' },
    ),
  ),
  cut: Type.Optional(Type.Literal(true, { description: 'not all of its ends or services are listed' })),
});

export const PlanAnswer = Type.Object({
  revision: Type.Integer({ description: 'that is compared with' }),
  changes: Type.Integer({ description: 'documents that would be different, those that an intent owns included' }),
  results: WriteResult.properties.results,
  connectivity: listOf(
    Row,
    'exactly the connections that begin (`gains`) or cease (`loses`) to be possible, from any of `from` to any of `to` that share a routing domain',
  ),
  shadowed: listOf(Shadow, 'rules that never decide any more, and do today'),
  conflicts: listOf(Conflict, 'rules that would say opposite things of some packets, and do not today; the first decides'),
  flows: Type.Object({
    hosts: Type.Array(
      Type.Object({
        host: Type.String(),
        before: Type.Optional(Type.Integer({ description: 'that the switch has now' })),
        after: Type.Optional(Type.Integer()),
        gained: Type.Integer(),
        lost: Type.Integer({ description: 'a flow that is altered is both lost and gained' }),
      }),
    ),
    complete: Type.Boolean({ description: 'all hosts that would change are there' }),
  }),
  quota: Type.Array(
    Type.Object({
      tenant: Type.String(),
      name: Type.Enum(['networks', 'vms', 'interfaces', 'policies', 'flows']),
      before: Type.Integer(),
      after: Type.Integer(),
      limit: Type.Optional(Type.Integer()),
    }),
    { description: 'what a tenant would have more or less of; `flows` is the bound of its flow budget' },
  ),
  timings: Type.Object(
    {
      validation: milliseconds,
      connectivity: milliseconds,
      findings: milliseconds,
      flows: milliseconds,
      counters: milliseconds,
      total: milliseconds,
    },
    { description: 'what each part took' },
  ),
});
export type PlanAnswer = Static<typeof PlanAnswer>;
