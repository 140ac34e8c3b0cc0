import type { Lab } from '../../lab/index.ts';
import { type Ear, openEar } from '../ear.ts';

/** An epoch of a switch, and when its database told of it (`performance.now`). */
export interface Raised {
  readonly epoch: number;
  readonly atMs: number;
}

/** `weir-epoch` of every switch, as its own database tells it at the moment of the change. */
export class Epochs {
  readonly #raised = new Map<string, Raised>();
  readonly #ears: readonly Ear[];

  constructor(lab: Lab) {
    this.#ears = [...lab.hosts.values()].map(({ name, ovsdbSocket }) => {
      const words = ['--format=json', 'monitor', `unix:${ovsdbSocket}`, 'Open_vSwitch', 'Open_vSwitch', 'external_ids'];
      let looked = 0;
      const ear: Ear = openEar(lab, name, ['ovsdb-client', ...words], () => {
        const { text } = ear;
        const end = text.lastIndexOf('\n') + 1;
        const epoch = highestEpoch(text.slice(looked, end));
        looked = end;
        if (epoch > this.of(name)) this.#raised.set(name, { epoch, atMs: performance.now() });
      });
      return ear;
    });
  }

  /** 0 while there is none. */
  of(host: string): number {
    return this.#raised.get(host)?.epoch ?? 0;
  }

  /** Undefined as long as it stands where it stood. */
  raisedAbove(host: string, epoch: number): Raised | undefined {
    const raised = this.#raised.get(host);
    return raised !== undefined && raised.epoch > epoch ? raised : undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.#ears.map((ear) => ear.stop()));
  }
}

/** Of what `ovsdb-client monitor` says of `external_ids`; 0 where it says nothing of it. An update comes with the value of before. */
export function highestEpoch(text: string): number {
  return [...text.matchAll(/\["weir-epoch","(\d+)"\]/g)].reduce((highest, [, epoch]) => Math.max(highest, Number(epoch)), 0);
}
