import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../../policies/model/index.ts';
import { parseYamlStream } from '../../src/api/yaml-stream.ts';
import type { RawDocument } from './policy-oracle.ts';
import { casts } from './reachability-cast.ts';
import type { Cast, CastEnd } from './reachability-cast.ts';

/**
 * Tables of who reaches whom, as text. A file begins with its `cast:` and its `probes:`. `== TITLE` begins a case, on the cast as it was made;
 * `== then TITLE` goes on from where the last one ended. First its documents, `KIND [TENANT/]NAME [LABEL=VALUE …]: SPEC`, with `gone: [KIND [TENANT/]NAME]` for what is
 * deleted; then behind `--` what is so, painted over `allow` for everything: `[PROBE … | v4 | v6 :] FROM -> TO VERDICT`, where a later line goes over an earlier one.
 * `FROM` and `TO` are names of VMs, `out` or patterns (`x*`, `*a`, `*`), several with commas. A probe is `PROTOCOL/PORT`, `icmp/TYPE/CODE` (ICMPv6 in IPv6), or in a line a pattern too.
 */
export interface ReachabilityFile {
  readonly name: string;
  readonly cast: Cast;
  readonly cases: readonly ReachabilityCase[];
}

export interface ReachabilityCase {
  readonly title: string;
  /** What the cases before it left stands no more. */
  readonly isFresh: boolean;
  readonly put: readonly RawDocument[];
  readonly gone: readonly Named[];
  readonly expected: readonly Expected[];
}

export interface Named {
  readonly kind: Kind;
  readonly tenant: string | undefined;
  readonly name: string;
}

export interface Expected {
  readonly from: CastEnd;
  readonly to: CastEnd;
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6';
  readonly detail: { readonly port: number } | { readonly type: number; readonly code: number };
  readonly verdict: string;
}

const folder = join(import.meta.dirname, '../scenarios/reachability');
export const reachabilityFiles: readonly string[] = readdirSync(folder);

export function readReachability(name: string): ReachabilityFile {
  const [head = '', ...blocks] = readFileSync(join(folder, name), 'utf8').split(/^== /m);
  const told = (key: string): string => new RegExp(`^${key}: (.*)$`, 'm').exec(head)?.[1] ?? '';
  const cast = casts[told('cast')]?.();
  if (!cast) throw new Error(`${name}: there is no cast "${told('cast')}"`);
  const probes = told('probes').split(' ');
  return { name, cast, cases: blocks.map((block) => readCase(block, cast, probes)) };
}

function readCase(block: string, cast: Cast, probes: readonly string[]): ReachabilityCase {
  const [, title = '', documents = '', lines = ''] = /^(.*)\n([^]*?)^--\n([^]*)$/m.exec(block) ?? [];
  if (title === '') throw new Error(`no case: ${block}`);
  const [entries = {}] = parseYamlStream(documents) as Readonly<Record<string, unknown>>[];
  const { gone = [], ...put } = entries;
  return {
    title,
    isFresh: !/^then\b/.test(title),
    put: Object.entries(put).map(([key, spec]) => documentOf(key, spec)),
    gone: (gone as readonly string[]).map(namedOf),
    expected: paint(lines, cast.ends, probes),
  };
}

function namedOf(text: string): Named {
  const [, kind = '', tenant, name = ''] = /^(\w+) (?:([^/\s]+)\/)?([^/\s]+)$/.exec(text) ?? [];
  if (name === '') throw new Error(`no document: ${text}`);
  return { kind: kind as Kind, tenant, name };
}

function documentOf(key: string, spec: unknown): RawDocument {
  const [kind = '', path = '', ...pairs] = key.split(' ');
  const { tenant, name } = namedOf(`${kind} ${path}`);
  const labels = Object.fromEntries(pairs.map((pair) => pair.split('=')));
  const metadata = { name, ...(tenant === undefined ? {} : { tenant }), ...(pairs.length === 0 ? {} : { labels }) };
  return { kind, metadata, spec };
}

/** Every pair, one of which is an interface, with every probe in both families. */
function paint(text: string, ends: readonly CastEnd[], probes: readonly string[]): readonly Expected[] {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map(readLine);
  const used = new Set<object>();
  const pairs = ends.flatMap((from) => ends.filter((to) => from.tenant ?? to.tenant).map((to) => ({ from, to })));
  const expected = pairs.flatMap(({ from, to }) =>
    probes.flatMap((probe) =>
      ([4, 6] as const).map((family): Expected => {
        const over = lines.filter((line) => line.holds(from.name, to.name, probe, family));
        for (const line of over) used.add(line);
        return { from, to, family, ...detailOf(probe, family), verdict: over.at(-1)?.verdict ?? 'allow' };
      }),
    ),
  );
  const idle = lines.find((line) => !used.has(line));
  if (idle) throw new Error(`nothing is told by: ${idle.line}`);
  return expected;
}

interface Line {
  readonly line: string;
  readonly verdict: string;
  readonly holds: (from: string, to: string, probe: string, family: 4 | 6) => boolean;
}

function readLine(line: string): Line {
  const [, scope = '', from = '', to = '', verdict = ''] = /^(?:([^:]+): )?(\S+) -> (\S+) (allow|deny|reject)$/.exec(line) ?? [];
  if (verdict === '') throw new Error(`no verdict: ${line}`);
  const words = scope.split(' ').filter((word) => word !== '');
  const families = words.filter((word) => /^v[46]$/.test(word));
  const probes = words.filter((word) => !families.includes(word)).join(',');
  const [isFrom, isTo, isProbe] = [from, to, probes === '' ? '*' : probes].map(matcher);
  return {
    line,
    verdict,
    holds: (source, destination, probe, family) =>
      isFrom?.(source) === true &&
      isTo?.(destination) === true &&
      isProbe?.(probe) === true &&
      (families.length === 0 || families.includes(`v${family}`)),
  };
}

function matcher(patterns: string): (text: string) => boolean {
  const all = patterns.split(',').map((pattern) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`));
  return (text) => all.some((pattern) => pattern.test(text));
}

/** An echo request is another type in ICMPv6; the other types of these tables are numbers alone. */
function detailOf(probe: string, family: 4 | 6): Pick<Expected, 'protocol' | 'detail'> {
  const [protocol = '', first = 0, code = 0] = probe.split('/').map((part, index) => (index === 0 ? part : Number(part)));
  if (protocol !== 'icmp') return { protocol: protocol as 'tcp', detail: { port: Number(first) } };
  const type = family === 6 && first === 8 ? 128 : Number(first);
  return { protocol: family === 4 ? 'icmp' : 'icmpv6', detail: { type, code: Number(code) } };
}
