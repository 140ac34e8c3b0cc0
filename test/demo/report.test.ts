import { expect, test } from 'vitest';
import { same, within } from '../../src/demo/act.ts';
import { playOne } from '../../src/demo/index.ts';
import type { World } from '../../src/demo/world.ts';
import { Report } from '../../src/demo/report.ts';

function printed(work: (report: Report) => void): { readonly text: string; readonly failed: number } {
  let text = '';
  const report = new Report({ write: (part) => (text += part), live: false, colours: false });
  work(report);
  return { text, failed: report.failed };
}

test('what is not as expected is counted, slow or wrong, and told in the last line', () => {
  const rows = [same('colour', 'red', 'red'), same('colour', 'red', 'blue'), within('it', 100, 101, 'comes after')];
  const { text, failed } = printed((report) => {
    report.act(1, 'the act', 5, rows);
    report.end();
  });
  expect(failed).toBe(2);
  expect(text.match(/NOT$/gm)).toHaveLength(2);
  expect(text).toContain('1 as expected, 2 not');
});

test('details stand below their row', () => {
  const { text } = printed((report) => report.act(1, 'the act', 5, [{ ...same('owners', 'one', 'one'), details: ['hv1  a → b'] }]));
  expect(text).toMatch(/owners .* ok\n {6}hv1 {2}a → b\n/);
});

test('an act that is not played to its end is not as expected', async () => {
  const act = { title: 'falls', play: () => Promise.reject(new Error('down\nthe stairs')) };
  expect(await playOne(act, {} as World, () => undefined)).toMatchObject([{ ok: false, seen: 'down the stairs' }]);
});
