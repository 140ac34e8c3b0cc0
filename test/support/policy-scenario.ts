import { judge, readQuestion } from '../../policies/index.ts';
import type { Asked, SideVerdict } from '../../policies/index.ts';
import { AdmissionError } from '../../src/admission/index.ts';
import { parseYamlStream } from '../../src/api/yaml-stream.ts';
import { openHarness } from '../admission/harness.ts';
import type { Harness } from '../admission/harness.ts';

/**
 * Documents and what they mean, as text: `FROM -> TO PROTOCOL/PORT[/CODE] [ipv6] = VERDICT [by [out DECIDER][, ][in DECIDER]]`, where a
 * decider is `TIER/POLICY/RULE`, `posture`, or `-` for an end that is no interface. A `#` begins a remark.
 */
const linePattern =
  /^(\S+) -> (\S+) ([a-z0-9]+)(?:\/(\d+))?(?:\/(\d+))?( ipv6)? = (allow|deny|reject)(?: by (?:out ([^\s,]+))?(?:, )?(?:in (\S+))?)?$/;

export interface Told {
  readonly line: string;
  readonly seen: string;
}

export class PolicyScenario {
  readonly #harness: Harness;

  private constructor(harness: Harness) {
    this.#harness = harness;
  }

  /** Plays on what these documents make. */
  static async open(...streams: readonly string[]): Promise<PolicyScenario> {
    const scenario = new PolicyScenario(await openHarness());
    for (const stream of streams) await scenario.apply(stream);
    return scenario;
  }

  /** One block of a scenario: `documents`, `deleted`, `verdicts` or `refused CODE POINTER`, and behind it the lines. */
  async play(block: string): Promise<{ readonly seen: readonly string[]; readonly expected: readonly string[] }> {
    const [title = '', ...rest] = block.split('\n');
    const [what, ...reason] = title.split(' ');
    const body = rest.join('\n');
    if (what === 'refused') return { seen: await this.#refusal(body), expected: [reason.join(' ')] };
    if (what === 'verdicts') {
      const told = linesOf(body).map((line) => this.ask(line));
      return { seen: told.map(({ seen }) => seen), expected: told.map(({ line }) => line) };
    }
    if (what === 'documents') await this.apply(body);
    else if (what === 'deleted') for (const line of linesOf(body)) await this.#remove(line);
    else throw new Error(`no block: ${title}`);
    return { seen: [], expected: [] };
  }

  async apply(stream: string): Promise<void> {
    await this.#harness.apply(...(parseYamlStream(stream) as object[]));
  }

  /** `Kind TENANT/NAME`, or `Kind NAME` of the platform's. */
  async #remove(line: string): Promise<void> {
    const [kind, owner, name] = /^(\w+) (?:(\S+)\/)?(\S+)$/.exec(line)?.slice(1) ?? [];
    await this.#harness.remove(kind as never, owner, name ?? '');
  }

  /** Why and where documents are refused: `CODE POINTER` for each place, `CODE` where it is no place; empty when they are not. */
  async #refusal(stream: string): Promise<readonly string[]> {
    return this.apply(stream).then(
      () => [],
      (thrown: unknown) => {
        if (!(thrown instanceof AdmissionError)) throw thrown;
        if (thrown.errors.length === 0) return [thrown.code];
        return thrown.errors.map(({ pointer }) => `${thrown.code} ${pointer.replace(/^\/\d+/, '')}`);
      },
    );
  }

  /** A line of a text, and what is so: the same text where the line is true. */
  ask(line: string): Told {
    const found = linePattern.exec(line);
    if (!found) throw new Error(`no verdict: ${line}`);
    const [, from = '', to = '', protocol = '', first, second, ipv6 = '', , out, into] = found;
    const detail = protocol.startsWith('icmp')
      ? { ...(first === undefined ? {} : { type: Number(first) }), ...(second === undefined ? {} : { code: Number(second) }) }
      : { port: Number(first) };
    const asked = { from: this.#located(from), to: this.#located(to), protocol, ...detail, ...(ipv6 === '' ? {} : { family: 6 }) } as Asked;
    const world = this.#harness.admission.snapshot();
    const verdict = judge(world, readQuestion(world, undefined, asked));
    const sides = [
      out === undefined ? [] : [`out ${decider(verdict.egress)}`],
      into === undefined ? [] : [`in ${decider(verdict.ingress)}`],
    ].flat();
    const question = line.slice(0, line.indexOf(' = '));
    return { line, seen: `${question} = ${verdict.verdict}${sides.length === 0 ? '' : ` by ${sides.join(', ')}`}` };
  }

  /** VMs of these texts have names of their own, whosever they are. */
  #located(end: string): string {
    if (/[.:/]/.test(end)) return end;
    const owner = [...this.#harness.admission.snapshot().list('Vm')].find(({ document }) => document.metadata.name === end);
    return owner ? `${owner.document.metadata.tenant}/${end}` : end;
  }
}

function decider(side: SideVerdict | null): string {
  if (side === null) return '-';
  return side.tier === 'posture' ? 'posture' : `${side.tier}/${side.policy}/${side.rule}`;
}

/** The lines of a block that say something. */
export const linesOf = (block: string): readonly string[] =>
  block
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
