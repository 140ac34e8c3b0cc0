import { formatAddress } from '../../src/base/addresses.ts';
import { readAddress, readMac } from './blocks.ts';
import type { Findings } from './issue.ts';
import { pointerStep } from './issue.ts';
import type { VmInterface } from './kinds.ts';
import { parseLabels } from './labels.ts';
import type { RawSpec } from './schema/resource.ts';
import { nameFrom, resolveName } from './scope.ts';
import type { InterfaceWanted, Open, VmWanted } from './wanted.ts';

type RawInterface = NonNullable<RawSpec<'Vm'>['interfaces']>[number];

const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function parseVm(spec: RawSpec<'Vm'>, tenant: string | undefined, findings: Findings): VmWanted {
  const names = new Set<string>();
  const interfaces = (spec.interfaces ?? []).map((raw, index) => {
    const pointer = `/spec/interfaces/${index}`;
    if (names.has(raw.name)) findings.add(`${pointer}/name`, 'is the name of another interface of this VM');
    names.add(raw.name);
    return parseInterface(raw, tenant, pointer, findings);
  });
  return { hypervisor: spec.hypervisor ?? 'kvm', host: spec.host, power: spec.power, interfaces };
}

function parseInterface(raw: RawInterface, tenant: string | undefined, pointer: string, findings: Findings): InterfaceWanted {
  const network = resolveName(tenant, raw.network);
  if (network.tenant === undefined) findings.add(`${pointer}/network`, 'the platform has no networks');
  return {
    name: raw.name,
    network: nameFrom(tenant, network),
    mac: raw.mac === undefined || raw.mac === null ? raw.mac : readMac(raw.mac, `${pointer}/mac`, findings),
    addresses: parseAddresses(raw.addresses, `${pointer}/addresses`, findings),
    labels: parseLabels(raw.labels, `${pointer}/labels`, findings),
    ports: parsePorts(raw.ports, `${pointer}/ports`, findings),
  };
}

function parseAddresses(raw: RawInterface['addresses'], pointer: string, findings: Findings): Open<readonly string[]> {
  if (raw === undefined || raw === null) return raw;
  const addresses: string[] = [];
  for (const [index, text] of raw.entries()) {
    const address = readAddress(text, `${pointer}/${index}`, findings);
    if (address === undefined) continue;
    const canonical = formatAddress(address);
    if (addresses.includes(canonical)) findings.add(`${pointer}/${index}`, 'is given twice');
    addresses.push(canonical);
  }
  return addresses;
}

function parsePorts(raw: RawInterface['ports'], pointer: string, findings: Findings): VmInterface['ports'] {
  const entries = Object.entries((raw ?? {}) as VmInterface['ports']);
  for (const [name] of entries) if (!namePattern.test(name)) findings.add(pointer + pointerStep(name), 'is no port name: a DNS label');
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
