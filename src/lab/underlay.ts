import { WeirError } from '../base/errors.ts';
import { executeIn, runIp, runScriptIn } from './namespace.ts';
import type { Links } from './links.ts';
import { execute } from './command.ts';
import { type HostPlan, type LabPlan, gatewayDevice, labNumberMax, underlayMtu } from './plan.ts';

/** Makes the namespace of the underlay. Its name is the lab's claim to its own name on this machine. */
export async function claimUnderlayNetns(lab: string, netns: string): Promise<void> {
  const result = await execute(['ip', 'netns', 'add', netns]);
  if (result.code === 0) return;
  if (result.stderr.includes('File exists')) {
    throw new WeirError(
      'lab-exists',
      `a lab "${lab}" exists on this machine (namespace ${netns}), made with another directory: end it with "weir lab down --name ${lab} --dir DIR", or choose another name`,
    );
  }
  throw new WeirError('command-failed', `ip netns add ${netns}: ${result.stderr.trim()}`);
}

/**
 * Makes the link between this namespace and the lab, and returns the lab's number. The name of the link holds the
 * number, so the kernel lets only one lab have it; numbers whose networks this machine already reaches are left out.
 */
export async function claimNumber(links: Links, netns: string): Promise<number> {
  const taken = await usedNumbers();
  const first = Math.floor(Math.random() * labNumberMax);
  for (let attempt = 0; attempt < labNumberMax; attempt++) {
    const number = ((first + attempt) % labNumberMax) + 1;
    if (taken.has(number)) continue;
    try {
      await links.createVeth({ netns, device: 'root' }, { device: gatewayDevice(number) }, underlayMtu);
      return number;
    } catch (error) {
      if (!(error instanceof WeirError) || error.code !== 'link-exists') throw error;
    }
  }
  throw new WeirError('labs-exhausted', `all ${labNumberMax} networks for labs are in use: end one with "weir lab down"`);
}

/** Numbers whose networks appear among this namespace's routes. */
async function usedNumbers(): Promise<ReadonlySet<number>> {
  const { stdout } = await execute(['ip', '-4', 'route', 'show', 'table', 'all']);
  return new Set([...stdout.matchAll(/\b198\.1[89]\.(\d+)\./g)].map((match) => Number(match[1])));
}

/** The two bridges, their ports towards all hosts, and the gateway's address in this namespace. */
export async function startUnderlay(plan: LabPlan, links: Links): Promise<void> {
  const { netns, address, address6 } = plan.underlay;
  await Promise.all([
    runIp(plan.hosts.map((host) => `netns add ${host.netns}`)),
    runScriptIn(netns, [
      'ip link set lo up',
      'ip link add mgmt type bridge forward_delay 0',
      'ip link add underlay type bridge forward_delay 0 mcast_snooping 0',
      'ip link set root master mgmt',
      'ip link set mgmt up',
      'ip link set underlay up',
      `ip address add ${address}/24 dev underlay`,
      `ip address add ${address6}/64 dev underlay nodad`,
      'ethtool -K underlay tx off >/dev/null',
    ]),
    runIp([`address add ${plan.gateway.address}/24 dev ${plan.gateway.device}`, `link set ${plan.gateway.device} up`]),
  ]);
  for (const host of plan.hosts) await connectHost(netns, host, links);
  const ports = plan.hosts.flatMap((host) => [
    `link set ${managementPort(host)} master mgmt`,
    `link set ${underlayPort(host)} master underlay`,
  ]);
  const result = await executeIn(netns, ['ip', '-batch', '-'], { input: `${ports.join('\n')}\n` });
  if (result.code !== 0) throw new WeirError('command-failed', `the hosts cannot be connected to the underlay: ${result.stderr.trim()}`);
}

const managementPort = (host: HostPlan): string => `m${host.index}`;
const underlayPort = (host: HostPlan): string => `u${host.index}`;

async function connectHost(netns: string, host: HostPlan, links: Links): Promise<void> {
  await links.createVeth({ netns, device: managementPort(host) }, { netns: host.netns, device: 'mg0' }, underlayMtu);
  await links.createVeth({ netns, device: underlayPort(host) }, { netns: host.netns, device: 'ul0' }, underlayMtu);
}
