import { openHarness } from '../admission/harness.ts';
import type { Harness } from '../admission/harness.ts';
import { createGraph } from '../../policies/index.ts';
import type { Asked, PolicyGraph } from '../../policies/index.ts';
import type { Step } from './policy-cases.ts';
import { PolicyOracle } from './policy-oracle.ts';
import type { Ask, Place, RawDocument } from './policy-oracle.ts';

/** Documents in a store, what is compiled from them, and how they were written. */
export class PolicyScene {
  readonly harness: Harness;
  readonly graph: PolicyGraph = createGraph();
  readonly #raw = new Map<string, RawDocument>();

  private constructor(harness: Harness) {
    this.harness = harness;
  }

  static async open(documents: readonly RawDocument[]): Promise<PolicyScene> {
    const scene = new PolicyScene(await openHarness());
    scene.graph.load(scene.harness.admission.snapshot());
    scene.harness.admission.onCommitted((committed) => scene.graph.update(committed, scene.harness.admission.snapshot()));
    await scene.take({ title: 'furniture', put: documents });
    return scene;
  }

  async take({ put, gone = [] }: Step): Promise<void> {
    if (put.length > 0) await this.harness.apply(...put);
    for (const { metadata, kind, spec } of put)
      this.#raw.set(`${kind}/${metadata.tenant ?? ''}/${metadata.name}`, { kind, metadata, spec });
    for (const { kind, tenant, name } of gone) {
      await this.harness.remove(kind, tenant, name);
      this.#raw.delete(`${kind}/${tenant ?? ''}/${name}`);
    }
  }

  get oracle(): PolicyOracle {
    return new PolicyOracle(this.#raw.values());
  }
}

export const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);
export const nameOf = (place: Place): string => (place.vm === undefined ? place.address : `${place.tenant}/${place.vm}`);

/** In the words of `decide`. */
export function askedOf(from: Place, to: Place, { protocol, port }: Ask): Asked {
  const detail = protocol.startsWith('icmp') ? { type: Math.floor(port / 256), code: port % 256 } : { port };
  return { from: nameOf(from), to: nameOf(to), protocol: protocol as Asked['protocol'], ...detail, family: familyOf(to.address) };
}

export const suits = (ask: Ask, family: 4 | 6): boolean =>
  ask.protocol === 'icmp' ? family === 4 : ask.protocol !== 'icmpv6' || family === 6;
