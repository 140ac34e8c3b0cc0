import { PassThrough, Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { runOpenFlowDecode, runOpenFlowEncode } from '../../src/cli/openflow.ts';
import type { LineCount } from '../../src/cli/openflow.ts';

type Command = (input: Readable, output: Writable) => Promise<LineCount>;

async function run(command: Command, chunks: Iterable<string | Buffer>): Promise<{ readonly count: LineCount; readonly lines: string[] }> {
  const parts: Buffer[] = [];
  const output = new PassThrough();
  output.on('data', (part: Buffer) => parts.push(part));
  const count = await command(Readable.from(chunks), output);
  const text = Buffer.concat(parts).toString();
  return { count, lines: text === '' ? [] : text.trimEnd().split('\n') };
}

const echo = '040200080000002a';
const hello = '04000010000000010001000800000010';

test('decode prints an object a line, and encode its bytes', async () => {
  const { lines, count } = await run(runOpenFlowDecode, [`${echo}\n\n  \n0x04 0x00 00 10 00000001\t0001000800000010\r\n`]);
  expect(count).toEqual({ lines: 2, failed: 0 });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { version: 4, type: 'OFPT_ECHO_REQUEST', xid: 42, body: { data: '' }, hex: echo },
    { version: 4, type: 'OFPT_HELLO', xid: 1, body: { elements: [{ type: 'OFPHET_VERSIONBITMAP', bitmaps: [16] }] }, hex: hello },
  ]);
  expect((await run(runOpenFlowEncode, [lines.join('\n')])).lines).toEqual([echo, hello]);
});

test('a bad line becomes an error and stops no other', async () => {
  const { lines, count } = await run(runOpenFlowDecode, [`${echo}\nxyz\n0402\n040200090000002a\n${'0'.repeat(600_000)}\n${echo}`]);
  expect(count).toEqual({ lines: 6, failed: 4 });
  const objects = lines.map(
    (line) => JSON.parse(line) as { readonly code?: string; readonly offset?: number; readonly hex?: string; readonly error?: string },
  );
  expect(objects.map(({ code, offset, hex }) => hex ?? [code, offset])).toEqual([
    echo,
    ['not_hex', 0],
    ['truncated', 2],
    ['bad_length', 2],
    ['line_too_long', 524_288],
    echo,
  ]);
  expect(objects[1]?.error).toContain('"x"');
});

test('encode names what is wrong', async () => {
  const { lines, count } = await run(runOpenFlowEncode, ['{\n[]\n{"version":4,"type":"OFPT_ECHO_REQUEST","xid":-1,"body":{"data":""}}\n']);
  expect(count).toEqual({ lines: 3, failed: 3 });
  expect(lines.map((line) => (JSON.parse(line) as { code: string }).code)).toEqual(['not_json', 'malformed', 'malformed']);
  expect(lines[2]).toContain('/xid');
});

test('lines may be cut anywhere', async () => {
  const bytes = Buffer.from(`${echo}\n${hello}\n`);
  const { lines } = await run(
    runOpenFlowDecode,
    Array.from(bytes, (byte) => Buffer.from([byte])),
  );
  expect(lines.length).toBe(2);
});

test('a slow reader holds the decoder back', async () => {
  let read = 0;
  function* many(): Generator<string> {
    for (; read < 1000; read++) yield `${echo}\n`;
  }
  let release: () => void = () => undefined;
  const output = new Writable({ highWaterMark: 1024, write: (_chunk, _encoding, done) => void (release = done) });
  void runOpenFlowDecode(Readable.from(many(), { highWaterMark: 1 }), output);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(read).toBeLessThan(100);
  release();
});
