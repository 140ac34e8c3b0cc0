import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AdmissionError } from '../../src/admission/index.ts';
import { WeirError } from '../../src/base/errors.ts';
import { Channel } from '../../src/southbound/channel.ts';

interface There {
  double(number: number): Promise<number>;
  note(text: string): void;
  noted(nothing: null): readonly string[];
  refuse(what: 'failure' | 'refusal' | 'system' | 'defect'): never;
  never(nothing: null): Promise<void>;
}

let ports: MessagePort[];
let here: Channel<There, object>;
let there: Channel<object, There>;

beforeEach(() => {
  const { port1, port2 } = new MessageChannel();
  ports = [port1, port2];
  const notes: string[] = [];
  here = new Channel<There, object>(port1, {});
  there = new Channel<object, There>(port2, {
    double: async (number) => number * 2,
    note: (text) => void notes.push(text),
    noted: () => [...notes],
    refuse: (what) => {
      if (what === 'failure') throw new WeirError('switch-unreadable', 'no');
      if (what === 'system') throw Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', syscall: 'listen' });
      if (what === 'defect') throw new TypeError('undefined is no function');
      const users = [{ kind: 'Vm', tenant: 't', name: 'v' }] as const;
      throw new AdmissionError('in-use', 'used', { errors: [{ pointer: '/a', detail: 'b' }], users });
    },
    never: () => new Promise(() => undefined),
  });
});
afterEach(() => ports.forEach((port) => port.close()));

test('questions are answered, and what was said first is heard first', async () => {
  const answers = [1, 2, 3].map((number) => here.ask('double', number));
  here.tell('note', 'a');
  here.tell('note', 'b');
  expect(await here.ask('noted', null)).toEqual(['a', 'b']);
  expect(await Promise.all(answers)).toEqual([2, 4, 6]);
});

test('an error is the same on the other side', async () => {
  await expect(here.ask('refuse', 'failure')).rejects.toMatchObject({ name: 'WeirError', code: 'switch-unreadable', message: 'no' });
  const refused = await here.ask('refuse', 'refusal').catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(AdmissionError);
  expect(refused).toMatchObject({
    code: 'in-use',
    errors: [{ pointer: '/a', detail: 'b' }],
    users: [{ kind: 'Vm', tenant: 't', name: 'v' }],
  });
  await expect(here.ask('refuse', 'system')).rejects.toMatchObject({ code: 'EADDRINUSE', syscall: 'listen' });
  await expect(here.ask('refuse', 'defect')).rejects.not.toBeInstanceOf(WeirError);
});

test('who does not answer in time is busy; an answer that comes too late finds nobody', async () => {
  await expect(here.ask('never', null, 20)).rejects.toMatchObject({ code: 'southbound-busy' });
  expect(await here.ask('double', 4)).toBe(8);
});

test('no more questions wait than may', async () => {
  const asked = Array.from({ length: 16_385 }, () => here.ask('never', null, Infinity).catch((error: WeirError) => error.code));
  expect(await asked.at(-1)).toBe('southbound-busy');
  here.end(new WeirError('southbound-lost', 'gone'));
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['southbound-lost', 'southbound-busy']));
});

test('an end that is over answers nothing and says nothing', async () => {
  there.end(new WeirError('southbound-lost', 'gone'));
  await expect(here.ask('double', 1, 50)).rejects.toMatchObject({ code: 'southbound-busy' });
  here.end(new WeirError('southbound-lost', 'gone'));
  await expect(here.ask('double', 1)).rejects.toMatchObject({ code: 'southbound-lost' });
});
