import { parseArgs } from 'node:util';
import { Verification } from '../../policies/verify/index.ts';
import { ManyRules, manyRulesTenant } from '../workloads/many-rules.ts';
import { referenceCloud } from '../workloads/reference-cloud.ts';

/**
 * Conflicts and shadowed rules: `node bench/micro/conflicts.ts [--rules 10000] [--json]`. All of them from nothing, then one policy of ten rules
 * changed, again and again; in the end what was kept up to date is compared with what is found anew. A slice is what the server's event
 * loop is kept from other work by: until 5 ms are over, looked at behind each step.
 */
interface Result {
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
  readonly p99?: number;
  readonly n: number;
}

const changesMeasured = 500;

function run(rules: number, report: (result: Result) => void): void {
  measureMany(rules, report);
  const cloud = referenceCloud({ seed: 1, scale: 1, placement: 'packed' });
  const stored = [...cloud.documents.list('Policy')].reduce(
    (sum, { document: { spec } }) => sum + spec.ingress.length + spec.egress.length,
    0,
  );
  const started = performance.now();
  const verification = new Verification(cloud.documents);
  const slowestMs = finish(verification);
  report({ case: 'reference cloud', metric: 'all', unit: 'ms', value: performance.now() - started, n: stored });
  report({ case: 'reference cloud', metric: 'longest-step', unit: 'ms', value: slowestMs, n: stored });
  tell('reference cloud', verification, report);
}

function measureMany(rules: number, report: (result: Result) => void): void {
  const name = `${rules} rules of one tenant`;
  const workload = new ManyRules(1, rules);
  const { documents, policies } = workload;
  const started = performance.now();
  const verification = new Verification(documents);
  let slowestMs = finish(verification);
  report({ case: name, metric: 'all', unit: 'ms', value: performance.now() - started, n: rules });
  tell(name, verification, report);
  const times: number[] = [];
  for (let index = 0; index < changesMeasured; index++) {
    const policy = workload.policy(policies[(index * 7919) % policies.length] ?? '');
    const from = performance.now();
    const id = documents.put(policy);
    verification.update({ documents: [{ id }], numbers: [] }, documents);
    slowestMs = Math.max(slowestMs, finish(verification));
    times.push(performance.now() - from);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  report({ case: name, metric: 'policy-changed', unit: 'ms', value: at(0.5), p99: at(0.99), n: times.length });
  report({ case: name, metric: 'longest-step', unit: 'ms', value: slowestMs, n: times.length });
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

function tell(name: string, verification: Verification, report: (result: Result) => void): void {
  const { shadowed, conflicts } = verification.ofOwner(null, 1);
  report({ case: name, metric: 'shadowed', unit: 'rules', value: shadowed.count, n: 1 });
  report({ case: name, metric: 'conflicts', unit: 'pairs', value: conflicts.count, n: 1 });
}

const { values } = parseArgs({ options: { rules: { type: 'string', default: '10000' }, json: { type: 'boolean', default: false } } });
run(Number(values.rules), (result) => {
  const round = (value: number): number => Math.round(value * 100) / 100;
  const figure = { bench: 'conflicts', ...result, value: round(result.value), ...(result.p99 !== undefined && { p99: round(result.p99) }) };
  if (values.json) console.log(JSON.stringify(figure));
  else
    console.log(`${figure.case}  ${figure.metric}: ${figure.value} ${figure.unit}${figure.p99 === undefined ? '' : `, p99 ${figure.p99}`}`);
});
