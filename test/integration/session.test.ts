import { afterEach, describe, expect, test } from 'vitest';
import { listenOpenFlow, Reconciler } from '../../flows/index.ts';
import type { DriftCounts, OpenFlowEnd, OpenFlowListener, Refused, SessionLimits, SwitchConnection } from '../../flows/index.ts';
import { flowKey } from '../../flows/model/index.ts';
import type { Flow, Group, Meter } from '../../flows/model/index.ts';
import { flowList } from '../../bench/system/flow-list.ts';
import { seededRandom } from '../flows/session/random.ts';
import { randomFlows } from './session-flows.ts';
import { bridge, RealSwitch } from './session-switch.ts';

/** One life of the controller's side: a listener that owns whatever connects. */
class Controller {
  readonly refused: Refused[] = [];
  readonly lost: string[] = [];
  readonly ends: OpenFlowEnd[] = [];
  readonly switchErrors: string[] = [];
  readonly drifts: { readonly what: string; readonly counts: Readonly<DriftCounts> }[] = [];
  readonly packets: { readonly tableId: number; readonly userdata: Uint8Array | undefined; readonly data: Uint8Array }[] = [];
  connection: SwitchConnection | undefined;
  readonly #reconciler: Reconciler;
  #listener: OpenFlowListener | undefined;

  readonly #limits: Partial<SessionLimits>;

  constructor(reconciler: Reconciler, limits: Partial<SessionLimits> = {}) {
    this.#reconciler = reconciler;
    this.#limits = limits;
  }

  async start(target: RealSwitch, generationId = 1, others: readonly Controller[] = []): Promise<this> {
    const handlers = {
      onConnection: (connection: SwitchConnection): void => {
        this.connection = connection;
        connection.own(this.#reconciler, generationId, {
          onProgress: () => undefined,
          onRefused: (refused) => this.refused.push(...refused),
          onClosed: () => undefined,
          onLost: (cause) => void this.lost.push(cause),
          onDrift: (what, counts) => this.drifts.push({ what, counts }),
          onPacketIn: (packet) => this.packets.push(packet),
          onSwitchError: (name) => this.switchErrors.push(name),
        });
      },
      onEnd: (end: OpenFlowEnd): void => {
        this.ends.push(end);
      },
    };
    this.#listener = await listenOpenFlow({ host: target.host, port: 0, limits: this.#limits }, handlers);
    await target.connectTo(...others.map((other) => other.port), this.port);
    return this;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  async stop(): Promise<void> {
    await this.#listener?.close();
  }
}

async function until(what: string, holds: () => boolean, timeoutMs = 60_000): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function switchOf(protocols: string): Promise<RealSwitch> {
  const target = await RealSwitch.start(protocols);
  stops.push(() => target.stop());
  return target;
}

async function owning(
  target: RealSwitch,
  reconciler: Reconciler,
  generationId = 1,
  limits: Partial<SessionLimits> = {},
): Promise<Controller> {
  const controller = await new Controller(reconciler, limits).start(target, generationId);
  stops.push(() => controller.stop());
  return controller;
}

async function flowCount(target: RealSwitch, version: string): Promise<number> {
  return Number(/flow_count=(\d+)/.exec(await target.ofctl(version, 'dump-aggregate', bridge))?.[1]);
}

const meters: Meter[] = [
  { meterId: 5, unit: 'kbps', burst: true, stats: true, bands: [{ kind: 'drop', rate: 1_000, burst: 100 }] },
  { meterId: 6, unit: 'pktps', burst: false, stats: false, bands: [{ kind: 'drop', rate: 50, burst: 0 }] },
];
const groups: Group[] = [
  { groupId: 1, type: 'all', buckets: [{ actions: [{ kind: 'output', port: 1 }] }, { actions: [{ kind: 'output', port: 2 }] }] },
  { groupId: 2, type: 'select', buckets: [{ weight: 10, actions: [{ kind: 'output', port: 1 }] }] },
];
const using: Flow[] = [
  {
    tableId: 80,
    priority: 5,
    cookie: 1n,
    match: [],
    instructions: [
      { kind: 'meter', meterId: 5 },
      { kind: 'apply_actions', actions: [{ kind: 'group', groupId: 1 }] },
    ],
  },
  { tableId: 81, priority: 5, cookie: 1n, match: [], instructions: [{ kind: 'apply_actions', actions: [{ kind: 'group', groupId: 2 }] }] },
];
const bad: Flow = { tableId: 90, priority: 1, cookie: 9n, match: [], instructions: [{ kind: 'goto_table', tableId: 3 }] };

describe.each([
  ['OpenFlow13', 4],
  ['OpenFlow14', 5],
  ['OpenFlow15', 6],
] as const)('%s', (version, wire) => {
  test('random flows, groups and meters are committed, and a restarted controller sends nothing', async () => {
    const target = await switchOf(version);
    const flows = [...randomFlows(5_000, seededRandom(wire), wire), ...using];
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: flows, putMeters: meters, putGroups: groups }, 1);
    const first = await owning(target, reconciler);
    await until('realized', () => reconciler.realized === 1);
    expect(first.refused).toEqual([]);
    expect(await flowCount(target, version)).toBe(flows.length);
    await first.stop();
    await until('disconnected', () => !reconciler.known);

    const anew = new Reconciler();
    anew.setDesired({ put: flows, putMeters: meters, putGroups: groups }, 1);
    const second = await owning(target, anew, 2);
    await until('realized again', () => anew.realized === 1);
    expect(second.connection?.counts()).toMatchObject({ flowMods: 0, groupMods: 0, meterMods: 0, errors: {} });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(second.connection?.counts()).toMatchObject({ flowMods: 0, configDrift: 0 });
    expect(anew.drift.flows).toEqual({ added: 0, removed: 0, changed: 0 });
  });

  test('what others add, change and delete is put right and counted', async () => {
    const target = await switchOf(version);
    const flows = flowList(1_000);
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: flows }, 1);
    await owning(target, reconciler);
    await until('realized', () => reconciler.realized === 1);
    await target.ofctl(version, 'add-flow', bridge, 'table=3,priority=7,actions=drop');
    await until('the foreign flow is seen', () => reconciler.drift.flows.added === 1);
    await target.ofctl(version, 'del-flows', bridge, 'table=44');
    await until('the deletions are seen', () => reconciler.drift.flows.removed === 400);
    await target.ofctl(version, 'mod-flows', bridge, 'table=17,actions=drop');
    await until('the changes are seen', () => reconciler.drift.flows.changed === 50);
    await until('put right', () => reconciler.pending === 0);
    expect(await flowCount(target, version)).toBe(1_000);
    expect(await target.ofctl(version, 'dump-flows', bridge, 'table=17')).not.toContain('drop');
    await target.ofctl(version, 'del-flows', bridge);
    await until('everything is seen to be gone', () => reconciler.drift.flows.removed === 1_400);
    await until('put right', () => reconciler.pending === 0);
    expect(await flowCount(target, version)).toBe(1_000);
  });

  test('a flow that is refused is reported, and the others stand', async () => {
    const target = await switchOf(version);
    const missing: Flow = {
      tableId: 91,
      priority: 1,
      cookie: 9n,
      match: [],
      instructions: [{ kind: 'apply_actions', actions: [{ kind: 'group', groupId: 99 }] }],
    };
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [...flowList(2_500), bad, missing] }, 1);
    const controller = await owning(target, reconciler);
    await until('realized', () => reconciler.realized === 1);
    expect(await flowCount(target, version)).toBe(2_500);
    expect(new Set(controller.refused.map(({ key }) => key))).toEqual(new Set([flowKey(bad), flowKey(missing)]));
    const error = controller.refused.find(({ key }) => key === flowKey(bad))?.error;
    expect(error).toBe('OFPET_BAD_INSTRUCTION/OFPBIC_BAD_TABLE_ID');
    reconciler.setDesired({ put: [{ ...bad, instructions: [] }], remove: [missing] }, 2);
    controller.connection?.kick();
    await until('the better one is taken', () => reconciler.realized === 2 && reconciler.flows.refused.size === 0);
    expect(await flowCount(target, version)).toBe(2_501);
  });

  test('a restarted vswitchd is resynchronised', async () => {
    const target = await switchOf(version);
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [...flowList(3_000), ...using], putMeters: meters, putGroups: groups }, 1);
    await owning(target, reconciler);
    await until('realized', () => reconciler.realized === 1);
    await target.stopVswitchd();
    await until('disconnected', () => !reconciler.known);
    await target.startVswitchd();
    await until('realized again', () => reconciler.realized === 1);
    expect(await flowCount(target, version)).toBe(3_002);
  });

  test('a stale generation is refused and writes nothing', async () => {
    const target = await switchOf(version);
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: flowList(10) }, 1);
    const owner = await owning(target, reconciler, 7);
    await until('realized', () => reconciler.realized === 1);
    await owner.stop();
    const other = new Reconciler();
    other.setDesired({ put: [] }, 1);
    const stale = await owning(target, other, 6);
    await until('refused', () => stale.lost.length > 0);
    expect(stale.lost).toEqual(['stale']);
    expect(stale.connection?.state).toBe('following');
    expect(await flowCount(target, version)).toBe(10);
  });

  test('a second master takes the role away from the first', async () => {
    const target = await switchOf(version);
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: flowList(10) }, 1);
    const first = await owning(target, reconciler, 1);
    await until('realized', () => reconciler.realized === 1);
    const other = new Reconciler();
    other.setDesired({ put: flowList(10) }, 1);
    const second = new Controller(other);
    stops.push(() => second.stop());
    await second.start(target, 2, [first]);
    await until('the second realizes', () => other.realized === 1);
    await until('the first is told', () => first.lost.length > 0);
    expect(first.lost).toEqual(['taken']);
    expect(second.connection?.counts().flowMods).toBe(0);
  });

  test('packets come up with their userdata, and a zone is flushed', async () => {
    const target = await switchOf(version);
    const up: Flow = {
      tableId: 0,
      priority: 1,
      cookie: 0xabcn,
      match: [],
      instructions: [{ kind: 'apply_actions', actions: [{ kind: 'controller2', maxLen: 0xffff, userdata: '00010203' }] }],
    };
    const reconciler = new Reconciler();
    reconciler.setDesired({ put: [up] }, 1);
    const controller = await owning(target, reconciler);
    await until('realized', () => reconciler.realized === 1);
    const data = new Uint8Array(Buffer.from(`ffffffffffff0200000000010800${'00'.repeat(50)}`, 'hex'));
    controller.connection?.packetOut({ actions: [{ kind: 'output', port: 0xfffffff9 }], data });
    await until('the packet came up', () => controller.packets.length > 0);
    expect(controller.packets[0]).toMatchObject({ tableId: 0, cookie: 0xabcn });
    expect(Buffer.from(controller.packets[0]?.userdata ?? []).toString('hex')).toBe('00010203');
    expect(Buffer.from(controller.packets[0]?.data ?? [])).toEqual(Buffer.from(data));
    expect(await controller.connection?.flushZone(12)).toBeUndefined();
    expect(controller.switchErrors).toEqual([]);
  });
});

test('meters and groups that others delete come back with the next poll, and their flows with them', async () => {
  const target = await switchOf('OpenFlow15');
  const reconciler = new Reconciler();
  reconciler.setDesired({ put: using, putMeters: meters, putGroups: groups }, 1);
  await owning(target, reconciler, 1, { pollIntervalMs: 500 });
  await until('realized', () => reconciler.realized === 1);
  await target.ofctl('OpenFlow15', 'del-groups', bridge);
  await target.ofctl('OpenFlow15', 'del-meters', bridge);
  await until(
    'all is back',
    () =>
      reconciler.drift.meters.removed === 2 &&
      reconciler.drift.groups.removed === 2 &&
      reconciler.pending === 0 &&
      reconciler.flows.refused.size === 0,
  );
  expect(await flowCount(target, 'OpenFlow15')).toBe(2);
});
