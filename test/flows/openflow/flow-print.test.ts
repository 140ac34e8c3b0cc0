import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode, encodeFlowMod, flowMod, fromJson, toHex, toJson, Writer } from '../../../flows/openflow/index.ts';
import { flowsEqual } from '../../../flows/model/index.ts';
import type { Flow } from '../../../flows/model/index.ts';
import { flows } from './arbitrary.ts';
import { printed } from './ofctl.ts';
import { instructionsText, matchParts } from './rendering.ts';

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));

const versions = [4, 5, 6] as const;

/** Splits at commas outside of parentheses. */
function split(text: string): string[] {
  return text === '' ? [] : text.split(/,(?![^(]*\))/);
}

interface Reading {
  readonly table: number;
  readonly parts: readonly string[];
  readonly cookie: string;
  readonly idle: number;
  readonly hard: number;
  readonly actions: string;
}

const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);

function reading(text: string): Reading {
  // Zero is `0` in one place and `0x0` in another.
  const line = /: ADD(.*?)actions=(.*)$/.exec(text.replaceAll(/\b0x0\b/g, '0'));
  if (!line) throw new Error(`ovs-ofctl reads ${text.slice(0, 200)}`);
  const head = line[1] ?? '';
  const words = head.trim().split(' ');
  const match = words.find((word) => !word.includes(':') || word.includes('=')) ?? '';
  const priority = /(?:^| )pri:(\d+)/.exec(head);
  return {
    table: numberIn(head, / table:(\d+)/),
    parts: [...split(match), ...(priority ? [`priority=${priority[1]}`] : [])].toSorted(),
    cookie: /cookie:(\S+)/.exec(head)?.[1] ?? '0',
    idle: numberIn(head, /idle:(\d+)/),
    hard: numberIn(head, /hard:(\d+)/),
    actions: line[2] ?? '',
  };
}

function meaning(flow: Flow): Reading {
  return {
    table: flow.tableId,
    parts: matchParts(flow),
    cookie: flow.cookie === 0n ? '0' : `0x${flow.cookie.toString(16)}`,
    idle: flow.idleTimeout ?? 0,
    hard: flow.hardTimeout ?? 0,
    actions: instructionsText(flow),
  };
}

test.each(versions)('what we encode in version %i, ovs-ofctl reads as meant', async (version) => {
  const sample = fc.sample(flows(version), { seed, numRuns: 1500 });
  const texts = await printed(sample.map((flow, xid) => encode(flowMod(version, xid, 'OFPFC_ADD', flow))));
  expect(texts.length, `seed ${seed}`).toBe(sample.length);
  sample.forEach((flow, index) =>
    expect(reading(texts[index] ?? ''), `seed ${seed}, flow ${index}: ${texts[index]}`).toEqual(meaning(flow)),
  );
});

test.each(versions)('a flow in version %i comes back equal from bytes and from JSON', (version) => {
  fc.assert(
    fc.property(flows(version), (flow) => {
      const message = flowMod(version, 1, 'OFPFC_ADD', flow);
      const bytes = encode(message);
      const decoded = decode(bytes);
      expect(toHex(encode(decoded))).toBe(toHex(bytes));
      expect(toHex(encode(fromJson(JSON.parse(JSON.stringify(toJson(decoded))))))).toBe(toHex(bytes));
      const writer = new Writer(16);
      encodeFlowMod(writer, version, 1, 'OFPFC_ADD', flow);
      expect(toHex(writer.written())).toBe(toHex(bytes));
      if (decoded.type !== 'OFPT_FLOW_MOD') throw new Error('another type');
      const { body } = decoded;
      expect(
        flowsEqual(
          { tableId: body.table_id, priority: body.priority, cookie: body.cookie, match: body.match, instructions: body.instructions },
          flow,
        ),
      ).toBe(true);
    }),
    { seed, numRuns: 500 },
  );
});
