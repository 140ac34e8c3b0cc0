import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClusterStatus } from '../../cluster/index.ts';
import { execute } from '../../src/lab/command.ts';
import { type Block, blocksOf, DocumentMachines } from '../support/document-machines.ts';
import { documentText } from '../support/document-table.ts';

/** docs/operations.md, typed as it stands, in its order: what one procedure leaves, the next one finds. Each is carried out once, and none is left out. */

const directory = mkdtempSync(join(tmpdir(), 'weir-operations-'));
const blocks = [...blocksOf(documentText('operations.md'))];
let machines: DocumentMachines;

beforeAll(async () => {
  machines = await DocumentMachines.start(directory, ['a', 'b', 'c', 'd']);
});

afterAll(async () => {
  await machines.end();
  rmSync(directory, { recursive: true, force: true });
});

/** The next blocks of the document, which must be below this heading. */
async function typed(heading: string, network = false): Promise<string> {
  let said = '';
  const own = (block: Block | undefined): block is Block => block?.heading === heading;
  expect(blocks[0]?.heading).toBe(heading);
  for (let block = blocks[0]; own(block); block = blocks[0]) {
    blocks.shift();
    for (const machine of block.machines) said += await machines.must(machine, block.commands, network);
  }
  return said;
}

const asked = (machine: string, command: string): Promise<string> => machines.must(machine, `. ~/weir-client\n${command}`);
const status = async (machine: string): Promise<ClusterStatus> =>
  JSON.parse(await asked(machine, 'weir cluster status --json')) as ClusterStatus;
const votersAre = (machine: string, ids: readonly string[]): Promise<void> =>
  expect
    .poll(async () => (await status(machine)).members.filter(({ role, reachable }) => role === 'voter' && reachable).map(({ id }) => id))
    .toEqual([...ids]);

async function putTenant(machine: string, name: string): Promise<void> {
  await asked(machine, `printf 'kind: Tenant\\nmetadata: { name: ${name} }\\nspec: {}\\n' | weir apply -f -`);
}

const tenants = async (machine: string): Promise<string[]> => {
  const found = JSON.parse(await asked(machine, 'weir get tenants --json')) as readonly { readonly metadata: { readonly name: string } }[];
  return found.map(({ metadata }) => metadata.name);
};

/** What a listener shows whoever connects. */
const shownBy = (at: string, port: number): Promise<string> =>
  machines.must('a', `openssl s_client -connect ${at}:${port} < /dev/null 2> /dev/null | openssl x509 -noout -serial || true`);

const journal = (machine: string): string => readFileSync(machines.path(machine, 'root/.journal'), 'utf8');

/** As a power cut would end it. */
const kill = (machine: string): Promise<string> =>
  machines.must(machine, 'kill -KILL $(cat ~/.unit/pid); while kill -0 $(cat ~/.unit/pid) 2> /dev/null; do sleep 0.1; done');

test('the unit is one that systemd takes, and leaves the program little', async () => {
  await typed('Install', true);
  const unit = '/usr/local/lib/systemd/system/weir.service';
  const verified = await machines.type('a', `systemd-analyze verify --man=no ${unit}`);
  expect(`${verified.code} ${verified.stderr}`).toBe('0 ');
  const { stdout } = await execute([
    'systemd-analyze',
    'security',
    '--offline=true',
    join(import.meta.dirname, '../../deploy/systemd/weir.service'),
  ]);
  const exposure = Number(/Overall exposure level for weir.service: ([\d.]+)/.exec(stdout)?.[1]);
  expect(exposure).toBeLessThan(2.5);
});

test('three begin, as the user of the unit, and the certificate of one is renewed while it runs', async () => {
  await typed('Bootstrap three controllers');
  await votersAre('b', ['a', 'b', 'c']);
  await expect.poll(async () => (await status('c')).members.every(({ joined }) => joined)).toBe(true);
  const owner = await machines.must(
    'a',
    'stat -c "%U %a" /var/lib/weir; grep ^NoNewPrivs /proc/$(cat ~/.unit/pid)/status; stat -c %U /proc/$(cat ~/.unit/pid)',
  );
  expect(owner.split(/\s+/)).toEqual(['weir', '700', 'NoNewPrivs:', '1', 'weir', '']);
  await putTenant('a', 'first');
  const before = await Promise.all([6680, 6690, 6640, 6653].map((port) => shownBy('10.0.0.2', port)));
  await typed('Renew a certificate');
  const after = await Promise.all([6680, 6690, 6640, 6653].map((port) => shownBy('10.0.0.2', port)));
  expect(new Set(before).size).toBe(1);
  expect(new Set(after).size).toBe(1);
  expect(after[0]).toMatch(/^serial=/);
  expect(after[0]).not.toBe(before[0]);
  await machines.must(
    'b',
    'cp /etc/weir/pki/b.key ~/b.key; cat ~/weir-token > /etc/weir/pki/b.key; systemctl reload weir; cp ~/b.key /etc/weir/pki/b.key',
  );
  await expect.poll(() => journal('b')).toContain('certificates stay as they were');
  expect(await shownBy('10.0.0.2', 6680)).toBe(after[0]);
  await votersAre('b', ['a', 'b', 'c']);
});

test('another leads; a backup is made', async () => {
  await typed('Let another lead');
  await expect.poll(async () => (await status('c')).leader).toBe('b');
  expect(await typed('Back up and restore')).toContain('revision');
  await putTenant('c', 'behind-the-backup');
  // Neither what is there nor what runs is written over.
  const refused = await machines.type('c', 'runuser -u weir -- weir restore ~/weir.backup --data /var/lib/weir');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('has data') });
  const inUse = await machines.type(
    'c',
    '. ~/weir-client; runuser -u weir -- weir cluster rejoin --data /var/lib/weir --server https://10.0.0.1:6680',
  );
  expect(inUse).toMatchObject({ code: 1, stderr: expect.stringContaining('in use by another process') });
});

test('a member whose disk is lost is replaced, and does not come back under its name', async () => {
  await kill('c');
  await machines.must('c', 'rm -rf /var/lib/weir');
  await machines.must('c', 'systemctl start --no-block weir');
  await expect.poll(() => journal('c')).toContain('its data is not that with which c joined');
  await kill('c');
  await typed('Replace a dead member');
  await votersAre('a', ['a', 'b', 'd']);
  expect(await tenants('d')).toEqual(['behind-the-backup', 'first']);
});

test('a member whose data is damaged comes back under another name', async () => {
  await kill('d');
  writeFileSync(machines.path('d', 'var/lib/weir/store/identity'), 'damaged');
  expect((await machines.type('d', 'systemctl start weir')).code).not.toBe(0);
  expect(journal('d')).toMatch(/checksum/);
  await typed("A member's data is damaged");
  await votersAre('a', ['a', 'b', 'e']);
  expect(await tenants('d')).toEqual(['behind-the-backup', 'first']);
});

test('a member that was removed says so, serves nothing and does not start again', async () => {
  const left = blocks.filter(({ heading }) => heading === 'Remove a member');
  await machines.must('a', left[0]?.commands ?? '');
  await expect.poll(() => journal('d')).toContain('this member was removed from the cluster');
  const refused = await machines.type('d', '. ~/weir-client; weir get tenants');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('e was removed from the cluster') });
  // To remove it once more changes nothing.
  await typed('Remove a member');
  expect(readFileSync(machines.path('d', 'root/.unit/status'), 'utf8')).toBe('0');
  expect((await machines.type('d', 'systemctl start weir')).code).not.toBe(0);
  expect(journal('d')).toContain('error: e was removed from the cluster');
  await votersAre('a', ['a', 'b']);
});

test('what is left of a lost cluster gives way to a backup, which grows to three', async () => {
  await kill('b');
  const { code, stderr } = await machines.type('a', '. ~/weir-client; timeout 30 weir get tenants --server https://10.0.0.2:6680');
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('found a leader') });
  await typed('More than half are lost for good');
  expect(await tenants('a')).toEqual(['first']);
  await typed('Grow a single controller to three');
  await votersAre('c', ['f', 'g', 'h']);
  await putTenant('b', 'later');
  expect(await tenants('c')).toEqual(['first', 'later']);
  expect(readFileSync(machines.path('a', 'root/.unit/said'), 'utf8')).toContain('READY=1');
  expect(blocks).toEqual([]);
});
