import { WeirError } from '../base/errors.ts';
import { assertPrograms, expectSuccess } from './command.ts';
import type { Links } from './links.ts';
import { executeIn, inNamespace, runScriptIn } from './namespace.ts';
import { type LabPlan, type StationPlan, underlayMtu } from './plan.ts';

/**
 * A machine on the management network that is no hypervisor: a controller runs there, with addresses and ports of its own. What it and
 * others say to each other can be lost.
 */
export class Station {
  readonly name: string;
  readonly netns: string;
  readonly address: string;

  constructor({ name, netns, managementAddress }: StationPlan) {
    this.name = name;
    this.netns = netns;
    this.address = managementAddress;
  }

  /** The command as it runs here; its pid is the command's. */
  command(argv: readonly string[]): readonly string[] {
    return inNamespace(this.netns, argv);
  }

  /**
   * Of the packets that these addresses send, and of those that are sent to them, so many in a hundred are lost; by default all. Takes the
   * place of what was lost before.
   */
  async lose(addresses: readonly string[], percent = 100): Promise<void> {
    assertPrograms(['nft']);
    if (addresses.length === 0 || !Number.isInteger(percent) || percent < 1 || percent > 100)
      throw new WeirError('malformed', `nothing can be lost of ${percent} % of what ${addresses.length} addresses say`);
    const chance = percent === 100 ? '' : ` numgen random mod 100 < ${percent}`;
    const chain = (hook: string, side: string): string =>
      `chain ${hook} {\ntype filter hook ${hook} priority 0\nip ${side} { ${addresses.join(', ')} }${chance} drop\n}`;
    await this.#nft(`${reset}\ntable inet weir {\n${chain('input', 'saddr')}\n${chain('output', 'daddr')}\n}`);
  }

  async loseNothing(): Promise<void> {
    await this.#nft(reset);
  }

  async #nft(script: string): Promise<void> {
    await expectSuccess(this.command(['nft', '-f', '-']), { input: `${script}\n` });
  }
}

/** Deletes the table whether it was there or not. */
const reset = 'add table inet weir\ndelete table inet weir';

/** Connects a namespace that was just made to the management network. */
export async function connectStation(lab: LabPlan, plan: StationPlan, links: Links): Promise<Station> {
  const { netns } = lab.underlay;
  const port = `c${plan.index}`;
  await links.createVeth({ netns, device: port }, { netns: plan.netns, device: 'mg0' }, underlayMtu);
  await runScriptIn(plan.netns, ['ip link set lo up', `ip address add ${plan.managementAddress}/24 dev mg0`, 'ip link set mg0 up']);
  const { code, stderr } = await executeIn(netns, ['ip', 'link', 'set', port, 'master', 'mgmt']);
  if (code !== 0) throw new WeirError('command-failed', `${plan.name} cannot be connected to the management network: ${stderr.trim()}`);
  return new Station(plan);
}
