import { tableAt } from './version.ts';

/**
 * The pipeline, declared: every packet goes from the top of this drawing to its foot, twice when both ends are on one host
 * (once leaving its sender, once entering its receiver), once on each of two hosts otherwise.
 *
 * ```
 *   guest port                                  VXLAN port
 *       │                                            │
 *   classify: port → zone                       tunnelSource: known host?
 *       │                                            │
 *   local: zone → domain, tenant, VNI, groups   tunnelNetwork: VNI → domain
 *       │            ▲                               │
 *   security ── guard (ND)                           │
 *       │   └────── respond → answer: ARP, ND        │
 *   route: gateway, echo, multicast                  │
 *       │                                            │
 *   peer: the other end's address                    │
 *       │            ▲                               │
 *   identity: address → groups, MAC, VNI             │
 *       │                                            │
 *   nextHop: routed? rewrite ── entering? ─┐         │
 *       │                                  │         │
 *   forward: (VNI, MAC, address) → zone or host ◄────┘
 *       │                                  │
 *   side ── from a tunnel? ──► enter       │
 *       │                                  │
 *   conntrack (zone of the local port) ◄───┘
 *       │
 *   ends: local and identity asked again, for the groups of both
 *       │
 *   service: protocol and port of the connection
 *       │
 *   state: direction of the connection
 *       │
 *   egress: platform, tenant, baseline, posture     ingress: the same
 *       │                                                │
 *   allow: commit, or deny: mark ◄───────────────────────┘
 *       │                   │    └────────────────┐
 *   accounting: a new connection, once ──► reject: to the controller, which answers; then dropped
 *       │              └──► log: to the controller, and back
 *   qos: meter, DSCP
 *       │
 *   deliver ──► enter → again (back to local, now as the receiver) ──► output: zone → port
 *       ├─────► encap: host → tunnel address ──► tunnel: VXLAN port
 *       └─────► multicast: each local member by enter, each other host by encap
 * ```
 *
 * A packet that no flow of a table matches is dropped; `miss` names the exceptions.
 */
interface Table<Name extends string> {
  /** As declared: the place in the pipeline. As exported: the number that the table has on switches in this version. */
  readonly id: number;
  /** What happens to a packet that matches nothing. */
  readonly miss: 'drop' | { readonly goto: Name };
}

const declare = <Name extends string>(declared: Readonly<Record<Name, Table<NoInfer<Name>>>>): typeof declared =>
  Object.fromEntries(
    Object.entries<Table<Name>>(declared).map(([name, { id, miss }]) => [name, { id: tableAt(id), miss }]),
  ) as typeof declared;

export const tables = declare({
  classify: { id: 0, miss: 'drop' },
  tunnelSource: { id: 1, miss: 'drop' },
  tunnelNetwork: { id: 2, miss: 'drop' },
  local: { id: 4, miss: 'drop' },
  security: { id: 6, miss: 'drop' },
  guard: { id: 8, miss: { goto: 'route' } },
  respond: { id: 10, miss: 'drop' },
  answer: { id: 11, miss: 'drop' },
  route: { id: 12, miss: { goto: 'peer' } },
  peer: { id: 14, miss: 'drop' },
  identity: { id: 16, miss: 'drop' },
  nextHop: { id: 18, miss: { goto: 'forward' } },
  forward: { id: 20, miss: 'drop' },
  side: { id: 22, miss: { goto: 'conntrack' } },
  conntrack: { id: 24, miss: 'drop' },
  ends: { id: 26, miss: 'drop' },
  service: { id: 28, miss: 'drop' },
  state: { id: 30, miss: 'drop' },
  egressPlatform: { id: 32, miss: { goto: 'egressTenant' } },
  egressTenant: { id: 33, miss: { goto: 'egressBaseline' } },
  egressBaseline: { id: 34, miss: { goto: 'egressPosture' } },
  egressPosture: { id: 35, miss: 'drop' },
  ingressPlatform: { id: 36, miss: { goto: 'ingressTenant' } },
  ingressTenant: { id: 37, miss: { goto: 'ingressBaseline' } },
  ingressBaseline: { id: 38, miss: { goto: 'ingressPosture' } },
  ingressPosture: { id: 39, miss: 'drop' },
  deny: { id: 40, miss: { goto: 'reject' } },
  allow: { id: 42, miss: { goto: 'qos' } },
  accounting: { id: 43, miss: 'drop' },
  qos: { id: 44, miss: { goto: 'deliver' } },
  log: { id: 45, miss: 'drop' },
  deliver: { id: 46, miss: { goto: 'enter' } },
  reject: { id: 47, miss: 'drop' },
  enter: { id: 48, miss: 'drop' },
  again: { id: 49, miss: 'drop' },
  output: { id: 50, miss: 'drop' },
  encap: { id: 51, miss: 'drop' },
  tunnel: { id: 52, miss: 'drop' },
});

export type TableName = keyof typeof tables;

export const tableNames = Object.keys(tables) as readonly TableName[];
