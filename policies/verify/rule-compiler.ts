import type { Direction } from '../compiled.ts';
import type { Rule } from '../model/kinds.ts';
import type { PolicyDocument, World } from '../selectors/index.ts';
import { BoxTable } from './box-table.ts';
import { Interner } from './interner.ts';
import { Members } from './members.ts';
import { stale } from './reach.ts';
import type { RuleRecord } from './rule-record.ts';
import { localOf, spaceOf } from './rule-space.ts';
import type { LocalSet, PeerSet, RuleSpace, Services, SpaceContext } from './rule-space.ts';

/** The rules of a policy as it is now, and those of what it was that are no longer its. */
export interface CompiledPolicy {
  readonly rules: readonly RuleRecord[];
  readonly fresh: readonly RuleRecord[];
  readonly gone: readonly RuleRecord[];
}

/** Makes records of the rules of policies. Sets that many rules have are kept once. */
export class RuleCompiler {
  readonly members = new Members();
  readonly #boxes = new BoxTable();
  readonly #names = new Map<string, number>();
  readonly #locals = new Interner<LocalSet>();
  readonly #peers = new Interner<PeerSet>();
  readonly #services = new Interner<Services>();

  /** Rules that are as they were keep their records, and what is known of them. */
  compile(world: World, document: PolicyDocument | undefined, before: readonly RuleRecord[]): CompiledPolicy {
    const left = new Map(before.map((rule) => [placeOf(rule.direction, rule.rank.index), rule]));
    const [rules, fresh]: [RuleRecord[], RuleRecord[]] = [[], []];
    const context = this.#contextOf(world);
    const local = document && localOf(context, document);
    if (local === undefined || document === undefined) return { rules, fresh, gone: before };
    for (const direction of ['egress', 'ingress'] as const) {
      for (const [index, rule] of document.spec[direction].entries()) {
        const space = spaceOf(context, document.metadata.tenant, local, rule);
        if (space === undefined) continue;
        const place = placeOf(direction, index);
        const old = left.get(place);
        if (old !== undefined && isSame(old, document, rule, space)) {
          left.delete(place);
          rules.push(old);
          continue;
        }
        const record = this.#recordOf(document, direction, index, rule, space);
        rules.push(record);
        fresh.push(record);
      }
    }
    return { rules, fresh, gone: [...left.values()] };
  }

  /** Of a rule that nobody looks at any more. */
  release({ space: { local, peers, services } }: RuleRecord): void {
    this.#locals.give(local);
    this.#peers.give(peers);
    this.#services.give(services);
  }

  #recordOf({ metadata, spec }: PolicyDocument, direction: Direction, index: number, rule: Rule, space: RuleSpace): RuleRecord {
    return {
      owner: metadata.tenant,
      tier: spec.tier,
      direction,
      rank: { order: spec.order, policy: metadata.name, index },
      action: rule.action,
      space: {
        local: this.#locals.take(space.local),
        peers: this.#peers.take(space.peers),
        services: this.#services.take(space.services),
      },
      reach: stale,
      decided: undefined,
      conflicts: 0,
    };
  }

  #contextOf(world: World): SpaceContext {
    return {
      world,
      boxes: this.#boxes,
      nameId: (name) => {
        const known = this.#names.get(name) ?? this.#names.size;
        this.#names.set(name, known);
        return known;
      },
      members: (group) => this.members.of(world, group),
    };
  }
}

const placeOf = (direction: Direction, index: number): string => `${direction} ${index}`;

const isSame = (old: RuleRecord, { spec }: PolicyDocument, rule: Rule, { local, peers, services }: RuleSpace): boolean =>
  old.tier === spec.tier &&
  old.rank.order === spec.order &&
  old.action === rule.action &&
  old.space.local.value.text === local.text &&
  old.space.peers.value.text === peers.text &&
  old.space.services.value.text === services.text;
