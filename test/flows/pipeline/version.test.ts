import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import * as registers from '../../../flows/pipeline/registers.ts';
import { clashes, isOfPipeline, pipelineVersion, tableAt, tables } from '../../../flows/pipeline/index.ts';

/** Versions of the pipeline that may follow each other on a switch. */

const places = Array.from({ length: 62 }, (_, index) => index + 1);

test('versions less than four apart share the entry and no other table, and a switch has all of them', () => {
  for (let version = 1; version <= 9; version++) {
    const own = places.map((place) => tableAt(place, version));
    expect(own.every((tableId) => tableId > 0 && tableId < 254 && isOfPipeline(tableId, version))).toBe(true);
    expect(tableAt(0, version)).toBe(0);
    for (const other of [version + 1, version + 2, version + 3]) expect(own.some((tableId) => isOfPipeline(tableId, other))).toBe(false);
    for (let other = 1; other <= 9; other++) {
      const isShared = own.some((tableId) => isOfPipeline(tableId, other));
      expect(clashes(version, other)).toBe(isShared && version !== other);
    }
  }
});

test('every declared table has a place', () => {
  for (const { id } of Object.values(tables)) expect(isOfPipeline(id)).toBe(true);
});

/** By version: what tables there are, and what a packet carries between them. */
const layouts: Readonly<Record<number, string>> = { 1: 'c7263ba5d774b466' };

test('a release that changes tables or registers has another version of the pipeline', () => {
  const text = JSON.stringify([tables, registers], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  const layout = createHash('sha256').update(text).digest('hex').slice(0, 16);
  // Where this fails: raise `pipelineVersion` by one, and put the new layout down here.
  expect({ version: pipelineVersion, layout }).toEqual({ version: pipelineVersion, layout: layouts[pipelineVersion] });
});
