import { expect, test } from 'vitest';
import { FreedZones } from '../../src/controller/zones.ts';

/** A switch that answers flushes as a test tells it. */
class Flushed {
  readonly zones: number[] = [];
  state: 'steady' | 'closed' = 'steady';
  answer: string | undefined;

  flushZone(zone: number): Promise<string | undefined> {
    this.zones.push(zone);
    return Promise.resolve(this.answer);
  }
}

type Connection = Parameters<FreedZones['realized']>[0];
const as = (flushed: Flushed): Connection => flushed as unknown as Connection;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a zone is flushed once, when the switch has lost the flows that lead there', async () => {
  const zones = new FreedZones(() => expect.unreachable());
  const connection = new Flushed();
  zones.add(7, 3);
  zones.add(8, 5);
  zones.realized(as(connection), 2);
  expect(connection.zones).toEqual([]);
  zones.realized(as(connection), 4);
  zones.realized(as(connection), 4);
  await settled();
  expect(connection.zones).toEqual([7]);
  zones.realized(as(connection), 9);
  expect(connection.zones).toEqual([7, 8]);
});

test('when the connection ends under way, the next one does it, without a word', async () => {
  const zones = new FreedZones(() => expect.unreachable());
  const first = new Flushed();
  first.answer = 'the connection ended';
  first.state = 'closed';
  zones.add(7, 3);
  zones.realized(as(first), 3);
  await settled();
  const second = new Flushed();
  zones.connected();
  zones.realized(as(second), 3);
  expect(second.zones).toEqual([7]);
});

test('a switch that refuses is not asked again on the same connection; the refusal stands until it works', async () => {
  const told: string[] = [];
  const zones = new FreedZones((zone, error) => told.push(`${zone}: ${error}`));
  const connection = new Flushed();
  connection.answer = 'OFPET_BAD_REQUEST/OFPBRC_BAD_EXP_TYPE';
  zones.add(7, 3);
  zones.realized(as(connection), 3);
  await settled();
  zones.realized(as(connection), 4);
  expect(connection.zones).toEqual([7]);
  expect(told).toEqual(['7: OFPET_BAD_REQUEST/OFPBRC_BAD_EXP_TYPE']);
  expect([...zones.refused]).toEqual([[7, 'OFPET_BAD_REQUEST/OFPBRC_BAD_EXP_TYPE']]);
  const next = new Flushed();
  zones.connected();
  zones.realized(as(next), 4);
  await settled();
  expect(next.zones).toEqual([7]);
  expect(zones.refused.size).toBe(0);
});
