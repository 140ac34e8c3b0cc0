import { formatAddress, formatPrefix, prefixContains, prefixesOverlap } from '../../src/base/addresses.ts';
import type { Prefix } from '../../src/base/addresses.ts';
import { readAddress, readPrefix, reservedUse, usableRange } from './blocks.ts';
import type { Findings } from './issue.ts';
import type { RawSpec } from './schema/resource.ts';
import type { NetworkWanted, Open } from './wanted.ts';

type RawSubnet = NonNullable<RawSpec<'Network'>['subnets']>[number];

/** The shortest that leave room for a gateway and an interface. */
const lengthMax = { 4: 30, 6: 126 } as const;
const ipv6MtuMin = 1280;

export function parseNetwork(spec: RawSpec<'Network'>, tenant: string | undefined, findings: Findings): NetworkWanted {
  const blocks: { readonly prefix: Prefix; readonly index: number }[] = [];
  const subnets = (spec.subnets ?? []).map((subnet, index) => {
    const pointer = `/spec/subnets/${index}`;
    const prefix = readPrefix(subnet.cidr, `${pointer}/cidr`, findings);
    if (prefix !== undefined) {
      checkBlock(prefix, `${pointer}/cidr`, findings);
      const other = blocks.find((block) => prefixesOverlap(block.prefix, prefix));
      if (other !== undefined) findings.add(`${pointer}/cidr`, `overlaps with /spec/subnets/${other.index}`, 'subnet-overlap');
      blocks.push({ prefix, index });
    }
    return {
      cidr: prefix === undefined ? subnet.cidr : formatPrefix(prefix),
      gateway: parseGateway(subnet, prefix, `${pointer}/gateway`, findings),
      dhcp: subnet.dhcp ?? true,
      dns: parseDns(subnet, pointer, findings),
    };
  });
  if (spec.mtu !== undefined && spec.mtu < ipv6MtuMin && blocks.some((block) => block.prefix.family === 6)) {
    findings.add('/spec/mtu', `must be at least ${ipv6MtuMin} with an IPv6 subnet (RFC 8200)`);
  }
  for (const [index, name] of (spec.sharedWith ?? []).entries()) {
    if (name === tenant) findings.add(`/spec/sharedWith/${index}`, 'is the tenant that owns the network');
  }
  return {
    vni: spec.vni,
    subnets,
    ...(spec.mtu === undefined ? {} : { mtu: spec.mtu }),
    broadcast: spec.broadcast ?? false,
    isolation: spec.isolation ?? 'none',
    sharedWith: [...new Set(spec.sharedWith)].toSorted(),
  };
}

function checkBlock(prefix: Prefix, pointer: string, findings: Findings): void {
  const use = prefix.length === 0 ? 'the whole address space' : reservedUse(prefix);
  if (use !== undefined) findings.add(pointer, `cannot be a subnet: it overlaps with what is reserved (${use})`);
  else if (prefix.length > lengthMax[prefix.family])
    findings.add(pointer, `is too small for a gateway and an interface: the length is at most ${lengthMax[prefix.family]}`);
}

function parseGateway(subnet: RawSubnet, prefix: Prefix | undefined, pointer: string, findings: Findings): Open<string> {
  if (subnet.gateway === undefined || subnet.gateway === null) return subnet.gateway;
  const address = readAddress(subnet.gateway, pointer, findings);
  if (address === undefined || prefix === undefined) return undefined;
  const usable = usableRange(prefix);
  if (!prefixContains(prefix, address)) findings.add(pointer, `is outside of ${formatPrefix(prefix)}`, 'address-outside-subnet');
  else if (address.value < usable.first) findings.add(pointer, `is the network address of ${formatPrefix(prefix)}`);
  else if (address.value > usable.last) findings.add(pointer, `is the broadcast address of ${formatPrefix(prefix)}`);
  return formatAddress(address);
}

function parseDns(subnet: RawSubnet, pointer: string, findings: Findings): readonly string[] {
  return (subnet.dns ?? []).flatMap((text, index) => {
    const address = readAddress(text, `${pointer}/dns/${index}`, findings);
    return address === undefined ? [] : [formatAddress(address)];
  });
}
