import { describe, expect, test } from 'vitest';
import { YamlReader } from '../../src/api/yaml-reader.ts';
import { parseYamlStream } from '../../src/api/yaml-stream.ts';

describe('what a stream holds', () => {
  test('documents in order, empty ones left out, aliases resolved', () => {
    expect(parseYamlStream('---\na: &x [1, 2]\nb: *x\n---\n---\n- 3\n')).toEqual([{ a: [1, 2], b: [1, 2] }, [3]]);
  });

  test.each([
    ['a key given twice', 'a: 1\nb: 2\na: 3\n', 'the key a is given twice at line 3, column 1'],
    ['a key given twice in two spellings', '{ 1: a, "1": b }', 'the key 1 is given twice at line 1, column 9'],
    ['a mistake, the first of many', 'a: 1\n  b: 2\n c: 3\n', 'at line 1, column 4'],
    ['an alias of nothing', 'a: *x\n', 'Unresolved alias'],
    ['more aliases than people write', `a: &x 1\nb: [${'*x,'.repeat(101)}]`, 'more than 100 aliases'],
    ['nesting without end', '['.repeat(10_000), 'nested too deeply'],
  ])('%s is refused', (_says, text, reason) => {
    expect(() => parseYamlStream(text)).toThrow(reason);
  });
});

describe('long texts are read in a thread', () => {
  const long = Array.from({ length: 2000 }, (_, index) => `---\nkind: Group\nname: g-${index}\n`).join('');

  test('they give the same documents', async () => {
    expect(await new YamlReader().read(long)).toEqual(parseYamlStream(long));
  });

  test('and the same refusals', async () => {
    await expect(new YamlReader().read(`${long}---\na: 1\na: 2\n`)).rejects.toThrow('the key a is given twice at line 6003, column 1');
  });

  test('one that takes too long is given up, and the next is read', async () => {
    const reader = new YamlReader({ durationMsMax: 300, heapMbMax: 512 });
    const hostile = reader.read(`[${','.repeat(4_000_000)}]`);
    await expect(hostile).rejects.toMatchObject({ code: 'malformed', message: expect.stringContaining('takes longer than 300 ms') });
    expect(await new YamlReader().read(long)).toHaveLength(2000);
  });

  test('one that takes too much memory is given up', async () => {
    const reader = new YamlReader({ durationMsMax: 60_000, heapMbMax: 32 });
    const hostile = reader.read(`[${'a,'.repeat(2_000_000)}]`);
    await expect(hostile).rejects.toMatchObject({ code: 'malformed', message: expect.stringContaining('too much memory') });
  });
});
