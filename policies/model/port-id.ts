/** What a port carries in `external_ids:iface-id` to belong to an interface of a VM. Unique, because uids are. */
export function portIdOf(vm: { readonly metadata: { readonly uid: string } }, interfaceName: string): string {
  return `${vm.metadata.uid}-${interfaceName}`;
}

const uidLength = 36;

/** The uid of the VM that a port id belongs to. */
export function vmUidOf(portId: string): string {
  return portId.slice(0, uidLength);
}
