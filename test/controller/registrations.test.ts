import { expect, test } from 'vitest';
import type { SpecOf } from '../../policies/model/index.ts';
import { Registrations } from '../../src/controller/registrations.ts';

/** One host, and the store to which what it says of itself is brought. */
function scene() {
  let spec: SpecOf<'Host'> | undefined;
  let refusal: Error | undefined;
  const asked: string[] = [];
  const objections: (string | undefined)[] = [];
  const host = { name: 'hv1', object: (_topic: string, reason: string | undefined) => void objections.push(reason) };
  const registrations = new Registrations({
    registry: {
      register: async (_name, encapIp) => {
        asked.push(encapIp);
        if (refusal) throw refusal;
        spec = { schedulable: true, encapIp, encapIpFrom: 'switch' };
      },
    },
    hostSpec: () => spec,
    event: () => undefined,
  });
  return {
    host,
    registrations,
    asked,
    objections,
    store: (next: SpecOf<'Host'> | undefined) => (spec = next),
    refuse: (next: Error | undefined) => (refusal = next),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what a switch says of itself is brought to the store once for each difference', async () => {
  const { host, registrations, asked } = scene();
  for (const encapIp of ['192.0.2.1', '192.0.2.1', '192.0.2.2', undefined, '192.0.2.2']) registrations.learned(host, encapIp);
  await turn();
  registrations.learned(host, '192.0.2.2');
  expect(asked).toEqual(['192.0.2.1', '192.0.2.2']);
});

test('a refusal stands as an objection until it is tried again and taken', async () => {
  const { host, registrations, asked, objections, refuse } = scene();
  refuse(new Error('it is in use'));
  registrations.learned(host, '192.0.2.1');
  await turn();
  expect(objections).toEqual([expect.stringContaining('192.0.2.1 is not taken: it is in use')]);
  refuse(undefined);
  registrations.retry();
  await turn();
  expect([asked.length, objections.at(-1)]).toEqual([2, undefined]);
});

test('one that a user deleted is left alone, and says so, until it is resumed', async () => {
  const { host, registrations, asked, objections, store } = scene();
  registrations.learned(host, '192.0.2.1');
  await turn();
  store(undefined);
  registrations.suspend(host);
  registrations.learned(host, '192.0.2.1');
  registrations.retry();
  await turn();
  expect([asked.length, registrations.isSuspended(host)]).toEqual([1, true]);
  expect(objections.at(-1)).toMatch(/document was deleted .* del-manager/);
  registrations.resume(host);
  expect([objections.at(-1), registrations.isSuspended(host)]).toEqual([undefined, false]);
  registrations.learned(host, '192.0.2.1');
  await turn();
  expect(asked).toEqual(['192.0.2.1', '192.0.2.1']);
});
