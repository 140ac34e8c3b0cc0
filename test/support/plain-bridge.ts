import type { Guest, Lab, PlugRequest } from '../../src/lab/index.ts';
import { settled, settleSoon } from './settled.ts';

/** What stands in for a controller where the lab itself is tested: one learning bridge over all hosts, on one VNI. */
export async function bridgeHosts(lab: Lab, vni = 100): Promise<void> {
  const hosts = [...lab.hosts.values()];
  await settleSoon(lab);
  await Promise.all(
    hosts.map(async (host) => {
      const tunnels = hosts
        .filter((peer) => peer.name !== host.name)
        .flatMap((peer) => {
          const port = `vx-${peer.name}`;
          const options = [`options:remote_ip="${peer.encapIp}"`, `options:key=${vni}`];
          return ['--', 'add-port', 'br-int', port, '--', 'set', 'Interface', port, 'type=vxlan', ...options];
        });
      await host.vsctl(['add-br', 'br-int', '--', 'set', 'Bridge', 'br-int', 'datapath_type=netdev', 'fail_mode=secure', ...tunnels]);
      await lab.ofctl(host.name, ['add-flow', 'br-int', 'priority=1,actions=NORMAL']);
    }),
  );
}

/** Drops what a match describes, also of what flows already, until the returned function has been called. */
export async function block(lab: Lab, host: string, match: string): Promise<() => Promise<void>> {
  const flow = match === '' ? 'priority=100' : `priority=100,${match}`;
  await lab.ofctl(host, ['add-flow', 'br-int', `${flow},actions=drop`]);
  await settled(lab, host);
  return async () => {
    await lab.ofctl(host, ['--strict', 'del-flows', 'br-int', flow]);
    await settled(lab, host);
  };
}

/** A guest with 10.0.0.N and fd00:10::N. */
export function numberedGuest(number: number, host: string, mtu = 1450): PlugRequest {
  const addresses = [
    { address: `10.0.0.${number}`, prefixLength: 24 },
    { address: `fd00:10::${number.toString(16)}`, prefixLength: 64 },
  ];
  const mac = `02:aa:00:00:00:${number.toString(16).padStart(2, '0')}`;
  const main = { name: 'main', portId: `port-${number}`, mac, addresses, mtu, gateways: ['10.0.0.254', 'fd00:10::ffff'] };
  return { tenant: 'acme', vm: `vm${number}`, host, interfaces: [main] };
}

export function plugNumber(lab: Lab, number: number, host: string, mtu?: number): Promise<Guest> {
  return lab.plugGuest(numberedGuest(number, host, mtu));
}
