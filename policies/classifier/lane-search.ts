import { address4Slot, classRow, header, interfaceRow, lanesRow, prefixNode, question, tableRow, vectorMax } from './layout.ts';
import { lane, lanesMax, openKernel } from './kernel.ts';
import type { Kernel } from './kernel.ts';
import { undecided } from './search.ts';

/** Lanes have no answer: the search has. */
export const unserved = -5;

/** One end of each question: its interface, and the slot of its address. */
export interface LaneEnd {
  readonly interfaces: Int32Array;
  readonly slots: Int32Array;
}

/** The search through tables that have lanes, for a chunk of questions at once, on any thread. What is read while words change may be anything, as in `Search`. */
export class LaneSearch {
  private readonly kernel: Kernel;
  private readonly rules = new Int32Array(lanesMax);
  private readonly places = new Int32Array(lanesMax);
  private words: Int32Array;
  private mask = 0;
  private interfaces = 0;
  private classes = 0;
  private tables = 0;

  constructor(memory: WebAssembly.Memory, words: Int32Array) {
    this.kernel = openKernel(memory);
    this.words = words;
  }

  /** Where everything is, as of now. */
  begin(words: Int32Array): void {
    this.words = words;
    this.mask = words.length - 1;
    this.interfaces = words[header.interfaces]!;
    this.classes = words[header.classes]!;
    this.tables = words[header.tables]!;
  }

  /** Whether the slots of both addresses tell all that lanes need of the ends. */
  isTold(direction: number, local: number, peer: number): boolean {
    const { words, mask } = this;
    if (local === 0 || peer === 0) return false;
    const space = words[local + address4Slot.space]!;
    if (space === 0 || words[peer + address4Slot.space] !== space || words[local + address4Slot.locals + direction] === 0) return false;
    return words[(this.tables + (2 + 2 * space + direction) * tableRow.size + tableRow.lanes) & mask] !== 0;
  }

  /**
   * What the tenant's tier says of each question in one direction: a rule, `undecided` or `unserved`.
   * @param prefixes the innermost around the peer's address, where both ends are not told
   */
  run(
    direction: number,
    asked: Int32Array,
    first: number,
    count: number,
    local: LaneEnd,
    peer: LaneEnd,
    prefixes: Int32Array,
    found: Int32Array,
  ): void {
    const { words, mask, interfaces, classes, tables, rules, places } = this;
    const { lanes } = this.kernel;
    // A vector is within the memory whatever was read.
    const last = mask + 1 - vectorMax;
    let served = 0;
    let isGrouped = false;
    for (let index = 0, at = first * question.size; index < count; index++, at += question.size) {
      found[index] = unserved;
      const number = local.interfaces[index]!;
      if (number < 0) continue;
      const prefix = prefixes[index]!;
      const slot = local.slots[index]!;
      const row = (interfaces + number * interfaceRow.size) & mask;
      const isSlot = slot !== 0 && words[slot + address4Slot.space] !== 0;
      const space = isSlot ? words[slot + address4Slot.space]! : words[row + interfaceRow.space]!;
      const table = words[(tables + (2 + 2 * space + direction) * tableRow.size + tableRow.lanes) & mask]! & mask;
      if (table === 0) continue;
      let subject = isSlot ? words[slot + address4Slot.locals + direction]! & mask : 0;
      if (subject === 0)
        subject = words[((classes + words[row + interfaceRow.class]! * classRow.size) & mask) + classRow.locals + direction]! & mask;
      const address =
        (prefix > 0
          ? words[(prefix + prefixNode.vectors + direction) & mask]!
          : words[prefix === 0 ? table + lanesRow.outside : peer.slots[index]! + address4Slot.peers + direction]!) & mask;
      const port = asked[at + question.port]!;
      const pages = words[(table + lanesRow.services + (asked[at + question.protocol]! & 255)) & mask]!;
      const page = words[(pages + ((port >>> 8) & 255)) & mask]!;
      const service = words[(page + (port & 255)) & mask]! & mask;
      if (subject === 0 || address === 0 || service === 0) continue;
      let groups = address;
      const other = peer.interfaces[index]!;
      if (other >= 0 && words[table + lanesRow.groups] !== 0) {
        const its = (interfaces + other * interfaceRow.size) & mask;
        // Of another tenant's interface rules can mean groups of the platform.
        if (words[its + interfaceRow.space] !== space) continue;
        groups = words[((classes + words[its + interfaceRow.class]! * classRow.size) & mask) + classRow.peers + direction]! & mask;
        if (groups === 0) continue;
        isGrouped = true;
      }
      rules[served] = words[table + lanesRow.rules]!;
      places[served] = index;
      lanes[lane.local + served] = Math.min(subject, last) << 2;
      lanes[lane.address + served] = Math.min(address, last) << 2;
      lanes[lane.service + served] = Math.min(service, last) << 2;
      lanes[lane.groups + served] = Math.min(groups, last) << 2;
      served++;
    }
    if (served === 0) return;
    if (isGrouped) this.kernel.groups(served);
    else this.kernel.addresses(served);
    for (let index = 0; index < served; index++) {
      const position = lanes[lane.answer + index]!;
      found[places[index]!] = position < 0 ? undecided : words[(rules[index]! + position) & mask]!;
    }
  }
}
