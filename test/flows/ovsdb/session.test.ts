import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { OvsdbSession, sessionLimits, TransactionBuilder } from '../../../flows/ovsdb/index.ts';
import type { JsonValue, SessionEffect, SessionEvent } from '../../../flows/ovsdb/index.ts';
import { DecodeError } from '../../../src/base/errors.ts';

const schema = JSON.parse(readFileSync('/usr/share/openvswitch/vswitch.ovsschema', 'utf8')) as {
  tables: Record<string, { columns: Record<string, JsonValue> }>;
};
const root = '11111111-0000-4000-8000-000000000000';
const bridge = '22222222-0000-4000-8000-000000000000';
const noTransaction = '00000000-0000-0000-0000-000000000000';
const transactionId = '33333333-0000-4000-8000-000000000000';
const rootRow = { Open_vSwitch: { [root]: { initial: { next_cfg: 7 } } } };

interface Sent {
  readonly id: JsonValue;
  readonly method?: string;
  readonly params: JsonValue[];
  readonly result?: JsonValue;
  readonly error?: JsonValue;
}

/** A session, a clock, and the other side by hand. */
class Script {
  readonly session = new OvsdbSession();
  nowMs = 1000;
  effects: SessionEffect[] = [];

  step(event: SessionEvent): readonly SessionEffect[] {
    const effects = this.session.step(event, this.nowMs);
    this.effects.push(...effects);
    return effects;
  }

  /** What was sent since the last call. */
  sent(): Sent[] {
    const sent = this.effects.filter((effect) => effect.kind === 'send').map(({ text }) => JSON.parse(text) as Sent);
    this.effects = this.effects.filter(({ kind }) => kind !== 'send');
    return sent;
  }

  message(value: JsonValue): readonly SessionEffect[] {
    const effects = this.step({ kind: 'message', value });
    return [...effects, ...this.step({ kind: 'bytes', bytes: 100, partial: false })];
  }

  /** Answers the last request. */
  reply(result: JsonValue, error: JsonValue = null): readonly SessionEffect[] {
    return this.message({ id: this.sent().at(-1)?.id ?? null, result, error });
  }

  connect(): void {
    this.step({ kind: 'connected' });
    this.reply(['Open_vSwitch', '_Server']);
    this.reply(schema);
  }

  sync(): void {
    this.connect();
    this.reply([false, noTransaction, rootRow]);
    this.effects = [];
  }

  closed(): SessionEffect | undefined {
    return this.effects.find(({ kind }) => kind === 'close');
  }
}

const operations = new TransactionBuilder(3).comment('x').build();
let script: Script;
beforeEach(() => {
  script = new Script();
});

describe('the way to a whole replica', () => {
  test('lists, learns the schema, monitors our columns since the last transaction', () => {
    script.step({ kind: 'connected' });
    expect(script.sent()).toEqual([{ id: 1, method: 'list_dbs', params: [] }]);
    script.message({ id: 1, result: ['Open_vSwitch'], error: null });
    expect(script.sent()).toEqual([{ id: 2, method: 'get_schema', params: ['Open_vSwitch'] }]);
    script.message({ id: 2, result: schema as unknown as JsonValue, error: null });
    const [monitor] = script.sent();
    expect(monitor).toMatchObject({
      id: 3,
      method: 'monitor_cond_since',
      params: ['Open_vSwitch', 'weir', { Port: [{ columns: ['external_ids', 'name', 'interfaces', 'tag', 'qos'] }] }, noTransaction],
    });
    expect(script.session.state).toBe('monitor-since-requested');
    const effects = script.message({ id: 3, result: [false, transactionId, rootRow], error: null });
    expect(effects.map(({ kind }) => kind)).toEqual(['changed', 'synced']);
    expect(script.session.state).toBe('monitoring');
    expect(script.session.replica.root).toMatchObject({ uuid: root, next_cfg: 7, external_ids: new Map() });
    expect(script.session.lastTransactionId).toBe(transactionId);
  });

  test('falls back to monitor_cond and takes update2', () => {
    script.connect();
    script.reply(null, 'unknown method');
    expect(script.session.state).toBe('monitor-cond-requested');
    script.reply(rootRow);
    expect(script.session.state).toBe('monitoring');
    script.message({
      id: null,
      method: 'update2',
      params: ['weir', { Open_vSwitch: { [root]: { modify: { next_cfg: 8, external_ids: ['map', [['a', 'b']]] } } } }],
    });
    expect(script.session.replica.root).toMatchObject({ next_cfg: 8, external_ids: new Map([['a', 'b']]) });
  });

  test('falls back to monitor of RFC 7047 and takes update', () => {
    script.connect();
    script.reply(null, 'unknown method');
    script.reply(null, { error: 'unknown method' });
    expect(script.session.state).toBe('monitor-requested');
    script.reply({ Open_vSwitch: { [root]: { new: { next_cfg: 7 } } }, Bridge: { [bridge]: { new: { name: 'br-int' } } } });
    const effects = script.message({
      method: 'update',
      params: [
        'weir',
        { Open_vSwitch: { [root]: { old: { next_cfg: 7 }, new: { next_cfg: 8 } } }, Bridge: { [bridge]: { old: { name: 'br-int' } } } },
      ],
    });
    expect(effects).toMatchObject([
      {
        kind: 'changed',
        changes: [
          { table: 'Open_vSwitch', before: { next_cfg: 7 }, after: { next_cfg: 8 } },
          { table: 'Bridge', before: { name: 'br-int' } },
        ],
      },
    ]);
    expect(script.session.replica.rows('Bridge').size).toBe(0);
  });

  test('a refusal of all three ends the connection', () => {
    script.connect();
    for (let index = 0; index < 3; index++) script.reply(null, 'unknown method');
    expect(script.closed()).toMatchObject({ code: 'refused' });
  });

  test('an older schema without a column that can be missing serves', () => {
    const older = structuredClone(schema);
    delete older.tables['Interface']?.columns['mtu'];
    script.step({ kind: 'connected' });
    script.reply(['Open_vSwitch']);
    script.reply(older);
    expect(JSON.stringify(script.sent()[0])).not.toContain('"mtu"');
  });

  test.each<[string, (tables: typeof schema.tables) => void]>([
    ['a table less', (tables) => delete tables['Bridge']],
    ['a column less', (tables) => delete tables['Bridge']?.columns['name']],
    ['a column of another type', (tables) => ((tables['Bridge']?.columns ?? {})['name'] = { type: 'integer' })],
    [
      'a set where one value must be',
      (tables) => ((tables['Bridge']?.columns ?? {})['name'] = { type: { key: 'string', min: 0, max: 5 } }),
    ],
  ])('a schema with %s does not', (_name, spoil) => {
    const spoiled = structuredClone(schema);
    spoil(spoiled.tables);
    script.step({ kind: 'connected' });
    script.reply(['Open_vSwitch']);
    script.reply(spoiled);
    expect(script.closed()).toMatchObject({ code: 'schema' });
  });
});

describe('a reconnect', () => {
  test('asks for what came since, and applies only that', () => {
    script.connect();
    script.reply([false, noTransaction, rootRow]);
    script.message({ method: 'update3', params: ['weir', transactionId, { Bridge: { [bridge]: { insert: { name: 'a' } } } }] });
    script.step({ kind: 'disconnected', reason: 'test' });
    script.connect();
    expect(script.effects.findLast((effect) => effect.kind === 'send')).toMatchObject({
      text: expect.stringContaining(`"${transactionId}"]}`) as string,
    });
    const effects = script.reply([true, transactionId, { Bridge: { [bridge]: { modify: { datapath_type: 'netdev' } } } }]);
    expect(effects).toMatchObject([{ kind: 'changed', changes: [{ after: { name: 'a', datapath_type: 'netdev' } }] }, { kind: 'synced' }]);
  });

  test('compares when everything comes anew, and tells only what differs', () => {
    script.sync();
    script.step({ kind: 'disconnected', reason: 'test' });
    script.connect();
    const effects = script.reply([false, noTransaction, { ...rootRow, Bridge: { [bridge]: { initial: { name: 'a' } } } }]);
    expect(effects).toMatchObject([
      { kind: 'changed', changes: [{ table: 'Bridge', uuid: bridge, after: { name: 'a' } }] },
      { kind: 'synced' },
    ]);
  });

  test('starts from nothing behind an update that did not fit', () => {
    script.connect();
    script.reply([false, transactionId, rootRow]);
    script.message({ method: 'update3', params: ['weir', transactionId, { Bridge: { [bridge]: { modify: { name: 'a' } } } }] });
    expect(script.closed()).toMatchObject({ code: 'inconsistent' });
    expect(script.session.lastTransactionId).toBe(noTransaction);
  });

  test('tells that the outcome of every transaction in flight is unknown', () => {
    script.sync();
    script.step({ kind: 'transact', token: 41, operations });
    script.step({ kind: 'transact', token: 42, operations });
    const effects = script.step({ kind: 'disconnected', reason: 'gone' });
    expect(effects).toEqual([41, 42].map((token) => ({ kind: 'outcome', token, result: { kind: 'unknown', reason: 'gone' } })));
    expect(script.session.wakeAtMs()).toBeUndefined();
  });
});

describe('transactions', () => {
  const outcome = (result: JsonValue, error: JsonValue = null): unknown => {
    script.sync();
    script.step({ kind: 'transact', token: 9, operations });
    return script.reply(result, error)[0];
  };

  test('begin with the guard on the epoch', () => {
    script.sync();
    script.step({ kind: 'transact', token: 9, operations });
    const guard = {
      op: 'wait',
      table: 'Open_vSwitch',
      where: [['external_ids', 'includes', ['map', [['weir-epoch', '3']]]]],
      columns: ['_uuid'],
      until: '!=',
      rows: [],
      timeout: 0,
    };
    expect(script.sent()).toMatchObject([{ method: 'transact', params: ['Open_vSwitch', guard, { op: 'comment' }] }]);
  });

  test.each<[string, JsonValue, JsonValue, object]>([
    ['committed', [{}, {}], null, { kind: 'committed' }],
    ['the epoch is another', [{ error: 'timed out', details: 'd' }, null], null, { kind: 'refused', code: 'fenced', operation: 0 }],
    ['a guard failed', [{}, { error: 'timed out' }], null, { kind: 'refused', code: 'guard-failed', operation: 1 }],
    ['a constraint', [{}, { error: 'constraint violation' }], null, { kind: 'refused', code: 'constraint-violation', operation: 1 }],
    [
      'the commit as a whole',
      [{}, {}, { error: 'referential integrity violation' }],
      null,
      { kind: 'refused', code: 'referential-integrity-violation' },
    ],
    ['unheard of', [{}, { error: 'moon phase' }], null, { kind: 'refused', code: 'other', error: 'moon phase' }],
    ['the request', null, { error: 'unknown database', details: 'x' }, { kind: 'refused', code: 'unknown-database', details: 'x' }],
    ['canceled', null, 'canceled', { kind: 'refused', code: 'canceled' }],
  ])('%s', (_name, result, error, expected) => {
    expect(outcome(result, error)).toMatchObject({ kind: 'outcome', token: 9, result: expected });
  });

  test.each<[string, JsonValue]>([
    ['no array', {}],
    ['too few results', [{}]],
    ['too many results', [{}, {}, {}]],
    ['a result that is none', [{}, 4]],
  ])('a reply with %s closes the connection', (_name, result) => {
    expect(outcome(result)).toMatchObject({ kind: 'close', code: 'malformed' });
    expect(script.step({ kind: 'disconnected', reason: 'x' })).toMatchObject([{ token: 9, result: { kind: 'unknown' } }]);
  });

  test('are not sent before the replica is whole nor behind the end', () => {
    expect(script.step({ kind: 'transact', token: 1, operations })).toMatchObject([{ result: { kind: 'unsent', reason: 'closed' } }]);
    script.connect();
    expect(script.step({ kind: 'transact', token: 2, operations })).toMatchObject([{ result: { kind: 'unsent', reason: 'not-synced' } }]);
  });

  test('are bounded in number', () => {
    script.sync();
    for (let token = 0; token < sessionLimits.transactionsMax; token++) script.step({ kind: 'transact', token, operations });
    expect(script.step({ kind: 'transact', token: 9999, operations })).toMatchObject([
      { result: { kind: 'unsent', reason: 'queue-full' } },
    ]);
  });

  test('are bounded in bytes that the peer has not taken', () => {
    script.sync();
    script.step({ kind: 'queued', bytes: sessionLimits.sendQueueBytesMax - 10 });
    expect(script.step({ kind: 'transact', token: 1, operations })).toMatchObject([{ result: { kind: 'unsent', reason: 'queue-full' } }]);
    script.step({ kind: 'queued', bytes: 0 });
    expect(script.step({ kind: 'transact', token: 2, operations })).toMatchObject([{ kind: 'send' }]);
  });

  test('without a reply in time close the connection', () => {
    script.sync();
    script.step({ kind: 'transact', token: 1, operations });
    script.nowMs += sessionLimits.transactTimeoutMs - 1;
    script.step({ kind: 'bytes', bytes: 1, partial: false });
    expect(script.session.wakeAtMs()).toBe(script.nowMs + 1);
    script.nowMs += 1;
    expect(script.step({ kind: 'tick' })).toMatchObject([{ kind: 'close', code: 'transact-timeout' }]);
  });
});

describe('keep-alive', () => {
  test('echoes are answered with what they carry, other requests refused', () => {
    script.sync();
    script.message({ id: 'echo', method: 'echo', params: [1, 'a'] });
    script.message({ id: 5, method: 'transact', params: [] });
    expect(script.sent()).toEqual([
      { id: 'echo', result: [1, 'a'], error: null },
      { id: 5, result: null, error: 'unknown method' },
    ]);
  });

  test('a silent peer is asked, and cut when it stays silent', () => {
    script.sync();
    const startMs = script.nowMs;
    expect(script.session.wakeAtMs()).toBe(startMs + sessionLimits.probeIntervalMs);
    script.nowMs += sessionLimits.probeIntervalMs;
    script.step({ kind: 'tick' });
    const [echo] = script.sent();
    expect(echo).toMatchObject({ method: 'echo' });
    expect(script.session.wakeAtMs()).toBe(startMs + 2 * sessionLimits.probeIntervalMs);
    script.nowMs += sessionLimits.probeIntervalMs - 1;
    expect(script.message({ id: echo?.id ?? null, result: [], error: null })).toEqual([]);
    script.nowMs += sessionLimits.probeIntervalMs;
    script.step({ kind: 'tick' });
    script.nowMs += sessionLimits.probeIntervalMs;
    expect(script.step({ kind: 'tick' })).toMatchObject([{ kind: 'close', code: 'inactive' }]);
  });

  test('a handshake that stops is cut, whatever else the peer says', () => {
    script.connect();
    for (let second = 0; second < 9; second++) {
      script.nowMs += 1000;
      script.message({ id: second, method: 'echo', params: [] });
    }
    script.nowMs += 1000;
    expect(script.step({ kind: 'tick' })).toMatchObject([{ kind: 'close', code: 'handshake-timeout' }]);
  });

  test('a message that drips is cut', () => {
    script.sync();
    for (let second = 0; second <= 20; second++) {
      script.step({ kind: 'bytes', bytes: 1, partial: true });
      script.nowMs += 1000;
    }
    expect(script.step({ kind: 'tick' })).toMatchObject([{ kind: 'close', code: 'message-timeout' }]);
  });
});

describe('broken and hostile peers cost their connection', () => {
  test.each<[string, JsonValue, string]>([
    ['no message', [1], 'protocol'],
    ['a message that is none', { hello: 1 }, 'protocol'],
    ['parameters that are none', { method: 'echo', params: {}, id: 1 }, 'protocol'],
    ['a reply without a request', { id: 4711, result: {}, error: null }, 'protocol'],
    ['a reply to a name', { id: ['x'], result: {}, error: null }, 'protocol'],
    ['an update of another monitor', { method: 'update3', params: ['other', transactionId, {}] }, 'protocol'],
    ['an update of another kind', { method: 'update2', params: ['weir', {}] }, 'protocol'],
    ['an update without a transaction id', { method: 'update3', params: ['weir', 'x', {}] }, 'protocol'],
    ['an update too long', { method: 'update3', params: ['weir', transactionId, {}, {}] }, 'protocol'],
    ['an unknown table', { method: 'update3', params: ['weir', transactionId, { Moon: {} }] }, 'inconsistent'],
    [
      'an unknown column',
      { method: 'update3', params: ['weir', transactionId, { Bridge: { [bridge]: { insert: { moon: 1 } } } }] },
      'inconsistent',
    ],
    ['an unknown row', { method: 'update3', params: ['weir', transactionId, { Bridge: { [bridge]: { delete: null } } }] }, 'inconsistent'],
    ['a row twice', { method: 'update3', params: ['weir', transactionId, { Open_vSwitch: { [root]: { insert: {} } } }] }, 'inconsistent'],
    [
      'a row that is no UUID',
      { method: 'update3', params: ['weir', transactionId, { Bridge: { constructor: { insert: {} } } }] },
      'inconsistent',
    ],
    [
      'a value of another type',
      { method: 'update3', params: ['weir', transactionId, { Open_vSwitch: { [root]: { modify: { next_cfg: 'x' } } } }] },
      'malformed',
    ],
    ['the end of the monitor', { method: 'monitor_canceled', params: ['weir'] }, 'monitor-canceled'],
  ])('%s', (_name, message, code) => {
    script.sync();
    const before = [...script.session.replica.rows('Open_vSwitch')];
    expect(script.message(message)).toMatchObject([{ kind: 'close', code }]);
    expect([...script.session.replica.rows('Open_vSwitch')]).toEqual(before);
    expect(script.message({ id: 1, method: 'echo', params: [] })).toEqual([]);
  });

  test('an update is applied whole or not at all', () => {
    script.sync();
    const updates = { Open_vSwitch: { [root]: { modify: { next_cfg: 99 } } }, Bridge: { [bridge]: { modify: {} } } };
    script.message({ method: 'update3', params: ['weir', transactionId, updates] });
    expect(script.session.replica.root?.next_cfg).toBe(7);
  });

  test('a stream that cannot be read', () => {
    script.sync();
    expect(script.step({ kind: 'broken', error: new DecodeError('json-syntax', 5, 'rubbish') })).toMatchObject([
      { kind: 'close', code: 'malformed', reason: 'rubbish at byte 5' },
    ]);
  });

  test('no database', () => {
    script.step({ kind: 'connected' });
    expect(script.reply(['OVN_Southbound'])).toMatchObject([{ kind: 'close', code: 'no-database' }]);
  });

  test('a flood of messages', () => {
    script.sync();
    let sentMessages = 0;
    while (!script.closed()) {
      script.step({ kind: 'message', value: { method: 'x', params: [] } });
      sentMessages++;
    }
    expect(script.closed()).toMatchObject({ code: 'flood' });
    expect(sentMessages).toBeLessThan(sessionLimits.messagesPerSecondMax * 11);
  });

  test('the answers to many transactions are no flood', () => {
    script.sync();
    for (let count = 0; count < sessionLimits.messagesPerSecondMax * 20; count++) {
      script.step({ kind: 'transact', token: count, operations });
      script.message({ method: 'update3', params: ['weir', transactionId, {}] });
      script.reply([{}, {}]);
      script.step({ kind: 'queued', bytes: 0 });
      script.effects = script.effects.filter(({ kind }) => kind === 'close');
    }
    expect(script.closed()).toBeUndefined();
  });

  test('a flood of bytes', () => {
    script.sync();
    for (let second = 0; second < 100 && !script.closed(); second++) {
      script.nowMs += 1000;
      script.step({ kind: 'bytes', bytes: 2 * sessionLimits.bytesPerSecondMax, partial: false });
    }
    expect(script.closed()).toMatchObject({ code: 'flood' });
  });

  test('a peer that asks and does not read the answers', () => {
    script.sync();
    const params = ['x'.repeat(100_000)];
    for (let asked = 0; asked < 100 && !script.closed(); asked++) script.message({ id: asked, method: 'echo', params });
    expect(script.closed()).toMatchObject({ code: 'send-queue-full' });
  });

  test('nothing that a peer sends makes the session throw', () => {
    const words = fc.constantFrom<JsonValue>(
      null,
      true,
      0,
      1,
      2,
      3,
      4,
      'weir',
      'update',
      'update3',
      'uuid',
      'set',
      'map',
      [],
      {},
      transactionId,
      ['Open_vSwitch'],
      rootRow,
      [false, transactionId, rootRow],
      schema as unknown as JsonValue,
    );
    const message = fc.record(
      {
        id: words,
        method: fc.option(fc.constantFrom('echo', 'update', 'update2', 'update3', 'monitor_canceled'), { nil: undefined }),
        params: fc.array(words, { maxLength: 4 }),
        result: words,
        error: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, words),
      },
      { requiredKeys: [] },
    );
    const shaped = message.map(
      (value) => Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as JsonValue,
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(shaped, words), { maxLength: 30 }), fc.boolean(), (values, synced) => {
        const peer = new Script();
        if (synced) peer.sync();
        else peer.step({ kind: 'connected' });
        for (const value of values) peer.message(value);
        peer.step({ kind: 'disconnected', reason: 'end' });
        expect(peer.session.state).toBe('disconnected');
      }),
      { numRuns: 500 },
    );
  });
});
