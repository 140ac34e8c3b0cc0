import { expect, test } from 'vitest';
import { cookieOf, ownerNumber } from '../../../flows/pipeline/index.ts';
import { decode, encode } from '../../../flows/openflow/index.ts';
import type { Message } from '../../../flows/openflow/index.ts';
import type { FlowReading, SessionEffect } from '../../../flows/session/index.ts';
import { sessionLimits } from '../../../flows/session/index.ts';
import { Readings } from '../../../flows/session/readings.ts';
import { Requests } from '../../../flows/session/requests.ts';

/** Readings against a switch that answers as it should, and against those that do not. */

const counts: FlowReading = { kind: 'counts', filters: [{ tableId: 1 }, { tableId: 2 }] };
const entries: FlowReading = { kind: 'entries', filters: [{ tableId: 1 }], entriesMax: 3 };

function opened(limits: Partial<typeof sessionLimits> = {}) {
  const effects: SessionEffect[] = [];
  const all = { ...sessionLimits, ...limits };
  const requests = new Requests(all);
  const readings = new Readings(requests, all, (effect) => effects.push(effect));
  return {
    readings,
    effects,
    begin: (reading: FlowReading, token = 1, isOwned = true) => readings.begin(reading, token, isOwned, 0),
    /** The request that went out; undefined when there is none. */
    asked: (): Message | undefined => {
      const bytes = requests.take();
      return bytes && decode(bytes);
    },
  };
}

const part = (xid: number, flows: readonly { readonly owner: string; readonly packets: bigint }[], more = false): Message =>
  ({
    version: 6,
    type: 'OFPT_MULTIPART_REPLY',
    xid,
    body: {
      type: 'OFPMP_FLOW',
      flags: more ? ['OFPMPF_MORE'] : [],
      body: flows.map(({ owner, packets }, index) => ({
        table_id: 1,
        priority: index,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: [],
        importance: 0,
        cookie: owner === 'foreign' ? 1n : cookieOf(owner),
        match: [],
        instructions: [],
        stats: [
          { field: 'duration', value: 9n << 32n },
          { field: 'packet_count', value: packets },
        ],
      })),
    },
  }) as unknown as Message;

const answer = (opening: ReturnType<typeof opened>, message: Message): void => {
  const frame = encode(message);
  expect(opening.readings.countsIn(frame)).toBe(true);
  opening.readings.counted(frame, 10);
};

test('filter after filter; foreign flows and those that counted nothing are left out, but ours are numbered', () => {
  const opening = opened();
  opening.begin(counts);
  opening.begin(entries, 2);
  const first = opening.asked();
  expect(first?.body).toMatchObject({ type: 'OFPMP_FLOW', body: { table_id: 1 } });
  expect(opening.asked()).toBeUndefined();
  answer(
    opening,
    part(
      first?.xid ?? 0,
      [
        { owner: 'a', packets: 5n },
        { owner: 'foreign', packets: 5n },
      ],
      true,
    ),
  );
  answer(opening, part(first?.xid ?? 0, [{ owner: 'a', packets: 0n }]));
  const second = opening.asked();
  expect(second?.body).toMatchObject({ body: { table_id: 2 } });
  answer(opening, part(second?.xid ?? 0, []));
  expect(opening.effects).toMatchObject([
    { kind: 'flows-read', token: 1, read: { counts: [{ packets: 5 }], flowsByOwner: new Map([[ownerNumber('a'), 2]]), oldestMs: 9_000 } },
  ]);
  // The next one begins by itself; of whole flows no more than were asked for are kept.
  const third = opening.asked();
  const many = Array.from({ length: 9 }, () => ({ owner: 'b', packets: 1n }));
  expect(opening.readings.receive(part(third?.xid ?? 0, many), 20)).toBe(true);
  expect(opening.effects[1]).toMatchObject({ token: 2, read: { entries: [{ priority: 0 }, { priority: 1 }, { priority: 2 }] } });
});

test('a reading that cannot be is refused; one whose switch refuses or is lost fails, and the next goes on', () => {
  const opening = opened();
  opening.begin(counts, 1, false);
  opening.begin(counts, 2);
  opening.begin(counts, 3);
  const { xid = 0 } = opening.asked() ?? {};
  expect(opening.readings.error({ xid: xid + 100, code: 'x', name: 'x' }, 5)).toBe(false);
  expect(opening.readings.error({ xid, code: 'x', name: 'bad/x' }, 5)).toBe(true);
  expect(opening.asked()).toBeDefined();
  opening.readings.abandon('lost');
  expect(opening.effects.map((effect) => effect.kind === 'flows-read' && [effect.token, effect.error])).toEqual([
    [1, 'the switch has not joined yet'],
    [2, 'the switch does not list its flows: bad/x'],
    [3, 'lost'],
  ]);
  for (let token = 0; token < 200; token++) opening.begin(counts, token);
  expect(opening.effects.filter((effect) => effect.kind === 'flows-read' && effect.error === 'too many readings wait')).toHaveLength(135);
});

test('a switch that never answers, never ends, sends something else or no flows at all is closed', () => {
  const silent = opened();
  silent.begin(counts);
  silent.readings.tick(9_999);
  expect(() => silent.readings.tick(10_000)).toThrow(expect.objectContaining({ reason: 'listing-timeout' }));

  const endless = opened({ readingFlowsMax: 50 });
  endless.begin(counts);
  const { xid = 0 } = endless.asked() ?? {};
  const ten = Array.from({ length: 10 }, () => ({ owner: 'foreign', packets: 0n }));
  for (let n = 0; n < 5; n++) answer(endless, part(xid, ten, true));
  expect(() => answer(endless, part(xid, ten, true))).toThrow(expect.objectContaining({ reason: 'listing-too-large' }));

  const slow = opened();
  slow.begin(counts);
  const frame = encode(part(slow.asked()?.xid ?? 0, [], true));
  for (let ms = 0; ms < 120_000; ms += 5_000) slow.readings.counted(frame, ms);
  expect(() => slow.readings.tick(120_000)).toThrow(expect.objectContaining({ reason: 'listing-timeout' }));

  const broken = opened();
  broken.begin(counts);
  const altered = encode(part(broken.asked()?.xid ?? 0, [{ owner: 'a', packets: 1n }]));
  altered[16] = 0xff;
  expect(() => broken.readings.counted(altered, 1)).toThrow(expect.objectContaining({ reason: 'malformed' }));

  const strange = opened();
  strange.begin(entries);
  const other = {
    version: 6,
    type: 'OFPT_MULTIPART_REPLY',
    xid: strange.asked()?.xid ?? 0,
    body: { type: 'OFPMP_PORT_DESC', flags: [], body: [] },
  };
  expect(() => strange.readings.receive(other as unknown as Message, 1)).toThrow(expect.objectContaining({ reason: 'protocol' }));
});
