import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { encode, isFlowPart, readFlowCounts } from '../../../flows/openflow/index.ts';
import type { FlowCount, FlowEntry, Message } from '../../../flows/openflow/index.ts';
import { flowKey } from '../../../flows/model/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { flows } from './arbitrary.ts';

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

interface Counts {
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly seconds: number;
}

/** A part of a reply as a switch writes it, by the codec, which is held against Open vSwitch elsewhere. */
function part(version: 4 | 5 | 6, all: readonly Flow[], { packets, bytes, seconds }: Counts): Uint8Array {
  const entries = all.map((flow): FlowEntry => {
    const head = {
      table_id: flow.tableId,
      priority: flow.priority,
      idle_timeout: 0,
      hard_timeout: 0,
      flags: [],
      importance: 0,
      cookie: flow.cookie,
      match: flow.match,
      instructions: flow.instructions,
    };
    if (version < 6) return { ...head, duration_sec: seconds, duration_nsec: 5_000_000, packet_count: packets, byte_count: bytes };
    const stats = [
      { field: 'duration', value: (BigInt(seconds) << 32n) | 5_000_000n },
      { field: 'idle_time', value: 2n << 32n },
      { field: 'flow_count', value: 1n },
      { field: 'packet_count', value: packets },
      { field: 'byte_count', value: bytes },
    ] as const;
    return { ...head, stats };
  });
  const body = { type: 'OFPMP_FLOW', flags: ['OFPMPF_MORE'], body: entries };
  return encode({ version, type: 'OFPT_MULTIPART_REPLY', xid: 77, body } as unknown as Message);
}

function read(frame: Uint8Array): FlowCount[] {
  const found: FlowCount[] = [];
  expect(readFlowCounts(frame, (count) => found.push(count))).toBe(true);
  return found;
}

test.each([4, 5, 6] as const)('counters, age and cookie of every flow of version %i, and a number that tells flows apart', (version) => {
  const sample = fc.sample(flows(version), { seed, numRuns: 300 });
  const numbers = new Map<number, string>();
  for (const flow of sample) {
    const frame = part(version, [flow, flow], { packets: 5_000_000_000n, bytes: 7n, seconds: 12 });
    expect(isFlowPart(frame, 77) && !isFlowPart(frame, 78), `seed ${seed}`).toBe(true);
    const [first, second] = read(frame);
    const idleMs = version === 6 ? 2_000 : undefined;
    expect(first, `seed ${seed}`).toMatchObject({ tableId: flow.tableId, packets: 5_000_000_000, bytes: 7, durationMs: 12_005, idleMs });
    expect(BigInt(first?.cookieHigh ?? 0) * 0x1_0000_0000n + BigInt(first?.cookieLow ?? 0)).toBe(flow.cookie);
    expect(second).toEqual(first);
    const number = first?.flow ?? NaN;
    expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
    const key = flowKey(flow);
    expect(numbers.get(number) ?? key, `seed ${seed}: two flows have one number`).toBe(key);
    numbers.set(number, key);
  }
});

test('what the switch does not count is nothing', () => {
  const flow: Flow = { tableId: 1, priority: 2, cookie: 3n, match: [], instructions: [] };
  for (const version of [4, 6] as const)
    expect(read(part(version, [flow], { packets: 2n ** 64n - 1n, bytes: 2n ** 64n - 1n, seconds: 0 }))).toMatchObject([
      { packets: 0, bytes: 0 },
    ]);
});

const decodeError = new DecodeError('none', 0, 'nothing failed');

function failureOf(frame: Uint8Array): unknown {
  try {
    readFlowCounts(frame, () => undefined);
    return undefined;
  } catch (error) {
    return error;
  }
}

test('altered bytes fail with a decode error and with nothing else', () => {
  const sample = fc.sample(flows(6), { seed, numRuns: 20 });
  for (const version of [4, 6] as const) {
    for (const flow of sample) {
      const frame = part(version, [flow], { packets: 1n, bytes: 1n, seconds: 1 });
      for (let at = 16; at < frame.length; at++) {
        const altered = frame.slice();
        altered[at] = 255 - (altered[at] ?? 0);
        expect(failureOf(altered) ?? decodeError, `seed ${seed}, byte ${at}`).toBeInstanceOf(DecodeError);
      }
    }
  }
});
