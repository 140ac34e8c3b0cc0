import { ends, outcomes, protocols, question } from '../../policies/classifier/index.ts';
import type { Classifier } from '../../policies/classifier/index.ts';
import { judge } from '../../policies/index.ts';
import type { SideVerdict } from '../../policies/index.ts';
import type { World } from '../../policies/selectors/index.ts';
import { parseAddress } from '../../src/base/addresses.ts';
import type { Address } from '../../src/base/addresses.ts';
import type { MemoryDocuments } from './documents.ts';
import { Random } from './random.ts';

interface Place {
  readonly tenant: string;
  readonly owner: { readonly tenant: string; readonly vm: string; readonly interface: string };
  readonly address: Address;
  readonly words: readonly number[];
  readonly domain: number;
}

const ports = [22, 53, 80, 443, 5432, 6379, 9000, 50_000] as const;
const outsides = ['192.0.2.7', '192.0.2.200', '2001:db8::7', '2001:db9::7'].map(parseAddress);

/** Connections between interfaces of one routing domain of the reference cloud, and with the rest of the world. */
export class CloudTrace {
  private readonly random = new Random(11);
  private readonly places: readonly Place[];
  private readonly near: ReadonlyMap<string, readonly Place[]>;
  private readonly byWords = new Map<string, Place>();
  private readonly worlds = new Map<string, World>();
  private readonly documents: MemoryDocuments;
  private readonly isSkewed: boolean;

  constructor(documents: MemoryDocuments, classifier: Classifier, isSkewed = false) {
    this.documents = documents;
    this.isSkewed = isSkewed;
    const places = [...documents.list('Vm')].flatMap(({ document }) => {
      const tenant = document.metadata.tenant ?? '';
      const items = classifier.interfaces.ofVm(tenant, document.metadata.name) ?? [];
      return items.flatMap(({ name, holders }) =>
        holders.map(({ address, domain }): Place => {
          const owner = { tenant, vm: document.metadata.name, interface: name };
          return { tenant, owner, address, words: wordsOf(address), domain };
        }),
      );
    });
    this.places = isSkewed ? new Random(5).shuffle(places) : places;
    this.near = Map.groupBy(this.places, ({ domain, address }) => `${domain} ${address.family}`);
    for (const place of this.places) this.byWords.set(`${place.domain} ${place.words.join()}`, place);
  }

  next(words: Int32Array, at: number): void {
    const { random } = this;
    const place = this.places[this.isSkewed ? random.popular(this.places.length) : random.integer(0, this.places.length - 1)]!;
    const { family } = place.address;
    const other = random.chance(0.2)
      ? wordsOf(random.pick(outsides.filter((address) => address.family === family))!)
      : random.pick(this.near.get(`${place.domain} ${family}`)!)!.words;
    const [from, to] = random.chance(0.5) ? [place.words, other] : [other, place.words];
    const isIcmp = random.chance(0.1);
    words[at + question.domain] = place.domain;
    words[at + question.protocol] = isIcmp
      ? family === 4
        ? protocols.icmp
        : protocols.icmpv6
      : random.chance(0.8)
        ? protocols.tcp
        : protocols.udp;
    words[at + question.port] = isIcmp
      ? (family === 4 ? 8 : 128) * 256
      : random.chance(0.7)
        ? random.pick(ports)
        : random.integer(0, 65_535);
    words[at + question.family] = family;
    words[at + question.from] = ends.find;
    words[at + question.to] = ends.find;
    words.set(from, at + question.source);
    words.set(to, at + question.destination);
  }

  /** By the semantics, among the policies of the tenant: the reference cloud has none that concern two. */
  scan(words: Int32Array, at: number): readonly [string | number, string | number] {
    const domain = words[at + question.domain]!;
    const size = words[at + question.family] === 4 ? 1 : 4;
    const placeAt = (offset: number): Place | undefined =>
      this.byWords.get(`${domain} ${words.slice(at + offset, at + offset + size).join()}`);
    const [from, to] = [placeAt(question.source), placeAt(question.destination)];
    const known = from ?? to;
    if (known === undefined) return [outcomes.none, outcomes.none];
    const number = words[at + question.protocol]!;
    const port = words[at + question.port]!;
    const packet =
      number === protocols.icmp || number === protocols.icmpv6
        ? ({ protocol: number === protocols.icmp ? 'icmp' : 'icmpv6', type: port >> 8, code: port & 255 } as const)
        : ({ protocol: number === protocols.tcp ? 'tcp' : 'udp', port } as const);
    const end = (place: Place | undefined, offset: number) => ({
      address: place?.address ?? addressOf(words, at + offset, size),
      owner: place?.owner,
    });
    const verdict = judge(this.worldOf(known.tenant), { from: end(from, question.source), to: end(to, question.destination), packet });
    return [told(known.tenant, verdict.egress), told(known.tenant, verdict.ingress)];
  }

  private worldOf(tenant: string): World {
    let world = this.worlds.get(tenant);
    if (world === undefined) {
      const { documents } = this;
      world = { get: (kind, owner, name) => documents.get(kind, owner, name), list: (kind) => documents.list(kind, tenant) };
      this.worlds.set(tenant, world);
    }
    return world;
  }
}

function told(tenant: string, side: SideVerdict | null): string | number {
  if (side === null) return outcomes.none;
  if (side.policy === undefined) return side.verdict === 'allow' ? outcomes.allowed : outcomes.denied;
  return `${tenant}/${side.policy}/${side.rule}`;
}

function wordsOf({ family, value }: Address): readonly number[] {
  return (family === 4 ? [0n] : [96n, 64n, 32n, 0n]).map((shift) => Number((value >> shift) & 0xffffffffn) | 0);
}

function addressOf(words: Int32Array, at: number, size: number): Address {
  let value = 0n;
  for (let word = 0; word < size; word++) value = (value << 32n) | BigInt((words[at + word] ?? 0) >>> 0);
  return { family: size === 1 ? 4 : 6, value };
}
