import { formatAddress, parseAddress } from '../../src/base/addresses.ts';
import type { MemoryDocuments } from '../../bench/workloads/documents.ts';
import type { Random } from '../../bench/workloads/random.ts';

/** The host on which a dense cloud has most of its VMs. */
export const crowdedHost = 'h0';

/**
 * Makes a cloud ask more of one host: most VMs run there, most networks carry multicast, and every tenant's `n0` has the
 * addresses of every other tenant's, because those networks are never joined and tenants may number as they like.
 */
export function crowd(documents: MemoryDocuments, random: Random): void {
  const next = new Map<string, bigint>();
  for (const { document } of documents.list('Vm')) {
    const tenant = document.metadata.tenant ?? '';
    const interfaces = document.spec.interfaces.map((item) => {
      if (item.network !== 'n0') return item;
      const number = (next.get(tenant) ?? 9n) + 1n;
      next.set(tenant, number);
      return { ...item, addresses: item.addresses.map((text) => renumbered(text, number)) };
    });
    const placed = random.chance(0.6) ? { host: crowdedHost, power: 'running' as const } : {};
    documents.put({ ...document, spec: { ...document.spec, ...placed, interfaces } });
  }
  for (const { document } of documents.list('Network')) {
    documents.put({ ...document, spec: { ...document.spec, broadcast: document.spec.broadcast || random.chance(0.5) } });
  }
  documents.renumber();
}

function renumbered(text: string, number: bigint): string {
  const { family, value } = parseAddress(text);
  return formatAddress({ family, value: ((value >> 8n) << 8n) | number });
}
