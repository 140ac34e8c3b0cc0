import { describe, expect, test } from 'vitest';
import { flowKey } from '../../../flows/model/index.ts';
import type { Flow, Group, Meter } from '../../../flows/model/index.ts';
import type { Version } from '../../../flows/openflow/index.ts';
import { Reconciler } from '../../../flows/reconcile/index.ts';
import type { SessionLimits } from '../../../flows/session/index.ts';
import { Harness } from './harness.ts';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';

const versions: readonly Version[] = [4, 5, 6];

const flow = (n: number, tableId = 0, cookie = 1n): Flow => ({
  tableId,
  priority: 100,
  cookie,
  match: [{ field: 'reg0', value: n }],
  instructions: [{ kind: 'goto_table', tableId: 200 }],
});
const metered = (n: number, meterId: number): Flow => ({
  ...flow(n),
  instructions: [
    { kind: 'meter', meterId },
    { kind: 'apply_actions', actions: [{ kind: 'output', port: 1 }] },
  ],
});
const grouped = (n: number, groupId: number): Flow => ({
  ...flow(n),
  instructions: [{ kind: 'apply_actions', actions: [{ kind: 'group', groupId }] }],
});
const meter = (meterId: number): Meter => ({
  meterId,
  unit: 'kbps',
  burst: false,
  stats: false,
  bands: [{ kind: 'drop', rate: 100, burst: 0 }],
});
const group = (groupId: number, port = 1): Group => ({ groupId, type: 'all', buckets: [{ actions: [{ kind: 'output', port }] }] });
const many = (count: number, cookie = 1n): Flow[] => Array.from({ length: count }, (_, index) => flow(index, index % 5, cookie));

function start(
  version: Version,
  seed = 1,
  limits: Partial<SessionLimits> = {},
): { harness: Harness; reconciler: Reconciler; random: Random } {
  const random = seededRandom(seed);
  const reconciler = new Reconciler(10);
  return { harness: new Harness(version, reconciler, random, limits), reconciler, random };
}

/** Everything desired that the switch did not refuse is there, and nothing else. */
function difference({ model, reconciler }: Harness): string[] {
  const problems: string[] = [];
  for (const key of reconciler.flows.desired.keys()) {
    const isThere = model.flows.get(key)?.cookie === reconciler.flows.desired.get(key)?.cookie;
    if (!isThere && !reconciler.flows.refused.has(key)) problems.push(`missing ${key}`);
  }
  for (const key of model.flows.keys())
    if (!reconciler.flows.desired.has(key) && !reconciler.flows.refused.has(key)) problems.push(`foreign ${key}`);
  return problems;
}

const settled = (harness: Harness): boolean => harness.reconciler.known && harness.reconciler.pending === 0;

describe.each(versions)('wire version %i', (version) => {
  test('joins as slave, is owned, lists and installs', () => {
    const { harness, reconciler } = start(version);
    reconciler.setDesired({ put: [...many(25), metered(100, 1), grouped(101, 2)], putMeters: [meter(1)], putGroups: [group(2)] }, 1);
    expect(harness.run(10_000, () => reconciler.realized === 1)).toBe(true);
    expect(harness.effects.find(({ kind }) => kind === 'joined')).toEqual({
      kind: 'joined',
      datapathId: 0x2an,
      version: `1.${version - 1}`,
    });
    expect(harness.model.violations).toEqual([]);
    expect(difference(harness)).toEqual([]);
    expect(harness.model.meters.size).toBe(1);
    expect(harness.model.groups.size).toBe(1);
    expect(harness.model.config.miss_send_len).toBe(0xffff);
  });

  test('sends nothing to a switch that has everything', () => {
    const { harness, reconciler } = start(version);
    reconciler.setDesired({ put: many(40), putMeters: [meter(1)], putGroups: [group(2)] }, 1);
    harness.run(10_000, () => reconciler.realized === 1);
    const before = harness.model.flowModsSeen;
    harness.disconnect();
    expect(reconciler.realized).toBeUndefined();
    expect(harness.run(10_000, () => reconciler.realized === 1)).toBe(true);
    expect(harness.model.flowModsSeen).toBe(before);
    expect(harness.session.counts.flowMods).toBe(0);
  });

  test('puts right what others change, at once', () => {
    const { harness, reconciler } = start(version);
    reconciler.setDesired({ put: many(20) }, 1);
    harness.run(10_000, () => reconciler.realized === 1);
    harness.model.tamper(flow(500), 'put');
    harness.model.tamper(flow(3, 3), 'remove');
    harness.model.tamper(flow(4, 4, 9n), 'put');
    harness.run(100);
    expect(difference(harness)).toEqual([]);
    expect(reconciler.drift.flows).toEqual({ added: 1, removed: 1, changed: 1 });
    expect(harness.effects.filter(({ kind }) => kind === 'drift')).toHaveLength(3);
  });

  test('lists again after the monitor was paused', () => {
    const { harness, reconciler } = start(version);
    reconciler.setDesired({ put: many(20) }, 1);
    harness.run(10_000, () => reconciler.realized === 1);
    harness.model.tamperUnseen(() => harness.model.flows.clear());
    harness.run(200);
    expect(difference(harness)).toEqual([]);
    expect(reconciler.drift.flows.removed).toBe(20);
    expect(harness.session.counts.monitorPauses).toBe(1);
  });

  test('an error on an ADD is named, its flow set aside, and the rest is committed', () => {
    const { harness, reconciler } = start(version);
    harness.model.faults.refuses = (one) => one.cookie === 66n;
    reconciler.setDesired({ put: [...many(25), flow(700, 2, 66n), flow(701, 0, 66n)] }, 1);
    expect(harness.run(1_500, () => reconciler.realized === 1)).toBe(true);
    expect(harness.model.violations).toEqual([]);
    expect(difference(harness)).toEqual([]);
    const refused = harness.effects.flatMap((effect) => (effect.kind === 'refused' ? effect.refused : []));
    expect(new Set(refused.map(({ key }) => key))).toEqual(new Set([flowKey(flow(700, 2)), flowKey(flow(701, 0))]));
    expect(refused[0]?.error).toBe('OFPET_BAD_ACTION/OFPBAC_BAD_ARGUMENT');
    harness.model.faults.refuses = () => false;
    expect(harness.run(5_000, () => reconciler.flows.refused.size === 0 && settled(harness))).toBe(true);
    expect(difference(harness)).toEqual([]);
  });

  test('an error at COMMIT is named in the same way', () => {
    const { harness, reconciler } = start(version);
    harness.model.faults.failsAtCommit = (one) => one.cookie === 66n;
    reconciler.setDesired({ put: [...many(25), flow(700, 2, 66n), flow(701, 0, 66n)] }, 1);
    expect(harness.run(5_000, () => reconciler.realized === 1)).toBe(true);
    expect(harness.model.violations).toEqual([]);
    expect(reconciler.flows.refused.size).toBe(2);
    expect(difference(harness)).toEqual([]);
  });

  test('a refused meter or group takes only the flows along that need it', () => {
    const { harness, reconciler } = start(version);
    harness.model.faults.refusesMeter = ({ meterId }) => meterId === 5;
    harness.model.faults.refusesGroup = ({ groupId }) => groupId === 6;
    const put = [...many(12), metered(100, 5), metered(101, 5), grouped(102, 6), metered(103, 7)];
    reconciler.setDesired({ put, putMeters: [meter(5), meter(7)], putGroups: [group(6)] }, 1);
    expect(harness.run(5_000, () => reconciler.realized === 1)).toBe(true);
    expect([...reconciler.flows.refused.keys()].toSorted()).toEqual(
      [metered(100, 5), metered(101, 5), grouped(102, 6)].map(flowKey).toSorted(),
    );
    expect(difference(harness)).toEqual([]);
    harness.model.faults.refusesMeter = () => false;
    harness.model.faults.refusesGroup = () => false;
    expect(harness.run(20_000, () => reconciler.flows.refused.size === 0 && settled(harness))).toBe(true);
    expect(harness.model.flows.size).toBe(put.length);
    expect(harness.model.violations).toEqual([]);
  });

  test('a stale generation is reported and nothing is written', () => {
    const { harness, reconciler } = start(version);
    harness.model.generationId = 9n;
    harness.generationId = 5n;
    reconciler.setDesired({ put: many(3) }, 1);
    harness.run(2_000);
    expect(harness.effects.find(({ kind }) => kind === 'lost')).toMatchObject({ cause: 'stale' });
    expect(harness.session.state).toBe('following');
    expect(harness.model.flows.size).toBe(0);
    expect(harness.model.generationId).toBe(9n);
  });

  test('loses the role to another master, and takes it back with a later generation', () => {
    const { harness, reconciler } = start(version);
    reconciler.setDesired({ put: many(3) }, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    harness.model.takeMastership();
    harness.run(100);
    expect(harness.effects.find(({ kind }) => kind === 'lost')).toMatchObject({ cause: 'taken' });
    expect(reconciler.known).toBe(false);
    harness.step({ kind: 'own', reconciler, generationId: 2n });
    expect(harness.run(5_000, () => reconciler.realized === 1)).toBe(true);
    expect(harness.model.violations).toEqual([]);
  });

  test('flushes a zone and says when it is done', () => {
    const { harness, reconciler } = start(version);
    reconciler.setDesired({}, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    harness.step({ kind: 'flush-zone', zone: 77, token: 3 });
    harness.run(100);
    expect(harness.model.zonesFlushed).toEqual([77]);
    expect(harness.effects.at(-1)).toEqual({ kind: 'zone-flushed', token: 3, error: undefined });
  });

  test('polls find groups, meters and configuration that others changed', () => {
    const { harness, reconciler } = start(version);
    reconciler.setDesired({ putGroups: [group(1)], putMeters: [meter(1)] }, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    harness.model.groups.set(9, group(9));
    harness.model.meters.clear();
    harness.model.config = { flags: 'OFPC_FRAG_DROP', miss_send_len: 0 };
    harness.run(11_000);
    expect([...harness.model.groups.keys()]).toEqual([1]);
    expect([...harness.model.meters.keys()]).toEqual([1]);
    expect(harness.model.config.flags).toBe('OFPC_FRAG_NORMAL');
    expect(reconciler.drift.groups.added).toBe(1);
    expect(reconciler.drift.meters.removed).toBe(1);
    expect(harness.session.counts.configDrift).toBe(1);
  });
});

describe('a switch that does not answer', () => {
  const waits = [
    ['features', 'handshake-timeout'],
    ['commit', 'commit-timeout'],
    ['barrier', 'barrier-timeout'],
    ['config', 'reply-timeout'],
    ['last-part', 'listing-timeout'],
  ] as const;

  test.each(waits)('%s: the connection ends with %s, and the next one succeeds', (mute, reason) => {
    const { harness, reconciler } = start(6);
    for (const one of many(30)) harness.model.flows.set(flowKey(one), one);
    harness.model.faults.mutes.add(mute);
    reconciler.setDesired({ put: many(35, 2n) }, 1);
    expect(harness.run(40_000, () => harness.closes().length > 0)).toBe(true);
    expect(harness.closes()).toEqual([reason]);
    harness.model.faults.mutes.clear();
    expect(harness.run(10_000, () => reconciler.realized === 1)).toBe(true);
    expect(difference(harness)).toEqual([]);
  });

  test('silence ends with a probe and then the connection', () => {
    const { harness, reconciler } = start(6, 1, { pollIntervalMs: Infinity, auditIntervalMs: Infinity });
    reconciler.setDesired({}, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    harness.model.faults.mutes.add('echo');
    harness.run(16_000, () => harness.closes().length > 0);
    expect(harness.closes()).toEqual(['inactive']);
  });

  test('a quiet switch that answers its probes stays', () => {
    const { harness, reconciler } = start(6, 1, { pollIntervalMs: Infinity, auditIntervalMs: Infinity });
    reconciler.setDesired({}, 1);
    harness.run(120_000);
    expect(harness.closes()).toEqual([]);
  });
});

describe('a switch that misbehaves', () => {
  test('bundles that fail as a whole are tried again, and not for ever', () => {
    const { harness, reconciler } = start(6);
    harness.model.faults.commitFailures = 2;
    reconciler.setDesired({ put: many(5) }, 1);
    expect(harness.run(5_000, () => reconciler.realized === 1)).toBe(true);
    expect(harness.closes()).toEqual([]);
    harness.model.faults.commitFailures = 3;
    reconciler.setDesired({ put: many(6) }, 2);
    harness.kick();
    harness.run(5_000, () => harness.closes().length > 0);
    expect(harness.closes()).toEqual(['bundle-failed']);
    expect(harness.run(5_000, () => reconciler.realized === 2)).toBe(true);
  });

  test('an error and a commit of the same bundle end the connection', () => {
    const { harness, reconciler } = start(6);
    harness.model.faults.lies = true;
    harness.model.faults.failsAtCommit = (one) => one.cookie === 66n;
    reconciler.setDesired({ put: [flow(1, 0, 66n)] }, 1);
    harness.run(3_000, () => harness.closes().length > 0);
    expect(harness.closes()).toEqual(['inconsistent']);
  });

  test('a flood is cut', () => {
    const { harness, reconciler } = start(6, 1, { messagesPerSecondMax: 100 });
    reconciler.setDesired({}, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    for (let index = 0; index < 300; index++) harness.model.say({ version: 6, type: 'OFPT_BARRIER_REPLY', xid: index, body: {} });
    harness.run(100);
    expect(harness.closes()).toEqual(['flood']);
  });

  test('packets beyond the rate are dropped and counted', () => {
    const { harness, reconciler } = start(6, 1, { packetInsPerSecondMax: 50 });
    reconciler.setDesired({}, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    const data = new Uint8Array([1, 2, 3]);
    const body = {
      buffer_id: 0xffffffff,
      total_len: 3,
      reason: 'OFPR_ACTION',
      table_id: 4,
      cookie: 5n,
      match: [{ field: 'in_port', value: 6 }],
      data,
    } as const;
    for (let index = 0; index < 80; index++) harness.model.say({ version: 6, type: 'OFPT_PACKET_IN', xid: 0, body });
    harness.run(50);
    const packets = harness.effects.filter(({ kind }) => kind === 'packet-in');
    expect(packets.length + harness.session.counts.packetInsDropped).toBe(80);
    expect(packets.length).toBeGreaterThanOrEqual(50);
    expect(packets.length).toBeLessThan(56);
    expect(packets[0]).toMatchObject({ packet: { tableId: 4, cookie: 5n, reason: 'OFPR_ACTION' } });
  });

  test.each([
    ['another version in the middle', { version: 4, type: 'OFPT_BARRIER_REPLY', xid: 1, body: {} }, 'protocol'],
    [
      'a listing that nobody asked for',
      { version: 6, type: 'OFPT_MULTIPART_REPLY', xid: 4711, body: { type: 'OFPMP_FLOW', flags: [], body: [] } },
      'protocol',
    ],
    [
      'a configuration that nobody asked for',
      { version: 6, type: 'OFPT_GET_CONFIG_REPLY', xid: 4711, body: { flags: 'OFPC_FRAG_NORMAL', miss_send_len: 0 } },
      'protocol',
    ],
  ] as const)('%s ends the connection', (_, message, reason) => {
    const { harness, reconciler } = start(6);
    reconciler.setDesired({}, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    harness.model.say(message);
    harness.run(50);
    expect(harness.closes()).toEqual([reason]);
  });

  test('a listing beyond all bounds ends the connection', () => {
    const { harness, reconciler } = start(6, 1, { flowsMax: 20 });
    for (const one of many(30)) harness.model.flows.set(flowKey(one), one);
    reconciler.setDesired({}, 1);
    harness.run(1_000, () => harness.closes().length > 0);
    expect(harness.closes()).toEqual(['listing-too-large']);
  });

  test('without a flow monitor the audit finds what others change', () => {
    const { harness, reconciler } = start(6);
    harness.model.faults.hasMonitor = false;
    reconciler.setDesired({ put: many(9) }, 1);
    harness.run(5_000, () => reconciler.realized === 1);
    harness.model.flows.clear();
    harness.run(11_000);
    expect(difference(harness)).toEqual([]);
    expect(reconciler.drift.flows.removed).toBe(9);
  });
});

test('a switch that is back before its old connection ends is followed on the new one alone', () => {
  const { harness, reconciler } = start(6);
  reconciler.setDesired({ put: many(20) }, 1);
  harness.run(5_000, () => reconciler.realized === 1);
  const attachment = reconciler.attach();
  for (const effect of harness.session.step({ kind: 'disconnected' }, harness.nowMs)) harness.effects.push(effect);
  expect(harness.effects.find(({ kind }) => kind === 'lost')).toMatchObject({ cause: 'taken' });
  expect(reconciler.isAttached(attachment)).toBe(true);
});

test('a switch that another had meanwhile is followed as before, by the monitor that it has', () => {
  const { harness, reconciler } = start(6);
  reconciler.setDesired({ put: many(20) }, 1);
  harness.run(5_000, () => reconciler.realized === 1);
  harness.step({ kind: 'release' });
  harness.run(1_000);
  expect(harness.session.state).toBe('following');
  harness.step({ kind: 'own', reconciler, generationId: 2n });
  harness.run(5_000, () => harness.session.state === 'steady');
  expect(harness.effects.filter(({ kind }) => kind === 'switch-error' || kind === 'close')).toEqual([]);
  harness.model.tamper(flow(0), 'remove');
  harness.run(1_000);
  expect(difference(harness)).toEqual([]);
  expect(reconciler.drift.flows.removed).toBe(1);
});

test('who gives up a switch that a later owner has taken by then makes nothing of the refusal', () => {
  const { harness, reconciler } = start(6);
  reconciler.setDesired({ put: many(20) }, 1);
  harness.run(5_000, () => reconciler.realized === 1);
  harness.model.generationId = 9n;
  harness.step({ kind: 'release' });
  harness.run(1_000);
  expect(harness.session.counts.errors).toMatchObject({ 'OFPET_ROLE_REQUEST_FAILED/OFPRRFC_STALE': 1 });
  expect(harness.effects.filter(({ kind }) => kind === 'switch-error' || kind === 'close')).toEqual([]);
  expect(harness.session.state).toBe('following');
});

test('bytes that the peer leaves unread are bounded', () => {
  const { harness, reconciler } = start(6, 1, { sendQueueBytesMax: 4_000, sendQueueBytesHigh: 2_000 });
  reconciler.setDesired({}, 1);
  harness.run(5_000, () => reconciler.realized === 1);
  for (const effect of harness.session.step({ kind: 'queued', bytes: 3_990 }, harness.nowMs)) harness.effects.push(effect);
  reconciler.setDesired({ put: many(50) }, 2);
  for (const effect of harness.session.step({ kind: 'queued', bytes: 3_990 }, harness.nowMs)) harness.effects.push(effect);
  expect(harness.session.hasOutput).toBe(false);
  for (const effect of harness.session.step({ kind: 'packet-out', packet: { actions: [], data: new Uint8Array(50) } }, harness.nowMs))
    harness.effects.push(effect);
  expect(harness.closes()).toEqual(['send-queue-full']);
});

describe.each(Array.from({ length: 30 }, (_, index) => index + 1))('random life, seed %i', (seed) => {
  test('ends with what is desired, and never commits an error', () => {
    const { harness, reconciler, random } = start(versions[seed % 3] ?? 6, seed);
    const bad = new Set<string>();
    const isBad = (one: Flow): boolean => bad.has(`${flowKey(one)}#${one.cookie}`);
    if (random.chance(0.5)) harness.model.faults.refuses = isBad;
    else harness.model.faults.failsAtCommit = isBad;
    const commitFaults = random.chance(0.3);
    let revision = 1;
    reconciler.setDesired({ put: many(random.below(120)) }, revision);
    for (let turn = 0; turn < 200; turn++) {
      const one = flow(random.below(40), random.below(4), BigInt(1 + random.below(3)));
      const choice = random.below(100);
      if (choice < 35) reconciler.setDesired({ put: [one] }, ++revision);
      else if (choice < 50) reconciler.setDesired({ remove: [one] }, ++revision);
      else if (choice < 55) reconciler.setDesired({ put: many(random.below(90), BigInt(1 + random.below(3))) }, ++revision);
      else if (choice < 65) harness.model.tamper(one, random.chance(0.5) ? 'put' : 'remove');
      else if (choice < 68) harness.model.tamperUnseen(() => harness.model.flows.delete(flowKey(one)));
      else if (choice < 75) bad.add(`${flowKey(one)}#${one.cookie}`);
      else if (choice < 78 && commitFaults) harness.model.faults.commitFailures = random.below(4);
      else if (choice < 80) harness.disconnect();
      else if (choice < 81) {
        harness.disconnect();
        harness.model.restart();
      } else harness.run(random.below(60));
      harness.kick();
    }
    bad.clear();
    harness.model.faults.commitFailures = 0;
    expect(harness.run(3_000_000, () => settled(harness) && reconciler.flows.refused.size === 0)).toBe(true);
    expect(harness.model.violations).toEqual([]);
    expect(difference(harness)).toEqual([]);
    expect(harness.model.flows.size).toBe(reconciler.flows.desired.size);
    expect(reconciler.realized).toBe(revision);
    expect(harness.closes().filter((reason) => reason !== 'bundle-failed')).toEqual([]);
  });
});
