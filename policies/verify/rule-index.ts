import type { Family } from '../../src/base/addresses.ts';
import type { Direction, Tier } from '../compiled.ts';
import { drop, nextIn, put, restrict, unite, wordsFor } from './bits.ts';
import type { Bits } from './bits.ts';
import type { Point } from './point.ts';
import { families, hasNothingIn, isIn, isWhole } from './relation.ts';
import type { InternedSpace } from './relation.ts';
import { isComposite, marks, marksOf, nothingIn, wholeIn } from './rule-marks.ts';
import type { Mark } from './rule-marks.ts';
import { compareRanks } from './rule-record.ts';
import type { RuleRecord } from './rule-record.ts';
import { hasNames } from './rule-space.ts';
import type { PeerSet } from './rule-space.ts';
import { RuleTables } from './rule-tables.ts';
import type { Purpose } from './rule-tables.ts';
import { hasIcmp } from './service-rows.ts';

/** Rules that are asked one after the other: of one owner, tier and direction. */
export type ScopeKey = string;

export const scopeKey = (owner: string | undefined, tier: Tier, direction: Direction): ScopeKey => `${direction} ${tier} ${owner ?? ''}`;

/** Slots that are left are put to use again when there are more of them, a quarter of all at least. */
const leftMin = 32;
/** Scopes with so many rules keep their tables when nothing is asked. */
const restingMin = 256;

/**
 * The rules of one scope, a bit each, and of each set that a rule consists of a row that says which rules have one that overlaps with it,
 * contains it or is a part of it. What stands so to a whole rule is what stands so in each side: found by joining rows, 32 rules in a step,
 * however many rules overlap. A row that a method answers is good until it is asked again.
 */
export class RuleIndex {
  readonly #direction: Direction;
  readonly #tier: Tier;
  #words = 1;
  readonly #rules: (RuleRecord | undefined)[] = [];
  readonly #slots = new Map<RuleRecord, number>();
  readonly #free: number[] = [];
  /** Slots that no rule has, but rows may. */
  readonly #left: number[] = [];
  readonly #policies = new Map<string, Set<number>>();
  readonly #marks = new Map<Mark, Bits>(marks.map((mark) => [mark, new Uint32Array(1)]));
  /** Made when it is first asked for. */
  #opened: RuleTables | undefined;

  constructor({ tier, direction }: Pick<RuleRecord, 'tier' | 'direction'>) {
    this.#direction = direction;
    this.#tier = tier;
  }

  /** Whether packets come here behind the tier of a rule of the platform. */
  isBehind({ tier, direction }: RuleRecord): boolean {
    return tier === 'platform' && this.#tier !== 'platform' && this.#direction === direction;
  }

  get size(): number {
    return this.#slots.size;
  }

  add(rule: RuleRecord): void {
    const slot = this.#free.pop() ?? this.#rules.length;
    this.#rules[slot] = rule;
    this.#slots.set(rule, slot);
    if (slot >= 32 * this.#words) this.#grow(slot + 1);
    this.#opened?.add(rule, slot);
    const ofPolicy = this.#policies.get(rule.rank.policy);
    if (ofPolicy === undefined) this.#policies.set(rule.rank.policy, new Set([slot]));
    else ofPolicy.add(slot);
    for (const mark of marksOf(rule)) put(this.#mark(mark), slot);
  }

  remove(rule: RuleRecord): void {
    const slot = this.slotOf(rule);
    this.#rules[slot] = undefined;
    this.#slots.delete(rule);
    this.#left.push(slot);
    this.#opened?.remove(rule, slot);
    const ofPolicy = this.#policies.get(rule.rank.policy);
    ofPolicy?.delete(slot);
    if (ofPolicy?.size === 0) this.#policies.delete(rule.rank.policy);
    for (const bits of this.#marks.values()) drop(bits, slot);
  }

  /** Says of a rule that its conflicts are counted, or that it is known to be reached or not. */
  note(rule: RuleRecord, mark: 'counted' | 'settled', isSo: boolean): void {
    (isSo ? put : drop)(this.#mark(mark), this.slotOf(rule));
  }

  *ofBits(bits: Bits): Iterable<RuleRecord> {
    for (let slot = nextIn(bits, 0); slot >= 0; slot = nextIn(bits, slot + 1)) yield this.#rules[slot] as RuleRecord;
  }

  /** Every rule that may meet a packet of the space, whatever number a port by name stands for, and whatever address an interface has. */
  meeting(space: InternedSpace, only: 'live' | 'settled' = 'live'): Bits {
    const found = this.#localOverlap(space, 'meeting');
    restrict(found, this.#mark(only));
    const services = space.services.value;
    if (!hasNames(services)) {
      const { 4: four, 6: six } = this.#tables.services.overlap(services);
      const named = this.#mark('named');
      for (let word = 0; word < found.length; word++) found[word]! &= four[word]! | six[word]! | named[word]!;
    }
    const peers = this.#tables.scratch.take('peers4');
    const { boxes, addresses } = space.peers.value;
    for (const box of boxes) unite(peers, this.#tables.groups.rules('overlap', box));
    if (boxes.length > 0) unite(peers, this.#mark('hasAddresses'));
    if (addresses.all.length > 0) {
      unite(peers, this.#mark('hasGroups'));
      for (const family of families) unite(peers, this.#tables.blocks.rowsOf(addresses)[family].overlap);
    }
    restrict(found, peers);
    return found;
  }

  /** Rules of other policies with counted conflicts that say the opposite of some of the rule's packets: of what exists, and of present members. */
  opposing({ space, action, rank }: Pick<RuleRecord, 'space' | 'action' | 'rank'>): Bits {
    if (action === 'pass') return this.#tables.scratch.take('opposing');
    const found = this.#localOverlap(space, 'opposing');
    restrict(found, this.#mark('counted'));
    const [allows, passes] = [this.#mark('allows'), this.#mark('passes')];
    for (let word = 0; word < found.length; word++) found[word]! &= action === 'allow' ? ~(allows[word]! | passes[word]!) : allows[word]!;
    for (const slot of this.#policies.get(rank.policy) ?? []) drop(found, slot);
    const { 4: inFour, 6: inSix } = this.#tables.services.overlap(space.services.value);
    const peers = space.peers.value;
    const four = this.#tables.scratch.take('peers4');
    this.#putPeersOverlap(four, peers, 4);
    if (inFour === inSix) {
      this.#putPeersOverlap(four, peers, 6);
      restrict(found, inFour);
      restrict(found, four);
      return found;
    }
    const six = this.#tables.scratch.take('peers6');
    this.#putPeersOverlap(six, peers, 6);
    for (let word = 0; word < found.length; word++) found[word]! &= (inFour[word]! & four[word]!) | (inSix[word]! & six[word]!);
    return found;
  }

  /** Of these rules, which overlap with the space, those that contain it. */
  containing(space: InternedSpace, among: Bits): Bits {
    const found = this.#containAlone(space);
    restrict(found, among);
    const rest = this.#tables.scratch.copy('rest', among);
    const composite = this.#mark('composite');
    for (let word = 0; word < rest.length; word++) rest[word]! &= composite[word]! & ~found[word]!;
    for (const family of families)
      if (!hasNothingIn(space, family)) restrict(rest, this.#tables.services.contains(space.services.value, family));
    for (let slot = nextIn(rest, 0); slot >= 0; slot = nextIn(rest, slot + 1))
      if (isIn(space, (this.#rules[slot] as RuleRecord).space)) put(found, slot);
    return found;
  }

  /** Of these rules, which overlap with the space, those that are a part of it. */
  within(space: InternedSpace, among: Bits): Bits {
    const found = this.#withinAlone(space);
    restrict(found, among);
    const rest = this.#tables.scratch.take('rest');
    const [composite, ranges, icmp] = [this.#mark('composite'), this.#mark('severalRanges'), this.#mark('hasIcmp')];
    const services = this.#tables.services.within(space.services.value);
    const isOnePart = !isComposite(space);
    for (let word = 0; word < rest.length; word++) {
      const doubtful = composite[word]! | ranges[word]!;
      // What is a part of one part has a part there; what is a part of several together need not.
      const possible = isOnePart ? found[word]! & doubtful : services[word]! & ~found[word]!;
      rest[word] = among[word]! & (possible | (found[word]! & doubtful) | icmp[word]!);
      found[word]! &= ~doubtful;
    }
    for (let slot = nextIn(rest, 0); slot >= 0; slot = nextIn(rest, slot + 1))
      if (isIn((this.#rules[slot] as RuleRecord).space, space)) put(found, slot);
    return found;
  }

  /** Of these rules, the one that is asked first, of those that are asked before a rank. */
  firstOf(bits: Bits, before?: RuleRecord): RuleRecord | undefined {
    let first: RuleRecord | undefined;
    for (let slot = nextIn(bits, 0); slot >= 0; slot = nextIn(bits, slot + 1)) {
      const rule = this.#rules[slot] as RuleRecord;
      if (before !== undefined && compareRanks(rule.rank, before.rank) >= 0) continue;
      if (first === undefined || compareRanks(rule.rank, first.rank) < 0) first = rule;
    }
    return first;
  }

  /** Whether no rule that is asked before this one decides the packet. */
  isFirstAt(rule: RuleRecord, point: Point): boolean {
    const local = this.#tables.locals.rules('strange', point.local);
    const { services } = point;
    const address = this.#tables.at(point.address);
    const group = point.inside && this.#tables.groups.rules('strange', point.inside);
    for (let word = 0; word < local.length; word++) {
      let rest = local[word]! & services[word]! & (address[word]! | (group?.[word] ?? 0));
      while (rest !== 0) {
        const bit = rest & -rest;
        const other = this.#rules[(word << 5) + 31 - Math.clz32(bit)];
        if (other !== undefined && compareRanks(other.rank, rule.rank) < 0) return false;
        rest ^= bit;
      }
    }
    return true;
  }

  /** Some services that are worth a look, with the rules that decide them. */
  servicesOf({ services }: InternedSpace): readonly { readonly service: number; readonly rules: Bits }[] {
    return this.#tables.services.at(services.value);
  }

  #localOverlap({ local }: InternedSpace, purpose: Purpose): Bits {
    const found = this.#tables.scratch.take(purpose);
    for (const box of local.value.boxes) unite(found, this.#tables.locals.rules('overlap', box));
    return found;
  }

  /** An address that any interface may have is one of a group's only where a rule has all of the family; else by the present members. */
  #putPeersOverlap(found: Bits, { boxes, groups, addresses }: PeerSet, family: Family): void {
    for (const box of boxes) unite(found, this.#tables.groups.rules('overlap', box));
    if (boxes.length > 0) {
      unite(found, this.#mark(wholeIn[family]));
      if (this.#hasSome('hasBlocks'))
        for (const { members } of groups) if (members !== undefined) unite(found, this.#tables.blocks.rowsOf(members)[family].overlap);
    }
    if (addresses.in[family].length === 0) return;
    unite(found, this.#tables.blocks.rowsOf(addresses)[family].overlap);
    if (isWhole({ addresses }, family)) unite(found, this.#mark('hasGroups'));
    else unite(found, this.#tables.byMembers(this.#slots).rowsOf(addresses)[family].overlap);
  }

  /** Rules of which a part for each part of the space contains it: no others, but of composite ones not all. */
  #containAlone(space: InternedSpace): Bits {
    const found = this.#tables.scratch.take('containing').fill(-1);
    for (const box of space.local.value.boxes) restrict(found, this.#tables.locals.rules('contains', box));
    const { boxes, addresses } = space.peers.value;
    this.#restrictToServices(found, space);
    for (const family of families) {
      if (hasNothingIn(space, family)) continue;
      if (addresses.in[family].length > 0) restrict(found, this.#tables.blocks.rowsOf(addresses)[family].contains);
      const whole = this.#mark(wholeIn[family]);
      for (const box of boxes) {
        const contains = this.#tables.groups.rules('contains', box);
        for (let word = 0; word < found.length; word++) found[word]! &= contains[word]! | whole[word]!;
      }
    }
    return found;
  }

  /** To the rules that decide all of the services that exist. Without ICMP that is the same in both families. */
  #restrictToServices(found: Bits, space: InternedSpace): void {
    for (const family of families) {
      if (hasNothingIn(space, family)) continue;
      restrict(found, this.#tables.services.contains(space.services.value, family));
      if (!hasIcmp(space.services.value)) return;
    }
  }

  /** Rules that consist of one part which is in one of the space's: of a composite space not all that are in it. */
  #withinAlone(space: InternedSpace): Bits {
    const found = this.#tables.scratch.take('within');
    for (const box of space.local.value.boxes) unite(found, this.#tables.locals.rules('within', box));
    const { boxes, addresses } = space.peers.value;
    const groups = this.#tables.scratch.take('groups');
    for (const box of boxes) unite(groups, this.#tables.groups.rules('within', box));
    const within = this.#tables.services.within(space.services.value);
    for (const family of families) {
      const peers = this.#tables.scratch.copy('peers4', groups);
      if (addresses.in[family].length > 0) unite(peers, this.#tables.blocks.rowsOf(addresses)[family].within);
      if (isWhole(space.peers.value, family)) unite(peers, this.#mark('hasGroups'));
      const nothing = this.#mark(nothingIn[family]);
      for (let word = 0; word < found.length; word++) found[word]! &= nothing[word]! | (within[word]! & peers[word]!);
    }
    return found;
  }

  get #tables(): RuleTables {
    return (this.#opened ??= new RuleTables(() => this.#words, this.#slots));
  }

  #mark(mark: Mark): Bits {
    const bits = this.#marks.get(mark);
    if (bits === undefined) throw new Error(`invariant broken: no bits for ${mark}`);
    return bits;
  }

  #hasSome(mark: Mark): boolean {
    return nextIn(this.#mark(mark), 0) >= 0;
  }

  slotOf(rule: RuleRecord): number {
    const slot = this.#slots.get(rule);
    if (slot === undefined) throw new Error('invariant broken: a rule that is not in the index');
    return slot;
  }

  #grow(rules: number): void {
    this.#close();
    this.#words = wordsFor(Math.ceil(rules * 1.25));
    for (const [mark, bits] of this.#marks) {
      const wider = new Uint32Array(this.#words);
      wider.set(bits);
      this.#marks.set(mark, wider);
    }
  }

  /**
   * To be run when nothing is asked for a while, and begun anew when it was left. Small scopes give their tables up: they are made again
   * faster than they are worth their memory.
   */
  *rest(): Generator<undefined, void> {
    if (this.size < restingMin) this.#close();
    if (this.#left.length <= Math.max(leftMin, this.size / 4)) return;
    if (this.#opened) yield* this.#opened.sweep(this.#mark('live'));
    this.#free.push(...this.#left.splice(0));
  }

  #close(): void {
    this.#opened = undefined;
    this.#free.push(...this.#left.splice(0));
  }
}
