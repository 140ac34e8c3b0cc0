import { formatAddress } from '../../src/base/addresses.ts';
import { readAddress, reservedUse } from './blocks.ts';
import type { Findings } from './issue.ts';
import type { RawSpec } from './schema/resource.ts';
import type { HostWanted } from './wanted.ts';

export function parseHost(spec: RawSpec<'Host'>, findings: Findings): HostWanted {
  return {
    ...(spec.uplinkMbps === undefined ? {} : { uplinkMbps: spec.uplinkMbps }),
    schedulable: spec.schedulable ?? true,
    encapIp: spec.encapIp === undefined || spec.encapIp === null ? spec.encapIp : readEncapIp(spec.encapIp, '/spec/encapIp', findings),
  };
}

/** The tunnel address in its canonical spelling; loopback is allowed, a laboratory on one machine may use it. */
export function readEncapIp(text: string, pointer: string, findings: Findings): string | undefined {
  const address = readAddress(text, pointer, findings);
  if (address === undefined) return undefined;
  const use = reservedUse({ ...address, length: address.family === 4 ? 32 : 128 });
  if (use !== undefined && use !== 'loopback') findings.add(pointer, `cannot be a tunnel address: it is reserved (${use})`);
  return formatAddress(address);
}
