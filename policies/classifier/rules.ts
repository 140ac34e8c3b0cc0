import type { Direction, Tier } from '../compiled.ts';
import { prefixesOf } from '../compile/blocks.ts';
import { mentionsOf } from '../compile/names.ts';
import { same } from '../graph/same.ts';
import type { Port, Rule } from '../model/kinds.ts';
import { resolveName } from '../model/scope.ts';
import { findGroup, groupOfPeer, isIcmp, portsNamed, scopedText } from '../selectors/index.ts';
import type { PolicyDocument, World } from '../selectors/index.ts';
import type { Clauses } from './clauses.ts';
import type { Entry } from './entries.ts';
import type { GroupNumbers } from './group-numbers.ts';
import { actionBits, actions, directionSlots, nameShift, protocols, tierSlots } from './layout.ts';
import type { NumberedTexts } from './numbers.ts';
import { Numbers } from './numbers.ts';
import type { Clause, Pairs, Peers, Subject } from './pairs.ts';
import { rulesPerLabel } from './ranks.ts';
import type { Ranked } from './ranks.ts';
import type { Space, Spaces } from './spaces.ts';

/** The rule behind a number in an answer. */
export interface RuleRow {
  /** Undefined: the platform's. */
  readonly owner: string | undefined;
  readonly policy: string;
  readonly tier: Tier;
  readonly direction: Direction;
  readonly index: number;
}

interface Standing extends RuleRow {
  readonly number: number;
  readonly source: Rule;
  readonly clause: Clause;
  readonly groupNames: readonly string[];
  readonly portNames: readonly string[];
}

/** A policy in one direction: its place in a table, and its rules there. */
interface Side {
  readonly ranked: Ranked;
  readonly slot: number;
  readonly groups: readonly number[] | undefined;
  readonly groupNames: readonly string[];
  readonly subject: Subject;
  rules: Standing[];
}

interface PolicyRow {
  readonly document: PolicyDocument;
  readonly space: Space;
  readonly sides: Readonly<Record<Direction, Side>>;
  readonly groups: readonly string[];
  readonly services: readonly string[];
}

export interface RulePorts {
  readonly spaces: Spaces;
  readonly clauses: Clauses;
  readonly pairs: Pairs;
  readonly portNames: NumberedTexts;
  readonly groupNumbers: GroupNumbers;
}

const directions: readonly Direction[] = ['egress', 'ingress'];
const none: readonly never[] = [];

/** The policies as they stand in the tables. A rule that stays as it is stays where it is. */
export class Rules {
  private readonly ports: RulePorts;
  private readonly policies = new Map<string, PolicyRow>();
  /** Sides that have their place and no rules yet, while everything is loaded. */
  private readonly placed = new Map<string, PolicyRow['sides']>();
  private readonly ofRank = new Map<Ranked, Side>();
  private readonly byMention = { group: new Map<string, Set<string>>(), service: new Map<string, Set<string>>() };
  private readonly rows: (RuleRow | undefined)[] = [];
  private readonly numbers = new Numbers(0);
  private readonly owners = new Map<string, number>();

  constructor(ports: RulePorts) {
    this.ports = ports;
  }

  row(number: number): RuleRow | undefined {
    return this.rows[number];
  }

  get count(): number {
    return this.rows.reduce((sum, row) => sum + (row === undefined ? 0 : 1), 0);
  }

  ownsAny(tenant: string): boolean {
    return this.owners.has(tenant);
  }

  mentioning(kind: 'group' | 'service', key: string): Iterable<string> {
    return [...(this.byMention[kind].get(key) ?? [])];
  }

  /** Gives every policy its place, before any is there. */
  *placeAll(world: World): Generator<undefined, void> {
    const byTable = new Map<number, Ranked[]>();
    for (const { document } of world.list('Policy')) {
      const { tenant, name } = document.metadata;
      const space = this.ports.spaces.of(tenant);
      const sides = { egress: this.openSide(space, document, 'egress'), ingress: this.openSide(space, document, 'ingress') };
      this.placed.set(scopedText({ tenant, name }), sides);
      for (const direction of directions) {
        const table = this.ports.spaces.tableOf(space, slotOf(document, direction));
        const policies = byTable.get(table) ?? [];
        byTable.set(table, policies);
        policies.push(sides[direction].ranked);
      }
      yield;
    }
    for (const [table, policies] of byTable) {
      this.ports.spaces.ranks(table).placeAll(policies);
      yield;
    }
  }

  /** `isOther`: what it names means something else, so that equal rules are compiled again. */
  changed(world: World, tenant: string | undefined, name: string, isOther: boolean): void {
    const key = scopedText({ tenant, name });
    const before = this.policies.get(key);
    const document = world.get('Policy', tenant, name)?.document;
    const stays = before && document && !isOther && samePlace(before.document, document);
    if (before && !stays) this.remove(key, before);
    if (document === undefined) return;
    const space = this.ports.spaces.of(tenant);
    const sides = stays ? before.sides : this.open(key, space, document);
    if (stays) this.index(key, before, 'remove');
    const { groups, services } = mentionsOf(tenant, document.spec);
    const row: PolicyRow = { document, space, sides, groups: groups.map(scopedText), services };
    this.policies.set(key, row);
    this.index(key, row, 'add');
    for (const direction of directions) this.settle(world, row, direction);
  }

  private open(key: string, space: Space, document: PolicyDocument): PolicyRow['sides'] {
    const placed = this.placed.get(key);
    this.placed.delete(key);
    if (placed) return placed;
    return { egress: this.place(space, document, 'egress'), ingress: this.place(space, document, 'ingress') };
  }

  private place(space: Space, document: PolicyDocument, direction: Direction): Side {
    const side = this.openSide(space, document, direction);
    const moved = this.ports.spaces.ranks(this.ports.spaces.tableOf(space, side.slot)).place(side.ranked);
    for (const ranked of moved) this.rerank(ranked);
    return side;
  }

  private openSide(space: Space, document: PolicyDocument, direction: Direction): Side {
    const { tenant, name } = document.metadata;
    const slot = slotOf(document, direction);
    const { appliesTo } = document.spec;
    const groupNames = [...new Set(appliesTo?.map((group) => scopedText(resolveName(tenant, group))))];
    const groups = appliesTo && this.useGroups(groupNames);
    const ranked: Ranked = { order: document.spec.order, name, label: 0 };
    const side: Side = { ranked, slot, groups, groupNames, subject: this.ports.clauses.useSubject(space, slot, groups), rules: [] };
    this.ofRank.set(ranked, side);
    return side;
  }

  private remove(key: string, row: PolicyRow): void {
    const { spaces, clauses } = this.ports;
    for (const direction of directions) {
      const side = row.sides[direction];
      for (const rule of side.rules) this.withdraw(row.space, side, rule);
      clauses.dropSubject(row.space, side.slot, side.groups);
      this.dropGroups(side.groupNames);
      spaces.ranks(spaces.tableOf(row.space, side.slot)).remove(side.ranked);
      this.ofRank.delete(side.ranked);
    }
    this.index(key, row, 'remove');
    this.policies.delete(key);
  }

  /** Replaces the rules that differ from those that stand. */
  private settle(world: World, row: PolicyRow, direction: Direction): void {
    const side = row.sides[direction];
    const wanted = row.document.spec[direction];
    const stands = (index: number): boolean => same(side.rules[index]?.source, wanted[index]);
    for (const [index, rule] of side.rules.entries()) if (!stands(index)) this.withdraw(row.space, side, rule);
    side.rules = wanted.map((rule, index) => {
      const before = side.rules[index];
      return before && stands(index) ? before : this.put(world, row, direction, rule, index);
    });
  }

  private put(world: World, row: PolicyRow, direction: Direction, source: Rule, index: number): Standing {
    const { tenant: owner, name: policy } = row.document.metadata;
    const { clauses, portNames } = this.ports;
    const side = row.sides[direction];
    const ports = source.services?.flatMap((service) => (typeof service === 'string' ? portsNamed(world, owner, service) : [service]));
    const names = (ports ?? []).flatMap((port) => ('portName' in port && port.portName !== undefined ? [port.portName] : []));
    const { peers, groupNames } = this.peersOf(world, owner, source.peers);
    for (const name of names) portNames.use(name);
    const number = this.numbers.take();
    const rule: Standing = {
      number,
      owner,
      policy,
      tier: row.document.spec.tier,
      direction,
      index,
      source,
      clause: clauses.useClause(row.space, peers),
      groupNames,
      portNames: names.length > 0 ? names : none,
    };
    this.rows[number] = rule;
    this.ports.pairs.add(side.subject, rule.clause, this.entriesOf(rule, side, ports));
    return rule;
  }

  private withdraw(space: Space, side: Side, rule: Standing): void {
    this.ports.pairs.remove(side.subject, rule.clause, outcomeOf(rule));
    this.ports.clauses.dropClause(space, rule.clause.peers);
    this.dropGroups(rule.groupNames);
    for (const name of rule.portNames) this.ports.portNames.drop(name);
    this.rows[rule.number] = undefined;
    this.numbers.giveBack(rule.number);
  }

  /** Its label changed: its entries are the same but for their rank. */
  private rerank(ranked: Ranked): void {
    const side = this.ofRank.get(ranked);
    for (const rule of side?.rules ?? []) {
      if (side) this.ports.pairs.rerank(side.subject, rule.clause, outcomeOf(rule), ranked.label * rulesPerLabel + rule.index);
    }
  }

  private entriesOf(rule: Standing, side: Side, ports: readonly Port[] | undefined): readonly Entry[] {
    const common = { rank: side.ranked.label * rulesPerLabel + rule.index, rule: outcomeOf(rule) };
    if (ports === undefined) return [{ ...common, service: 0, first: 0, last: 65_535 }];
    const distinct = new Map<string, Entry>();
    for (const port of ports) {
      const service = this.serviceOf(port);
      distinct.set(`${service.service} ${service.first} ${service.last}`, { ...common, ...service });
    }
    return [...distinct.values()];
  }

  private serviceOf(port: Port): Pick<Entry, 'service' | 'first' | 'last'> {
    const protocol = protocols[port.protocol];
    if (isIcmp(port)) {
      const { type, code } = port;
      if (type === undefined) return { service: protocol, first: 0, last: 65_535 };
      return { service: protocol, first: type * 256 + (code ?? 0), last: type * 256 + (code ?? 255) };
    }
    if (port.portName !== undefined) {
      return { service: protocol | ((this.ports.portNames.get(port.portName) ?? 0) << nameShift), first: 0, last: 65_535 };
    }
    return { service: protocol, first: port.port ?? 0, last: port.port === undefined ? 65_535 : (port.endPort ?? port.port) };
  }

  private peersOf(
    world: World,
    owner: string | undefined,
    peers: Rule['peers'],
  ): { readonly peers: Peers; readonly groupNames: readonly string[] } {
    if (peers === undefined || peers.some((peer) => peer.kind === 'any')) return { peers: undefined, groupNames: none };
    const groups = new Set<string>();
    const blocks: { readonly cidrs: readonly string[]; readonly except: readonly string[] }[] = [];
    for (const peer of peers) {
      if (peer.kind === 'cidr') blocks.push({ cidrs: [peer.cidr], except: peer.except });
      if (peer.kind !== 'group') continue;
      const id = groupOfPeer(owner, peer);
      const members = findGroup(world, id)?.spec.members;
      if (members?.kind === 'cidrs') blocks.push(members);
      else groups.add(scopedText(id));
    }
    const groupNames = [...groups];
    return { peers: { groups: this.useGroups(groupNames), prefixes: prefixesOf(blocks) }, groupNames };
  }

  /** Their numbers, ascending. */
  private useGroups(names: readonly string[]): readonly number[] {
    return names.map((name) => this.ports.groupNumbers.use(name)).toSorted((a, b) => a - b);
  }

  private dropGroups(names: readonly string[]): void {
    for (const name of names) this.ports.groupNumbers.drop(name);
  }

  private index(key: string, row: PolicyRow, change: 'add' | 'remove'): void {
    for (const kind of ['group', 'service'] as const) {
      const index = this.byMention[kind];
      for (const mentioned of kind === 'group' ? row.groups : row.services) {
        const keys = index.get(mentioned) ?? new Set();
        if (change === 'add') index.set(mentioned, keys.add(key));
        else if (keys.delete(key) && keys.size === 0) index.delete(mentioned);
      }
    }
    const owner = row.document.metadata.tenant;
    if (owner === undefined) return;
    const count = (this.owners.get(owner) ?? 0) + (change === 'add' ? 1 : -1);
    if (count > 0) this.owners.set(owner, count);
    else this.owners.delete(owner);
  }
}

const outcomeOf = (rule: Standing): number => (rule.number << actionBits) | actions.indexOf(rule.source.action);

const slotOf = ({ spec }: PolicyDocument, direction: Direction): number => tierSlots[spec.tier] + directionSlots[direction];

/** Whether the rules of both stand in the same table, at the same place, for the same interfaces. */
function samePlace({ spec: a }: PolicyDocument, { spec: b }: PolicyDocument): boolean {
  return a.tier === b.tier && a.order === b.order && same(a.appliesTo, b.appliesTo);
}
