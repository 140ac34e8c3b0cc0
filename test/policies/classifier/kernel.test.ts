import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import wabt from 'wabt';
import { Random } from '../../../bench/workloads/random.ts';
import { kernelBytes, lane, lanesMax, openKernel } from '../../../policies/classifier/kernel.ts';

const features = { simd: true, threads: true, multi_memory: true };

test('the bytes of the kernel are what its text says', async () => {
  const text = await readFile(new URL('../../../policies/classifier/kernel.wat', import.meta.url), 'utf8');
  const parsed = (await wabt()).parseWat('kernel.wat', text, features);
  expect(Buffer.from(parsed.toBinary({}).buffer).toString('base64')).toBe(Buffer.from(kernelBytes).toString('base64'));
});

const firstSeed = Number(process.env['WEIR_SEED'] ?? 300);

test.each(Array.from({ length: 20 }, (_, index) => firstSeed + index))('the kernel finds the first rule in common, seed %i', (seed) => {
  const random = new Random(seed);
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const words = new Int32Array(memory.buffer);
  const rules = random.integer(1, 16_384);
  const stride = 1024;
  const vectors = Array.from({ length: 40 }, (_, number) => {
    const positions = new Set(Array.from({ length: random.integer(0, 400) }, () => random.integer(0, rules - 1)));
    for (const position of positions) {
      words[number * stride]! |= 1 << (position >>> 9);
      words[number * stride + 16 + (position >>> 5)]! |= 0x80000000 >>> (position & 31);
    }
    return positions;
  });
  const kernel = openKernel(memory);
  for (const kind of ['addresses', 'groups'] as const) {
    const count = random.integer(1, lanesMax);
    const asked = Array.from({ length: count }, () => Array.from({ length: 4 }, () => random.integer(0, vectors.length - 1)));
    for (const [index, chosen] of asked.entries()) {
      for (const [position, at] of [lane.local, lane.address, lane.service, lane.groups].entries())
        kernel.lanes[at + index] = (chosen[position] ?? 0) * stride * 4;
    }
    kernel[kind](count);
    for (const [index, [local = 0, address = 0, service = 0, groups = 0]] of asked.entries()) {
      const isPeer = (position: number): boolean =>
        vectors[address]?.has(position) === true || (kind === 'groups' && vectors[groups]?.has(position) === true);
      const common = [...(vectors[local] ?? [])].filter((position) => vectors[service]?.has(position) && isPeer(position));
      expect(kernel.lanes[lane.answer + index], `seed ${seed}, ${kind}, lane ${index}`).toBe(
        common.length === 0 ? -1 : Math.min(...common),
      );
    }
  }
});
