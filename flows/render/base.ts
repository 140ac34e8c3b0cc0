import { reservedPort } from '../model/index.ts';
import type { Action, Subfield } from '../model/index.ts';
import {
  connectionMarks,
  ctState,
  decidingRule,
  flags,
  gatewayMacPrefix,
  peerMac,
  registers,
  tableNames,
  tables,
} from '../pipeline/index.ts';
import {
  apply,
  arp,
  bothFamilies,
  connection,
  copy,
  equals,
  firstFragment,
  flagClear,
  flagSet,
  flow,
  goto,
  inZone,
  ipProtocols,
  ipv4,
  ipv6,
  laterFragment,
  masked,
  raise,
  set,
  unfragmented,
  whole,
} from './build.ts';
import type { FlowDraft } from './build.ts';
import { noRule } from './rule.ts';
import { serviceFlows } from './service.ts';

const ethSource = whole('eth_src', 48);
const ethDestination = whole('eth_dst', 48);
const inPort: Action = { kind: 'output', port: reservedPort.inPort };

/** The flows that every host has, whatever runs on it. */
export function baseFlows(): readonly FlowDraft[] {
  return [...misses(), ...neighbourGuard(), ...answers(), ...routing(), ...tracking(), ...serviceFlows(), ...verdicts(), ...receiving()];
}

/** Where a table's miss goes; a table whose miss drops has no flow for it. */
function misses(): readonly FlowDraft[] {
  return tableNames.flatMap((name) => {
    const { miss } = tables[name];
    return miss === 'drop' ? [] : [flow(name, 0, [], goto(miss.goto))];
  });
}

/** ICMPv6 that a guest may not send to others: it is answered here or by nobody. Solicitations without a source option pass. */
function neighbourGuard(): readonly FlowDraft[] {
  const icmpv6 = [ipv6, equals('ip_proto', ipProtocols.icmpv6)];
  const routerSolicitation = 133;
  const redirect = 137;
  const refused: FlowDraft[] = [];
  for (let type = routerSolicitation; type <= redirect; type++) refused.push(flow('guard', 10, [...icmpv6, equals('icmpv6_type', type)]));
  return [
    flow('security', 200, [flagSet(flags.entering)], goto('identity')),
    flow('guard', 20, [...icmpv6, equals('icmpv6_type', 135), equals('icmpv6_code', 0), equals('nd_sll', 0)], goto('respond')),
    ...refused,
  ];
}

/** `respond` has put the wanted MAC into metadata and, for ND, made the solicitation an advertisement; here it is turned round. */
function answers(): readonly FlowDraft[] {
  const scratch = whole(registers.peer4, 32);
  const turnEthernet = [copy(ethSource, ethDestination), copy(peerMac, ethSource)];
  const solicitedOverride = 0x6000_0000;
  return [
    flow(
      'answer',
      10,
      [arp],
      apply(
        ...turnEthernet,
        set('arp_op', 2),
        copy(whole('arp_sha', 48), whole('arp_tha', 48)),
        copy(peerMac, whole('arp_sha', 48)),
        copy(whole('arp_tpa', 32), scratch),
        copy(whole('arp_spa', 32), whole('arp_tpa', 32)),
        copy(scratch, whole('arp_spa', 32)),
        inPort,
      ),
    ),
    flow(
      'answer',
      10,
      [ipv6, equals('ip_proto', ipProtocols.icmpv6), equals('icmpv6_type', 136)],
      apply(
        ...turnEthernet,
        copy(peerMac, whole('nd_tll', 48)),
        copy(whole('ipv6_src', 128), whole('ipv6_dst', 128)),
        copy(whole('nd_target', 128), whole('ipv6_src', 128)),
        set('nd_reserved', solicitedOverride),
        { kind: 'set_nw_ttl', ttl: 255 },
        inPort,
      ),
    ),
  ];
}

function routing(): readonly FlowDraft[] {
  const destinationVni: Subfield = { field: registers.destination, offset: 0, bits: 24 };
  const rewrite = apply(
    set('eth_src', gatewayMacPrefix * 0x100_0000),
    copy(destinationVni, { field: 'eth_src', offset: 0, bits: 24 }),
    copy(destinationVni, { field: registers.network, offset: 0, bits: 24 }),
    copy(peerMac, ethDestination),
    { kind: 'dec_nw_ttl' },
  );
  return [
    flow('peer', 10, [ipv4], apply(copy(whole('ipv4_dst', 32), whole(registers.peer4, 32))), goto('identity')),
    flow('peer', 10, [ipv6], apply(copy(whole('ipv6_dst', 128), whole(registers.peer6, 128))), goto('identity')),
    flow(
      'identity',
      20,
      [masked('metadata', flags.multicast, flags.multicast | flags.entering)],
      apply(set(registers.peerGroups, 0n)),
      goto('conntrack'),
    ),
    flow('nextHop', 100, [flagSet(flags.entering)], goto('conntrack')),
    ...bothFamilies.map((family) => flow('nextHop', 90, [family, flagSet(flags.routed)], rewrite, goto('forward'))),
    flow('side', 20, [flagSet(flags.answer)], goto('deliver')),
    flow('side', 10, [flagSet(flags.tunnel)], goto('enter')),
  ];
}

/**
 * Both directions of a connection are judged by the direction in which it was opened: what leaves the interface that opened it and
 * what enters the one that answers are originals, the rest are replies. An ICMP error goes with the direction in which it flows.
 *
 * A fragment behind the first has no ports, and the userspace datapath does not show its connection's either (Open vSwitch,
 * lib/flow.c, miniflow_extract). It needs no verdict of its own: `ct` holds fragments back until all of their datagram have come,
 * so they go to the one that follows the verdict, and wait there in vain when the first fragment was denied.
 */
function tracking(): readonly FlowDraft[] {
  const leaving = flagClear(flags.entering);
  const entering = flagSet(flags.entering);
  return [
    ...bothFamilies.map((family) =>
      flow('conntrack', 10, [family], apply({ kind: 'ct', zone: inZone, table: tables.ends.id, actions: [] })),
    ),
    ...ends(),
    flow('state', 100, [connection(ctState.invalid)]),
    flow('state', 90, [connection(ctState.related), revoked]),
    ...bothFamilies.map((family) => flow('state', 70, [family, laterFragment], goto('allow'))),
    flow('state', 50, [connection(0, ctState.reply), leaving], goto('egressPlatform')),
    flow('state', 50, [connection(ctState.reply), leaving], goto('ingressPlatform')),
    flow('state', 50, [connection(0, ctState.reply), entering], goto('ingressPlatform')),
    flow('state', 50, [connection(ctState.reply), entering], goto('egressPlatform')),
  ];
}

/**
 * Groups are read in the pass that asks the rules: numbers of one policy are never held against the rules of another, while what the
 * datapath has kept of the pass before `ct` still belongs to the old one. `local` and `identity` are asked again; they see by the
 * state of the connection that they are to read and to lead nowhere. Of an end that is gone no groups are left.
 */
function ends(): readonly FlowDraft[] {
  const tracked = connection(ctState.tracked);
  const kept = [whole(registers.network, 32), whole(registers.destination, 64)];
  return [
    flow(
      'ends',
      10,
      [],
      apply(
        ...kept.map((subfield): Action => ({ kind: 'stack_push', subfield })),
        set(registers.tenant, 0),
        set(registers.localGroups, 0n),
        set(registers.peerGroups, 0n),
        { kind: 'resubmit', table: tables.local.id },
        ...kept.toReversed().map((subfield): Action => ({ kind: 'stack_pop', subfield })),
      ),
      goto('service'),
    ),
    flow('security', 210, [tracked], goto('identity')),
    flow('identity', 30, [tracked, masked('metadata', flags.multicast, flags.multicast | flags.entering)]),
    flow('nextHop', 110, [tracked]),
  ];
}

const revoked = masked('ct_mark', connectionMarks.revoked, connectionMarks.revoked);
const notRevoked = masked('ct_mark', 0, connectionMarks.revoked);

/**
 * A new connection is committed with the rule that let it in, and accounted for; one that a policy has come to deny is marked, so that
 * what is related to it is cut too; one that is allowed again loses the mark. Fragments of an allowed datagram all pass one `ct`;
 * the first of a denied one must not, or those behind it would complete the datagram there.
 */
function verdicts(): readonly FlowDraft[] {
  return [
    ...commits(),
    flow('deny', 20, [connection(ctState.new)], goto('accounting')),
    // No rule has decided: what `service` has left in the place of the rule's number must not be taken for one.
    ...(['egressPosture', 'ingressPosture'] as const).map((table) => flow(table, 1, [], noRule, goto('deny'))),
  ];
}

function commits(): readonly FlowDraft[] {
  const commit = (...actions: readonly Action[]): Action => ({
    kind: 'ct',
    commit: true,
    zone: inZone,
    actions,
  });
  const record = copy(decidingRule, { field: 'ct_label', offset: 0, bits: 32 });
  const allow = apply(commit(set('ct_mark', connectionMarks.admitted)));
  return bothFamilies.flatMap((family) => [
    flow('allow', 30, [family, laterFragment], allow, goto('qos')),
    flow('allow', 30, [family, firstFragment, connection(ctState.established)], allow, goto('qos')),
    flow(
      'allow',
      25,
      [family, connection(ctState.new), equals('ct_mark', 0)],
      apply(commit(set('ct_mark', connectionMarks.admitted), record)),
      goto('accounting'),
    ),
    flow('allow', 20, [family, connection(ctState.new)], allow, goto('qos')),
    flow('allow', 10, [family, connection(ctState.established), revoked], allow, goto('qos')),
    flow(
      'deny',
      10,
      [family, unfragmented, connection(ctState.established), notRevoked],
      apply(commit(set('ct_mark', connectionMarks.revoked))),
      goto('reject'),
    ),
  ]);
}

/** The receiver's half: the same tables again, with the receiver as the local interface and the sender as the other end. */
function receiving(): readonly FlowDraft[] {
  const untracked: Action = { kind: 'ct_clear' };
  const receiver = copy(whole(registers.destination, 32), whole(registers.zone, 32));
  return [
    flow('deliver', 20, [flagSet(flags.entering)], goto('output')),
    flow('deliver', 10, [flagSet(flags.remote)], goto('encap')),
    flow(
      'enter',
      10,
      [ipv4],
      apply(untracked, receiver, copy(whole('ipv4_src', 32), whole(registers.peer4, 32))),
      raise(flags.entering),
      goto('again'),
    ),
    flow(
      'enter',
      10,
      [ipv6],
      apply(untracked, receiver, copy(whole('ipv6_src', 128), whole(registers.peer6, 128))),
      raise(flags.entering),
      goto('again'),
    ),
    flow('again', 10, [], apply({ kind: 'resubmit', table: tables.local.id })),
  ];
}
