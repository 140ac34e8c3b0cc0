import { parseArgs } from 'node:util';
import { Verification } from '../../policies/verify/index.ts';
import { classBench, filterKinds } from '../workloads/class-bench.ts';
import type { MemoryDocuments } from '../workloads/documents.ts';
import { ManyRules, manyRulesTenant } from '../workloads/many-rules.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';
import type { Figure } from '../figure.ts';

/**
 * Conflicts and shadowed rules: `node bench/micro/conflicts.ts [--rules 10000] [--json]`. All of them from nothing, in time and in time of the
 * processor; then one policy of ten rules changed, again and again; in the end what was kept up to date is compared with what is found
 * anew. The longest step is how long the server's event loop is kept from other work.
 */
type Result = Omit<Figure, 'bench'>;

const changesMeasured = 500;

type Report = (result: Result) => void;

function run(rules: number, report: Report): void {
  measureChanges(rules, report);
  for (const kind of filterKinds) measureAll(`${rules} filters, ${kind}`, classBench({ seed: 1, kind, rules }).documents, report);
  measureAll('reference cloud', referenceCloud({ seed: 1, scale: 1, placement: 'packed' }).documents, report);
}

/** All findings from nothing: once while the program is warming up, as when a server starts, and at its best of three. */
function measureAll(name: string, documents: MemoryDocuments, report: Report): Verification {
  const n = [...documents.list('Policy')].reduce((sum, { document: { spec } }) => sum + spec.ingress.length + spec.egress.length, 0);
  const runs = Array.from({ length: 3 }, () => {
    const [started, usage] = [performance.now(), process.cpuUsage()];
    const verification = new Verification(documents);
    const longestMs = finish(verification);
    const { user, system } = process.cpuUsage(usage);
    return { verification, longestMs, wallMs: performance.now() - started, cpuMs: (user + system) / 1000 };
  });
  const best = (key: 'wallMs' | 'cpuMs' | 'longestMs'): number => Math.min(...runs.map((each) => each[key]));
  report({ case: name, metric: 'first', unit: 'ms', value: runs[0]?.wallMs ?? 0, n });
  report({ case: name, metric: 'first-cpu', unit: 'ms', value: runs[0]?.cpuMs ?? 0, n });
  report({ case: name, metric: 'all', unit: 'ms', value: best('wallMs'), n });
  report({ case: name, metric: 'all-cpu', unit: 'ms', value: best('cpuMs'), n });
  report({ case: name, metric: 'longest-step', unit: 'ms', value: best('longestMs'), n });
  const { verification } = runs[0] as (typeof runs)[number];
  const { shadowed, conflicts } = verification.ofOwner(null, 1);
  report({ case: name, metric: 'shadowed', unit: 'rules', value: shadowed.count, n });
  report({ case: name, metric: 'conflicts', unit: 'pairs', value: conflicts.count, n });
  return verification;
}

function measureChanges(rules: number, report: Report): void {
  const name = `${rules} rules of one tenant`;
  const workload = new ManyRules(1, rules);
  const { documents, policies } = workload;
  const verification = measureAll(name, documents, report);
  let slowestMs = 0;
  const [times, cpuTimes]: [number[], number[]] = [[], []];
  for (let index = 0; index < changesMeasured; index++) {
    const policy = workload.policy(policies[(index * 7919) % policies.length] ?? '');
    const [from, usage] = [performance.now(), process.cpuUsage()];
    const id = documents.put(policy);
    verification.update({ documents: [{ id }], numbers: [] }, documents);
    slowestMs = Math.max(slowestMs, finish(verification));
    times.push(performance.now() - from);
    const { user, system } = process.cpuUsage(usage);
    cpuTimes.push((user + system) / 1000);
  }
  for (const [metric, all] of Object.entries({ 'policy-changed': times, 'policy-changed-cpu': cpuTimes })) {
    const sorted = all.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    report({ case: name, metric, unit: 'ms', value: at(0.5), p99: at(0.99), n: all.length });
  }
  report({ case: name, metric: 'longest-step-of-a-change', unit: 'ms', value: slowestMs, n: times.length });
  const anew = new Verification(documents);
  finish(anew);
  const [kept, found] = [verification, anew].map((each) => JSON.stringify(each.ofOwner(manyRulesTenant, 1000)));
  if (kept !== found) throw new Error('what was kept up to date is not what is found anew');
}

/** @returns the longest step, in milliseconds */
function finish(verification: Verification): number {
  let longestMs = 0;
  let before = performance.now();
  for (const _ of verification.work()) {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - before);
    before = now;
  }
  return longestMs;
}

const { values } = parseArgs({ options: { rules: { type: 'string', default: '10000' }, json: { type: 'boolean', default: false } } });
run(Number(values.rules), (result) => {
  const round = (value: number): number => Math.round(value * 100) / 100;
  const figure = { bench: 'conflicts', ...result, value: round(result.value), ...(result.p99 !== undefined && { p99: round(result.p99) }) };
  if (values.json) console.log(JSON.stringify(figure));
  else
    console.log(`${figure.case}  ${figure.metric}: ${figure.value} ${figure.unit}${figure.p99 === undefined ? '' : `, p99 ${figure.p99}`}`);
});
