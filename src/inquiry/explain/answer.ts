import { formatAddress } from '../../base/addresses.ts';
import type { Snapshot } from '../../admission/index.ts';
import type { ConnectionRecord, Explanation, ExplainedEnd, ExplainedSide, ExplainQuestion, Path } from '../ports.ts';
import type { Attached, NamedNetwork, Standing } from './standing.ts';

/** The parts of an answer that are put together from what was found. */

export function explainedEnd(end: Standing, { sees }: ExplainQuestion): ExplainedEnd {
  const address = formatAddress(end.address);
  if (end.kind !== 'interface' || (sees !== undefined && end.tenant !== sees)) return { address };
  const { tenant, vm, item, network } = end;
  return { address, tenant, vm: vm.metadata.name, interface: item.name, network: networkName(network, sees) };
}

const networkName = ({ tenant, name }: Pick<NamedNetwork, 'tenant' | 'name'>, viewer: string | undefined): string =>
  tenant === viewer ? name : `${tenant}/${name}`;

interface Found {
  readonly asked: ExplainQuestion;
  readonly snapshot: Snapshot;
  readonly from: Standing;
  readonly to: Standing;
  readonly ends: readonly { readonly end: Attached }[];
}

export function pathOf({ asked: { sees }, snapshot, from, to, ends }: Found, guestMtu: (host: string | undefined) => number): Path {
  const isOwn = (tenant: string): boolean => sees === undefined || tenant === sees;
  const passed = [from, to].flatMap((end) => (end.kind === 'interface' ? [end.network] : (end.gatewayOf ?? [])));
  const networks = passed.filter(
    (network, index) => isOwn(network.tenant) && passed.findIndex((other) => other.spec.vni === network.spec.vni) === index,
  );
  const isJoined = from.kind === 'interface' && (to.kind === 'address' || to.domain === from.domain);
  const crosses = new Set(passed.map(({ spec }) => spec.vni)).size > 1;
  const router = isJoined && crosses && from.domain.startsWith('router ') ? from.domain.slice('router '.length) : undefined;
  const here = ends.filter(({ end }) => end.host !== undefined);
  const hosts = [...new Set(here.filter(({ end }) => isOwn(end.tenant)).flatMap(({ end }) => end.host ?? []))];
  const mtus = here.flatMap(({ end }) => [guestMtu(end.host), end.network.spec.mtu ?? Infinity]);
  const encapOf = (end: Standing): string | undefined =>
    end.kind === 'interface' && end.host !== undefined ? snapshot.get('Host', undefined, end.host)?.document.spec.encapIp : undefined;
  const isTunnelled = from.kind === 'interface' && to.kind === 'interface' && isJoined && here.length === 2 && from.host !== to.host;
  const [source, destination] = sees === undefined ? [encapOf(from), encapOf(to)] : [];
  return {
    networks: networks.map((network) => ({ name: networkName(network, sees), vni: network.spec.vni })),
    ...(router !== undefined && { router: router.replace(/^-\//, 'platform/') }),
    hosts,
    ...(isTunnelled && {
      tunnel: {
        vni: to.network.spec.vni,
        ...(source !== undefined && { from: source }),
        ...(destination !== undefined && { to: destination }),
      },
    }),
    ...(mtus.length > 0 && { mtu: Math.min(...mtus) }),
  };
}

/** The rule that opened a connection stands in the low 32 bits of its `ct_label`, in the zone of the interface that it judged for. */
export function recordsOf(
  { asked: { sees }, snapshot, from, to }: Found,
  sides: { readonly egress: ExplainedSide | null; readonly ingress: ExplainedSide | null },
): readonly ConnectionRecord[] {
  const of = (end: Standing, side: ExplainedSide | null): ConnectionRecord[] => {
    if (end.kind !== 'interface' || end.host === undefined || side?.id === undefined) return [];
    if (sees !== undefined && end.tenant !== sees) return [];
    const zone = snapshot.vmNumbers(end.tenant, end.vm.metadata.name)?.zones[end.host]?.[end.item.name];
    if (zone === undefined) return [];
    const label = `0x${side.id.toString(16)}`;
    return [{ host: end.host, zone, label, command: `ovs-appctl dpctl/dump-conntrack zone=${zone} | grep labels=${label}` }];
  };
  return [...of(from, sides.egress), ...of(to, sides.ingress)];
}

type Summed = Pick<Explanation, 'verdict' | 'passes' | 'blockers' | 'egress' | 'ingress'>;

/** The verdict in a sentence, or what keeps an allowed connection from passing. */
export function summaryOf({ verdict, passes, blockers, egress, ingress }: Summed): string {
  const [first] = blockers;
  if (first?.code === 'inconsistent') return `inconsistent: ${first.detail}`;
  if (verdict !== 'allow') {
    const [name, side] = egress && egress.verdict !== 'allow' ? (['egress', egress] as const) : (['ingress', ingress] as const);
    const by =
      side?.policy !== undefined
        ? `policy ${side.policy}, rule ${side.rule}`
        : side?.tier === 'posture'
          ? "the tenant's posture"
          : `the tier ${side?.tier}`;
    return `${verdict === 'deny' ? 'denied' : 'rejected'} at ${name} by ${by}${first === undefined ? '' : `; and ${first.detail}`}`;
  }
  if (first !== undefined) return `allowed, but it cannot pass: ${first.detail}`;
  return passes ? 'allowed, and it passes' : 'allowed, but it cannot pass';
}
