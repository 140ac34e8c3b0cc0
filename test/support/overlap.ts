import { formatAddress, parseAddress } from '../../src/base/addresses.ts';
import type { MemoryDocuments } from '../../bench/workloads/documents.ts';

/**
 * Gives the interfaces of every tenant's `n0` the same addresses as every other tenant's: those networks are never joined, and
 * tenants may number as they like.
 */
export function overlapTenants(documents: MemoryDocuments): void {
  const next = new Map<string, bigint>();
  for (const { document } of [...documents.list('Vm')]) {
    const tenant = document.metadata.tenant ?? '';
    const interfaces = document.spec.interfaces.map((item) => {
      if (item.network !== 'n0') return item;
      const number = (next.get(tenant) ?? 9n) + 1n;
      next.set(tenant, number);
      const renumbered = item.addresses.map((text) => {
        const { family, value } = parseAddress(text);
        return formatAddress({ family, value: ((value >> 8n) << 8n) | number });
      });
      return { ...item, addresses: renumbered };
    });
    documents.put({ ...document, spec: { ...document.spec, interfaces } });
  }
}
