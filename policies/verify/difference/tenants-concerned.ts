import { concerns } from '../../compile/rules.ts';
import type { DocumentId } from '../../graph/documents.ts';
import type { Scoped } from '../../model/scope.ts';
import { scopedText } from '../../selectors/index.ts';
import type { PolicyDocument, World } from '../../selectors/index.ts';
import { sides } from './endpoints.ts';
import type { Worlds } from './endpoints.ts';
import { names } from './program.ts';

/** Tenants whose interfaces may be judged in another way, or whose reach is another, once these documents have changed. */
export function* tenantsConcerned(worlds: Worlds, changed: readonly DocumentId[]): Generator<undefined, ReadonlySet<string>> {
  const tenants = new Set<string>();
  for (const side of sides) {
    for (const id of changed) {
      for (const tenant of yield* concernedBy(worlds[side], id)) tenants.add(tenant);
      yield;
    }
  }
  return tenants;
}

function* concernedBy(world: World, { kind, tenant, name }: DocumentId): Generator<undefined, Iterable<string>> {
  switch (kind) {
    case 'Tenant':
      return [name];
    case 'Policy': {
      const policy = world.get('Policy', tenant, name)?.document;
      return policy === undefined ? [] : boundBy(world, policy);
    }
    case 'Group':
    case 'Service':
      return yield* usersOf(world, kind, { tenant, name });
    case 'Vm':
    case 'QosPolicy':
      return tenant === undefined ? [] : [tenant];
    case 'Network':
      return [tenant ?? '', ...(world.get('Network', tenant, name)?.document.spec.sharedWith ?? [])];
    case 'Router':
      return (world.get('Router', tenant, name)?.document.spec.networks ?? []).flatMap((network) => [
        network.tenant,
        ...(world.get('Network', network.tenant, network.network)?.document.spec.sharedWith ?? []),
      ]);
    case 'Host':
    case 'Intent':
      return [];
  }
}

/** Policies read between one yield and the next. */
const policiesAtOnce = 200;

/** Another tenant's policies cannot name what a tenant has, but the platform's can. */
function* usersOf(world: World, kind: 'Group' | 'Service', id: Scoped): Generator<undefined, Iterable<string>> {
  const key = scopedText(id);
  const bound = new Set<string>();
  const owners = id.tenant === undefined ? [undefined] : [id.tenant, null];
  let read = 0;
  for (const owner of owners) {
    for (const { document } of world.list('Policy', owner)) {
      if (names(document, kind, key)) for (const tenant of boundBy(world, document)) bound.add(tenant);
      if (++read % policiesAtOnce === 0) yield;
    }
  }
  return bound;
}

function boundBy(world: World, { metadata, spec }: PolicyDocument): readonly string[] {
  if (metadata.tenant !== undefined) return [metadata.tenant];
  const all = [...world.list('Tenant')].map(({ document }) => document.metadata.name);
  return all.filter((name) => concerns(world, undefined, spec.appliesTo, name));
}
