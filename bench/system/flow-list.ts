import type { Action, Flow, Instruction, MatchField } from '../../flows/model/index.ts';

/**
 * `count` distinct flows as an overlay has them, twenty kinds in turn: 8 stateful five-tuples, 3 layer-2 lookups, 3 port security, 2 ARP
 * answers, 1 tunnel, 1 conntrack, 2 of a conjunction. None is in table 0, so that none is ever hit.
 */
export function flowList(count: number): Flow[] {
  return Array.from({ length: count }, (_, index) => flowAt(index));
}

const ip: MatchField = { field: 'eth_type', value: 0x800 };
const arp: MatchField = { field: 'eth_type', value: 0x806 };
const services = [22, 80, 443, 53, 3306, 5432, 6379, 8080];
const resubmit = (table: number): Action => ({ kind: 'resubmit', table });
const apply = (...actions: Action[]): Instruction[] => [{ kind: 'apply_actions', actions }];
const commit = (...actions: Action[]): Action => ({ kind: 'ct', commit: true, zone: { field: 'reg13', offset: 0, bits: 16 }, actions });

function flowAt(index: number): Flow {
  const kind = index % 20;
  const item = Math.floor(index / 20);
  const port = (item % 50) + 1;
  const network: MatchField = { field: 'metadata', value: BigInt(Math.floor(item / 50) + 1) };
  const own: MatchField = { field: 'metadata', value: BigInt(item + 1) };
  const address = 0x0a00_0000 + item;
  const mac = 0xfa_16_3e_00_00_00 + item;
  const source: MatchField = { field: 'ipv4_src', value: address };
  const cookie = BigInt(index + 1);
  const flow = (tableId: number, priority: number, match: MatchField[], instructions: Instruction[]): Flow => ({
    tableId,
    priority,
    cookie,
    match,
    instructions,
  });
  if (kind < 8) {
    const isTcp = kind % 2 === 0;
    const match: MatchField[] = [
      network,
      { field: 'ct_state', value: 0x21, mask: 0x23 },
      ip,
      { field: 'ip_proto', value: isTcp ? 6 : 17 },
      source,
      { field: isTcp ? 'tcp_dst' : 'udp_dst', value: services[kind] ?? 0 },
      { field: 'reg15', value: port },
    ];
    return flow(44, 2000 + kind, match, apply(commit({ kind: 'set_field', field: 'ct_mark', value: 0, mask: 1 }), resubmit(45)));
  }
  if (kind < 11)
    return flow(
      32 + kind,
      50,
      [network, { field: 'eth_dst', value: mac }],
      apply({ kind: 'set_field', field: 'reg15', value: port }, resubmit(40)),
    );
  if (kind < 14) {
    const security: MatchField[] = [network, { field: 'eth_src', value: mac }];
    const what: MatchField[] =
      kind === 11
        ? [ip, source]
        : kind === 12
          ? [arp, { field: 'arp_spa', value: address }]
          : [ip, { field: 'ip_proto', value: 17 }, { field: 'udp_src', value: 68 }];
    return flow(9, 90, [...security, ...what, { field: 'reg14', value: port }], apply(resubmit(10)));
  }
  if (kind < 16) {
    const answer: Action[] = [
      { kind: 'copy_field', src: { field: 'eth_src', offset: 0, bits: 48 }, dst: { field: 'eth_dst', offset: 0, bits: 48 } },
      { kind: 'set_field', field: 'eth_src', value: mac },
      { kind: 'set_field', field: 'arp_op', value: 2 },
      { kind: 'copy_field', src: { field: 'arp_sha', offset: 0, bits: 48 }, dst: { field: 'arp_tha', offset: 0, bits: 48 } },
      { kind: 'set_field', field: 'arp_sha', value: mac },
      { kind: 'copy_field', src: { field: 'arp_spa', offset: 0, bits: 32 }, dst: { field: 'arp_tpa', offset: 0, bits: 32 } },
      { kind: 'set_field', field: 'arp_spa', value: address },
    ];
    return flow(
      20 + kind,
      50,
      [network, arp, { field: 'arp_op', value: 1 }, { field: 'arp_tpa', value: address }],
      apply(...answer, resubmit(40)),
    );
  }
  if (kind === 16)
    return flow(
      30,
      100,
      [
        { field: 'tunnel_id', value: BigInt(item + 1) },
        { field: 'reg14', value: port },
      ],
      apply({ kind: 'set_field', field: 'reg14', value: port }, resubmit(8)),
    );
  if (kind === 17)
    return flow(
      17,
      100,
      [own, ip, { field: 'reg0', value: 1, mask: 1 }],
      apply({ kind: 'ct', table: 18, zone: { field: 'reg13', offset: 0, bits: 16 }, actions: [] }),
    );
  if (kind === 18) return flow(45, 2002, [network, ip, source], apply({ kind: 'conjunction', id: item + 1, clause: 0, clauses: 2 }));
  return flow(45, 2002, [{ field: 'conj_id', value: item + 1 }, network, ip], apply(commit(), resubmit(46)));
}
