import { baseOwner, renderBase, renderElement } from '../../../flows/render/index.ts';
import { FlowIndex } from '../../../flows/trace/index.ts';
import { flowKey } from '../../../flows/model/index.ts';
import { compileAll } from '../../../policies/index.ts';
import type { Documents } from '../../../policies/index.ts';
import { resolveName } from '../../../policies/model/index.ts';
import type { Document, Kind, Scoped } from '../../../policies/model/index.ts';
import type { InterfaceElement } from '../../../policies/compiled.ts';
import { scopedText } from '../../../policies/selectors/index.ts';
import type { Snapshot, Stored } from '../../admission/index.ts';
import type { HostView } from './host-view.ts';
import { routed } from './standing.ts';
import type { Attached } from './standing.ts';

/**
 * The flows that hosts had for the traffic of some interfaces when the snapshot was made. Only these interfaces, the networks that
 * they can reach and the policies that bind them are compiled: what others add says nothing of their packets.
 */
export function pastViews(snapshot: Snapshot, ends: readonly Attached[]): ReadonlyMap<string, HostView> {
  const compiled = compileAll(concerning(snapshot, ends));
  return new Map(
    [...compiled].map(([host, elements]) => {
      const owners = new Map<string, string>();
      const base = renderBase();
      const index = new FlowIndex(base);
      for (const flow of base) owners.set(flowKey(flow), baseOwner);
      const interfaces = new Map<string, InterfaceElement>();
      for (const [owner, element] of elements) {
        if (element.kind === 'interface') interfaces.set(element.portId, element);
        for (const flow of renderElement(owner, element)) {
          index.put(flow);
          owners.set(flowKey(flow), owner);
        }
      }
      const view: HostView = {
        index,
        ownerOf: (rule) => owners.get(flowKey(rule)),
        interfaceOf: (portId) => interfaces.get(portId),
        ofportOf: () => undefined,
        tunnelOfport: undefined,
      };
      return [host, view];
    }),
  );
}

type DocumentOfKind<K extends Kind> = Extract<Document, { kind: K }>;

/** The documents without those that say nothing of these interfaces. */
function concerning(snapshot: Snapshot, ends: readonly Attached[]): Documents {
  const vms = new Set(ends.map(({ tenant, vm }) => scopedText({ tenant, name: vm.metadata.name })));
  const tenants = new Set(ends.map(({ tenant }) => tenant));
  const domains = new Set(ends.map(({ domain }) => domain));
  const others = ends.flatMap(({ tenant, vm }) => vm.spec.interfaces.map(({ network }) => resolveName(tenant, network)));
  const networks = new Set([...others, ...[...domains].flatMap((domain) => routed(snapshot, domain))].map((each) => scopedText(each)));
  const isOf: Partial<Readonly<Record<Kind, (id: Scoped) => boolean>>> = {
    Vm: (id) => vms.has(scopedText(id)),
    Network: (id) => networks.has(scopedText(id)),
    Router: (id) => domains.has(`router ${scopedText(id)}`),
    Tenant: ({ name }) => tenants.has(name),
    Policy: ({ tenant }) => tenant === undefined || tenants.has(tenant),
  };
  return {
    get: (kind, tenant, name) => snapshot.get(kind, tenant, name),
    *list<K extends Kind>(kind: K, tenant?: string | null): Iterable<Stored<K>> {
      const isWanted = isOf[kind];
      for (const stored of snapshot.list(kind, tenant)) {
        const { metadata }: Pick<DocumentOfKind<K>, 'metadata'> = stored.document;
        if (isWanted?.({ tenant: metadata.tenant, name: metadata.name }) !== false) yield stored;
      }
    },
    tenantNumbers: (tenant) => snapshot.tenantNumbers(tenant),
    routerNumbers: (tenant, name) => snapshot.routerNumbers(tenant, name),
    policyNumbers: (tenant, name) => snapshot.policyNumbers(tenant, name),
    vmNumbers: (tenant, name) => snapshot.vmNumbers(tenant, name),
  };
}
