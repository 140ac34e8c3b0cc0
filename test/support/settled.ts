import type { Lab } from '../../src/lab/index.ts';

/**
 * Returns when a host's datapath does what its flows say now, and the flows' counters know what it did until now. The first round of
 * revalidators that ends may have begun before; the second has not.
 */
export async function settled(lab: Lab, host: string): Promise<void> {
  for (let round = 0; round < 2; round++) await lab.appctl(host, ['revalidator/wait']);
}

/** So that a round takes a tenth of a second at most, and not half. */
export async function settleSoon(lab: Lab): Promise<void> {
  const setting = ['set', 'Open_vSwitch', '.', 'other_config:max-revalidator=100'];
  await Promise.all([...lab.hosts.values()].map((host) => host.vsctl(setting)));
}
