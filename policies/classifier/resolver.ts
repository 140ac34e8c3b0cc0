import type { Address, Family } from '../../src/base/addresses.ts';
import { WeirError } from '../../src/base/errors.ts';
import { familiesOf, noAddresses, readAddress, readPacket } from '../semantics/question.ts';
import type { Asked } from '../semantics/question.ts';
import type { Holder } from './addresses.ts';
import type { Interface, Interfaces } from './interfaces.ts';
import { ends, protocols, question } from './layout.ts';
import { wordsOf } from './words.ts';

/** One end as users name it: interfaces in order, or an address alone, with all that have it. */
type Named =
  | { readonly kind: 'interfaces'; readonly holders: readonly Holder[] }
  | { readonly kind: 'address'; readonly address: Address; readonly holders: readonly Holder[] };

/** An end that was chosen: an interface with one of its addresses, or an address. */
export interface Chosen {
  readonly address: Address;
  readonly holder: Holder | undefined;
}

export interface Ends {
  readonly from: Chosen;
  readonly to: Chosen;
}

/**
 * What users ask → the words of a question. Means the same as `readQuestion`, by index: an address is looked up among those who have it in the
 * routing domain of the other end.
 */
export class Resolver {
  private readonly interfaces: Interfaces;

  constructor(interfaces: Interfaces) {
    this.interfaces = interfaces;
  }

  /** Writes the question at an offset of `words`. Throws WeirError: `malformed`, `reference-missing`. */
  resolve(tenant: string | undefined, asked: Asked, words: Int32Array, at: number): Ends {
    const packet = readPacket(asked);
    const from = this.named(tenant, asked.from);
    const to = this.named(tenant, asked.to);
    const families = familiesOf(asked);
    for (const family of families) {
      const chosen = this.choose(tenant, from, to, family);
      if (chosen === undefined) continue;
      words[at + question.domain] = -1;
      words[at + question.protocol] = protocols[packet.protocol];
      words[at + question.port] = 'port' in packet ? packet.port : packet.type * 256 + packet.code;
      words[at + question.family] = family;
      words[at + question.from] = chosen.from.holder?.number ?? ends.nobody;
      words[at + question.to] = chosen.to.holder?.number ?? ends.nobody;
      write(words, at + question.source, chosen.from.address);
      write(words, at + question.destination, chosen.to.address);
      return chosen;
    }
    throw noAddresses(asked, families);
  }

  /** Whether an interface has the address in a routing domain. */
  isHeld(address: Address, domain: number | undefined): boolean {
    return this.interfaces.addresses.of(address).some((holder) => holder.domain === domain);
  }

  private named(tenant: string | undefined, text: string): Named {
    if (/[.:]/.test(text)) {
      const address = readAddress(text);
      return { kind: 'address', address, holders: this.interfaces.addresses.of(address) };
    }
    const parts = text.split('/');
    const [owner, vm, item] = tenant === undefined ? parts : [tenant, ...parts];
    const all = owner === undefined || vm === undefined ? undefined : this.interfaces.ofVm(owner, vm);
    if (all === undefined) throw new WeirError('reference-missing', `there is no VM "${text}"`);
    const meant = item === undefined ? all : all.filter(({ name }) => name === item);
    if (meant.length === 0) throw new WeirError('reference-missing', `there is no interface "${text}"`);
    return { kind: 'interfaces', holders: meant.flatMap((each: Interface) => each.holders) };
  }

  private choose(tenant: string | undefined, from: Named, to: Named, family: Family): Ends | undefined {
    const first = { from: firstOf(from, family), to: firstOf(to, family) };
    if (first.from === undefined || first.to === undefined) return undefined;
    const joined = this.joined(tenant, from, to, family);
    return joined ?? { from: first.from, to: first.to };
  }

  /** The first pair of interfaces, by `from` and then by `to`, that share a routing domain; one of them is the tenant's that asks. */
  private joined(tenant: string | undefined, from: Named, to: Named, family: Family): Ends | undefined {
    const mayAsk = (a: Holder, b: Holder): boolean => tenant === undefined || a.tenant === tenant || b.tenant === tenant;
    const partners = new Map<number, Holder[]>();
    for (const holder of to.holders) {
      if (holder.address.family !== family) continue;
      const others = partners.get(holder.domain);
      if (others) others.push(holder);
      else partners.set(holder.domain, [holder]);
    }
    for (const holder of from.holders) {
      if (holder.address.family !== family) continue;
      const partner = partners.get(holder.domain)?.find((other) => mayAsk(holder, other));
      if (partner) return { from: { address: holder.address, holder }, to: { address: partner.address, holder: partner } };
    }
    return undefined;
  }
}

function firstOf(named: Named, family: Family): Chosen | undefined {
  if (named.kind === 'address') return named.address.family === family ? { address: named.address, holder: undefined } : undefined;
  const holder = named.holders.find(({ address }) => address.family === family);
  return holder && { address: holder.address, holder };
}

function write(words: Int32Array, at: number, { family, value }: Address): void {
  for (const [index, word] of wordsOf(family, value).entries()) words[at + index] = word;
}
