import { beforeEach, expect, test } from 'vitest';
import { tables } from '../../flows/pipeline/index.ts';
import { Reconciler } from '../../flows/reconcile/index.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { Direction, Element, HostChange, RuleElement } from '../../policies/compiled.ts';
import { systemClock } from '../../src/base/clock.ts';
import { CoOwners } from '../../src/controller/co-owners.ts';
import { Changeover, patienceMs, settlingMs } from '../../src/controller/changeover.ts';
import type { ChangingHost } from '../../src/controller/changeover.ts';
import { HostFlows, isEmpty } from '../../src/controller/desired.ts';
import { Realization } from '../../src/controller/realization.ts';

/** A host whose switch commits bundles when it is told to. */
class TestHost implements ChangingHost {
  readonly #flows = new HostFlows(systemClock);
  readonly #reconciler = new Reconciler();
  readonly #name: string;
  readonly #realization: Realization;
  #sequence = 0;
  isConnected = true;

  constructor(name: string, realization: Realization) {
    this.#name = name;
    this.#realization = realization;
    this.#reconciler.beginFlows();
    this.#reconciler.endFlows();
    this.#reconciler.listGroups([]);
    this.#reconciler.listMeters([]);
    this.#desire({ host: name, put: [{ kind: 'tenant', tenant: 1, posture: 'zero-trust' }], removed: [] });
    this.commit();
  }

  get elements(): ChangingHost['elements'] {
    return this.#flows.elements;
  }

  #desire(change: HostChange): boolean {
    const { desired } = this.#flows.apply(change);
    if (isEmpty(desired)) return false;
    this.#reconciler.setDesired(desired, ++this.#sequence);
    return true;
  }

  apply(change: HostChange, revision: number): number {
    if (this.#desire(change)) this.#realization.owe(this.#name, revision, this.#sequence);
    else this.#realization.release(this.#name, revision);
    this.#progress();
    return 0;
  }

  restrict(change: HostChange): number | undefined {
    return this.#desire(change) ? this.#sequence : undefined;
  }

  carriesOut(sequence: number): boolean {
    return (this.#reconciler.realized ?? -1) >= sequence;
  }

  /** Carries out everything that waits. @returns how many bundles that was */
  commit(): number {
    let bundles = 0;
    for (let step = this.#reconciler.next(0); step; step = this.#reconciler.next(0)) {
      this.#reconciler.committed(step, 0);
      bundles++;
    }
    this.#progress();
    return bundles;
  }

  #progress(): void {
    this.#realization.realized(this.#name, this.#reconciler.realized ?? 0);
    this.#realization.wake();
  }

  get pending(): number {
    return this.#reconciler.pending;
  }

  /** Where a verdict of the tenant's rules leads on the switch, by direction; `hold` leads nowhere. */
  get standing(): readonly string[] {
    const { installed } = this.#reconciler.flows;
    const names = new Map<number, Direction>([
      [tables.egressTenant.id, 'egress'],
      [tables.ingressTenant.id, 'ingress'],
    ]);
    return [...installed.keys()]
      .flatMap((key) => installed.get(key) ?? [])
      .filter(({ tableId, priority }) => names.has(tableId) && priority > 0)
      .map(({ tableId, instructions }) => {
        const goto = instructions.find((instruction) => instruction.kind === 'goto_table');
        return `${names.get(tableId)} ${goto === undefined ? 'hold' : goto.tableId === tables.allow.id ? 'allow' : 'deny'}`;
      });
  }
}

const rule = (direction: Direction, action: RuleElement['action'], id = action === 'allow' ? 1 : 2): RuleElement => ({
  kind: 'rule',
  id: direction === 'egress' ? id : id + 2,
  tenant: 1,
  tier: 'tenant',
  direction,
  priority: 100 + id,
  action,
  local: undefined,
  peers: undefined,
  services: undefined,
  log: false,
});
const replace = (host: string, before: Element, after: Element): HostChange => ({ host, put: [after], removed: [elementKey(before)] });
const swap = (host: string, direction: Direction, action: 'allow' | 'deny'): HostChange =>
  replace(host, rule(direction, action === 'allow' ? 'deny' : 'allow'), rule(direction, action));

let realization: Realization;
let changeover: Changeover;
let coOwners: CoOwners;
/** Whose hosts are another member's. */
let owners: ReadonlyMap<string, string>;
let told: number[];
let timers: { readonly delayMs: number; readonly ring: () => void }[];
let hosts: Record<'a' | 'b' | 'c', TestHost>;
let revision: number;

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};
const ring = async (delayMs: number): Promise<void> => {
  await settled();
  const due = timers.filter((timer) => timer.delayMs === delayMs);
  timers = timers.filter((timer) => timer.delayMs !== delayMs);
  for (const timer of due) timer.ring();
  await settled();
};
/** @returns whether it is realized within no time */
const isRealized = async (which: number): Promise<boolean> => {
  const outcome = realization.wait(which, 1, () => '');
  await ring(1);
  return (await outcome).realized;
};
const hand = (...changes: readonly HostChange[]): number => {
  changeover.apply(changes, ++revision);
  realization.compiled(revision);
  return revision;
};

beforeEach(() => {
  timers = [];
  revision = 0;
  realization = new Realization((delayMs, callback) => {
    const timer = { delayMs, ring: callback };
    timers.push(timer);
    return () => (timers = timers.filter((other) => other !== timer));
  });
  hosts = { a: new TestHost('a', realization), b: new TestHost('b', realization), c: new TestHost('c', realization) };
  owners = new Map();
  told = [];
  coOwners = new CoOwners({ id: 'me', ownerOf: (host) => owners.get(host) ?? 'me' }, (which) => void told.push(which));
  changeover = new Changeover(realization, (name) => hosts[name as 'a' | 'b' | 'c'], coOwners);
  hand({ host: 'a', put: [rule('egress', 'deny')], removed: [] });
  hand({ host: 'b', put: [rule('ingress', 'allow')], removed: [] }, { host: 'c', put: [rule('ingress', 'deny')], removed: [] });
  for (const host of Object.values(hosts)) host.commit();
});

test('what one side permits goes out when the other has lost what it lets through', async () => {
  const opposed = hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  expect([hosts.a.pending, hosts.b.pending]).toEqual([0, 3 + 1]);
  await settled();
  expect(hosts.b.commit()).toBe(1);
  await settled();
  expect([hosts.a.pending, hosts.b.standing, hosts.a.standing]).toEqual([0, ['ingress deny'], ['egress deny']]);
  expect(await isRealized(opposed)).toBe(false);
  await ring(settlingMs);
  expect([hosts.a.commit(), hosts.b.commit()]).toEqual([1, 0]);
  expect(hosts.a.standing).toEqual(['egress allow']);
  expect(await isRealized(opposed)).toBe(true);
  expect(timers).toEqual([]);
});

test('what takes away only, gives only, or does both on one side goes out at once', async () => {
  const changes: readonly (readonly HostChange[])[] = [
    [swap('a', 'egress', 'allow'), swap('c', 'ingress', 'allow')],
    [swap('a', 'egress', 'deny'), swap('b', 'ingress', 'deny')],
    [swap('b', 'ingress', 'allow'), swap('c', 'ingress', 'deny')],
  ];
  for (const change of changes) {
    const given = hand(...change);
    const bundles = change.map(({ host }) => hosts[host as 'a' | 'b' | 'c'].commit());
    expect(bundles).toEqual([1, 1]);
    expect(await isRealized(given)).toBe(true);
  }
});

test('what is altered in both ways holds, until all have that', async () => {
  const other = (direction: Direction): RuleElement => ({ ...rule(direction, 'deny', 7), services: [] });
  hand({ host: 'b', put: [other('ingress')], removed: [] });
  hosts.b.commit();
  // The one denial goes, another comes: it takes away and gives.
  hand(swap('a', 'egress', 'allow'), { host: 'b', put: [rule('ingress', 'deny', 8)], removed: [elementKey(other('ingress'))] });
  hosts.b.commit();
  expect(hosts.b.standing).toEqual(['ingress allow', 'ingress hold']);
  await ring(settlingMs);
  hosts.b.commit();
  expect(hosts.b.standing).toEqual(['ingress allow', 'ingress deny']);
});

test('a switch that never answers holds up the others for a while, once', async () => {
  hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  await ring(patienceMs);
  await ring(settlingMs);
  expect(hosts.a.commit()).toBe(1);
  hand(swap('a', 'egress', 'deny'));
  hosts.a.commit();
  const again = hand(swap('a', 'egress', 'allow'), { host: 'b', put: [rule('ingress', 'deny', 8)], removed: [] });
  expect(timers).toEqual([]);
  expect(hosts.a.commit()).toBe(1);
  expect(await isRealized(again)).toBe(false);
  // It comes to itself, and is waited for again.
  hosts.b.commit();
  expect([hosts.b.standing, await isRealized(again)]).toEqual([['ingress deny', 'ingress deny'], true]);
  hand(swap('a', 'egress', 'deny'));
  hosts.a.commit();
  hand(swap('a', 'egress', 'allow'), { host: 'b', put: [rule('ingress', 'deny', 9)], removed: [] });
  expect([timers.map(({ delayMs }) => delayMs), hosts.a.pending]).toEqual([[patienceMs], 0]);
});

test('nobody waits for a switch that is not connected, or leaves meanwhile', async () => {
  hosts.b.isConnected = false;
  hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  expect(hosts.a.commit()).toBe(1);
  hosts.b.isConnected = true;
  hosts.b.commit();
  hand(swap('a', 'egress', 'deny'), swap('b', 'ingress', 'allow'));
  hosts.a.isConnected = false;
  realization.wake();
  await settled();
  await ring(settlingMs);
  expect(hosts.b.commit()).toBe(1);
});

test('later commits come after it where they concern the same hosts, and at once elsewhere', async () => {
  const opposed = hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  const elsewhere = hand(swap('c', 'ingress', 'allow'));
  const same = hand({ host: 'a', put: [rule('ingress', 'allow')], removed: [] });
  const behind = hand({ host: 'a', put: [rule('ingress', 'deny')], removed: [] }, swap('c', 'ingress', 'deny'));
  expect([hosts.a.commit(), hosts.c.commit(), hosts.b.commit()]).toEqual([0, 1, 1]);
  expect([await isRealized(elsewhere), await isRealized(same)]).toEqual([true, false]);
  await ring(settlingMs);
  hosts.a.commit();
  hosts.c.commit();
  expect(hosts.a.standing.toSorted()).toEqual(['egress allow', 'ingress allow', 'ingress deny']);
  expect(hosts.c.standing).toEqual(['ingress deny']);
  for (const each of [opposed, same, behind]) expect(await isRealized(each)).toBe(true);
  expect([realization.realizedBy('a'), realization.realizedBy('b')]).toEqual([revision, revision]);
});

test('a host that is deleted meanwhile is told nothing more, and owes nothing', async () => {
  const opposed = hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  changeover.forget('a');
  realization.forget('a');
  hosts.b.commit();
  await ring(settlingMs);
  expect([hosts.a.commit(), hosts.a.standing]).toEqual([0, ['egress deny']]);
  expect(await isRealized(opposed)).toBe(true);
});

test('a controller that stops leaves nothing held', async () => {
  hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  realization.end();
  await ring(0);
  await ring(0);
  expect([hosts.a.commit(), hosts.a.standing]).toEqual([1, ['egress allow']]);
});

/** The hosts are switches of another member, which this one has no say about. */
function giveAway(...names: readonly ('a' | 'b' | 'c')[]): void {
  owners = new Map(names.map((name) => [name, 'other']));
  for (const name of names) hosts[name].isConnected = false;
}

const heard = async (...revisions: readonly number[]): Promise<void> => {
  coOwners.heard('other', revisions);
  realization.wake();
  await settled();
};

test('what one side permits goes out when the owner of the other says that it has lost what it lets through', async () => {
  giveAway('b');
  const opposed = hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  await heard(opposed - 1, opposed + 1);
  await ring(settlingMs);
  expect([hosts.a.pending, told]).toEqual([0, [opposed]]);
  await heard(opposed);
  expect(hosts.a.pending).toBe(0);
  await ring(settlingMs);
  expect([hosts.a.commit(), hosts.a.standing, timers]).toEqual([1, ['egress allow'], []]);
});

test('the others are told once the own switches have lost what is taken away, and not before', async () => {
  giveAway('a');
  const opposed = hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  await settled();
  expect(told).toEqual([]);
  hosts.b.commit();
  await settled();
  expect(told).toEqual([opposed]);
});

test('another owner may say it before this member has the commit, and has nothing to wait for then', async () => {
  giveAway('b');
  await heard(revision + 1);
  hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  expect([hosts.a.commit(), told]).toEqual([1, [revision]]);
});

test('another owner that says nothing holds up the others for a while, once', async () => {
  giveAway('b');
  const missed = hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  await ring(patienceMs);
  await ring(settlingMs);
  expect(hosts.a.commit()).toBe(1);
  const away = [swap('a', 'egress', 'deny'), swap('b', 'ingress', 'allow')] as const;
  hand(...away);
  hosts.a.commit();
  await settled();
  await ring(settlingMs);
  hosts.a.commit();
  hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  expect(hosts.a.commit()).toBe(1);
  // It is back.
  await heard(missed);
  hand(...away);
  hosts.a.commit();
  await settled();
  await ring(settlingMs);
  hosts.a.commit();
  hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  await settled();
  expect([hosts.a.pending, timers.map(({ delayMs }) => delayMs)]).toEqual([0, [patienceMs]]);
});

test('nobody is waited for, and told, where the hosts are all of one owner or the clock asked for the change', async () => {
  owners = new Map([['c', 'other']]);
  hand(swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny'));
  hosts.b.commit();
  await ring(settlingMs);
  expect([hosts.a.commit(), told]).toEqual([1, []]);
  giveAway('b');
  hand(swap('a', 'egress', 'deny'));
  hosts.a.commit();
  hand(swap('b', 'ingress', 'allow'));
  changeover.apply([swap('a', 'egress', 'allow'), swap('b', 'ingress', 'deny')], revision, false);
  expect([hosts.a.commit(), told]).toEqual([1, []]);
});
