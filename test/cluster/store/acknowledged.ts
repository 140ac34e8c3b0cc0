import { expect } from 'vitest';
import type { Store } from '../../../cluster/index.ts';
import { payload } from './writer.ts';

/** What a `writer.ts` said was acknowledged. */
export interface Acknowledged {
  readonly revision: number;
  readonly client: number;
  readonly number: number;
}

/** A last line that is cut short was not said. */
export function parseAcknowledged(output: string): Acknowledged[] {
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => /^\d+ \d+ \d+$/.test(line))
    .map((line) => {
      const [revision = 0, client = 0, number = 0] = line.split(' ').map(Number);
      return { revision, client, number };
    });
}

/** Everything acknowledged is there; what is there has no gap; and every state is one that the clients made. */
export async function expectAcknowledged(store: Store, acknowledged: readonly Acknowledged[]): Promise<void> {
  let reached = store.compactedRevision;
  const written = new Map<number, string>();
  await new Promise<void>((resolve) => {
    if (reached === store.revision) {
      resolve();
      return;
    }
    const watch = store.watch(reached, (commits) => {
      for (const { revision, changes } of commits) {
        expect(revision).toBe(++reached);
        const after = changes[0]?.after;
        written.set(revision, `${after?.key}=${after?.value}`);
        expect(changes[0]?.before?.value ?? '0').toBe(String(Number(after?.value) - 1));
      }
      if (reached < store.revision) return;
      watch.close();
      resolve();
    });
  });
  for (const { revision, client, number } of acknowledged) {
    expect(revision).toBeLessThanOrEqual(store.revision);
    if (revision > store.compactedRevision) expect(written.get(revision)).toBe(`client/${client}=${number}`);
  }
  const { entries } = await store.range({ start: '', end: '~' });
  const counts = new Map(entries.filter(({ key }) => key.startsWith('client/')).map(({ key, value }) => [key.slice(7), Number(value)]));
  const logs = entries.filter(({ key }) => key.startsWith('log/'));
  expect(logs).toHaveLength([...counts.values()].reduce((sum, count) => sum + Math.min(count, 5), 0));
  for (const { key, value } of logs) {
    const [client = 0, number = 0] = key.slice(4).split('/').map(Number);
    expect(number).toBeGreaterThan((counts.get(String(client)) ?? 0) - 5);
    expect(value).toBe(payload(client, number));
  }
}
