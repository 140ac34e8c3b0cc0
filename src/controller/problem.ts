import type { HostProblem } from '../../flows/ovsdb/index.ts';

/** What is wrong with a hypervisor's database, in one sentence for an operator. */
export function describe(problem: HostProblem): string {
  switch (problem.kind) {
    case 'system-id-missing':
      return 'external_ids:system-id is missing: set it to the name of the host';
    case 'encap-ip-guessed':
      return `external_ids:weir-encap-ip is missing: ${problem.encapIp}, where the connection comes from, is taken as the tunnel address`;
    case 'encap-ip-malformed':
      return `${problem.source} is no IP address`;
    case 'encap-ip-missing':
      return 'no tunnel address is known: set external_ids:weir-encap-ip';
    case 'tunnel-name-taken':
      return `a port named ${problem.port} stands in the way of the tunnel port: rename it`;
    case 'tunnel-failed':
      return `the tunnel port does not work: ${problem.error}`;
    case 'interface-failed':
      return `interface ${problem.name} does not work: ${problem.error}`;
    case 'iface-id-twice':
      return `iface-id ${problem.ifaceId} stands on several ports: ${problem.names.join(', ')}`;
    case 'foreign-controller':
      return `controller ${problem.target}, which is not ours, is on the integration bridge`;
  }
}
