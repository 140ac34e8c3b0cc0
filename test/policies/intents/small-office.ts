import { SmallCloud } from '../small-cloud.ts';

/** A tenant whose groups, labels, VMs and networks intents can name, and a platform with a few of its own. */
export function smallOffice(posture: 'zero-trust' | 'open' = 'zero-trust'): SmallCloud {
  const cloud = new SmallCloud().tenant('acme', posture).tenant('globex').host('h1', '192.0.2.1');
  cloud.network('acme', 'backend', 1000, '10.0.0.0/24', '10.0.0.1');
  cloud.group('acme', 'web-servers', { app: 'web' }).group('acme', 'guests', { app: 'guest' }).group('acme', 'payroll', { app: 'payroll' });
  cloud
    .group('acme', 'lab', { env: 'lab' })
    .group('acme', 'production', { env: 'production' })
    .group('acme', 'monitoring', { app: 'monitor' });
  cloud.group('acme', 'backups', { app: 'backup' }).group('acme', 'cache', { app: 'a' }).group('acme', 'caches', { app: 'b' });
  cloud.blocks('acme', 'office', ['198.51.100.0/24']).group(undefined, 'bastions', { app: 'bastion' });
  cloud.put('Service', 'acme', 'ledger', { ports: [{ protocol: 'tcp', port: 7001 }] });
  cloud.put('Service', undefined, 'inventory', { ports: [{ protocol: 'tcp', port: 7002 }] });
  const labels: readonly (readonly [string, Record<string, string>])[] = [
    ['web-1', { app: 'web', env: 'production' }],
    ['web-2', { app: 'web', env: 'lab' }],
    ['db-1', { role: 'database', env: 'production' }],
    ['db-2', { role: 'database', tier: 'storage' }],
    ['guest-1', { app: 'guest' }],
    ['payroll-1', { app: 'payroll', env: 'production' }],
    ['monitor-1', { app: 'monitor', role: 'watcher' }],
    ['mail-1', { app: 'mail', role: 'mail' }],
  ];
  for (const [index, [name, own]] of labels.entries()) {
    const item = {
      name: 'eth0',
      network: 'backend',
      mac: `02:00:00:00:00:${10 + index}`,
      addresses: [`10.0.0.${10 + index}`],
      labels: {},
      ports: {},
    };
    cloud.put('Vm', 'acme', name, { hypervisor: 'kvm', power: 'stopped', interfaces: [item] }, own);
  }
  return cloud;
}
