import type { VmInterface } from '../model/kinds.ts';
import { resolveName } from '../model/scope.ts';
import type { VmDocument } from './world.ts';

export type Labels = Readonly<Record<string, string>>;

/**
 * The labels of an interface: its VM's, overlaid by its own, overlaid by the system's. `weir.io/network` is the bare name,
 * also of a network that another tenant shares: a label value cannot hold a slash.
 */
export function labelsOf(vm: VmDocument, item: VmInterface): Labels {
  const tenant = vm.metadata.tenant ?? '';
  return {
    ...vm.metadata.labels,
    ...item.labels,
    'weir.io/tenant': tenant,
    'weir.io/network': resolveName(tenant, item.network).name,
    'weir.io/vm': vm.metadata.name,
    'weir.io/interface': item.name,
  };
}
