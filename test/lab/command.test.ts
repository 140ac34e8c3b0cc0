import { expect, test } from 'vitest';
import { assertPrograms, execute, expectSuccess } from '../../src/lab/command.ts';

test('what a command says, and how it ends', async () => {
  expect(await execute(['sh', '-c', 'cat; echo bad >&2; exit 3'], { input: 'in' })).toEqual({
    code: 3,
    stdout: 'in',
    stderr: 'bad\n',
    timedOut: false,
  });
  await expect(expectSuccess(['sh', '-c', 'echo bad >&2; exit 3'])).rejects.toThrow(/ended with 3: bad/);
});

test('a command is ended at its time limit', async () => {
  expect(await execute(['sleep', '10'], { timeoutMs: 50 })).toMatchObject({ code: null, timedOut: true });
  await expect(expectSuccess(['sleep', '10'], { timeoutMs: 50 })).rejects.toThrow(/did not end within 50 ms/);
});

test('a missing program is named with the package that brings it', async () => {
  await expect(execute(['ovs-nothing'])).rejects.toMatchObject({ code: 'program-missing' });
  expect(() => assertPrograms(['sh', 'ovs-nothing', 'nsenter-nothing'])).toThrow(
    /ovs-nothing, nsenter-nothing.*apt-get install openvswitch-switch/,
  );
});
