import type { Kind } from '../../../policies/model/kinds.ts';

/**
 * Where each kind is found. `tenant`: below a tenant. `platform`: the platform's own, without a tenant. `both`: either;
 * the two are different resources.
 */
export interface KindPath {
  readonly kind: Kind;
  /** The step of the path, which is also how the command line calls the kind. */
  readonly plural: string;
  readonly singular: string;
  readonly scope: 'tenant' | 'platform' | 'both';
}

export const kindPaths: readonly KindPath[] = [
  { kind: 'Tenant', plural: 'tenants', singular: 'tenant', scope: 'platform' },
  { kind: 'Network', plural: 'networks', singular: 'network', scope: 'tenant' },
  { kind: 'Router', plural: 'routers', singular: 'router', scope: 'both' },
  { kind: 'Group', plural: 'groups', singular: 'group', scope: 'both' },
  { kind: 'Service', plural: 'services', singular: 'service', scope: 'both' },
  { kind: 'Policy', plural: 'policies', singular: 'policy', scope: 'both' },
  { kind: 'QosPolicy', plural: 'qos-policies', singular: 'qos-policy', scope: 'tenant' },
  { kind: 'Intent', plural: 'intents', singular: 'intent', scope: 'both' },
  { kind: 'Vm', plural: 'vms', singular: 'vm', scope: 'tenant' },
  { kind: 'Host', plural: 'hosts', singular: 'host', scope: 'platform' },
];

/** `/v1/tenants/acme/networks`, `/v1/hosts`. The parts are taken as they are: encode what users typed. */
export function collectionPath(kindPath: KindPath, tenant: string | undefined): string {
  return tenant === undefined ? `/v1/${kindPath.plural}` : `/v1/tenants/${tenant}/${kindPath.plural}`;
}
