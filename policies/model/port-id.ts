/** What a port carries in `external_ids:iface-id` to belong to an interface of a VM. Unique, because uids are. */
export function portIdOf(vm: { readonly metadata: { readonly uid: string } }, interfaceName: string): string {
  return `${vm.metadata.uid}-${interfaceName}`;
}
