import { isDeepStrictEqual } from 'node:util';
import type { Trace } from '../../flows/trace/index.ts';
import { formatMac } from '../../src/base/addresses.ts';
import { endsOf, stateText } from './frame-questions.ts';
import type { FrameQuestion, FrameQuestions } from './frame-questions.ts';
import type { TraceBridge, Traced } from './trace-bridge.ts';

/**
 * The judges of one frame: the documents (the reference semantics decide, reachability is read from the documents), the compiled
 * rules and the classifier, our own trace of the rendered flows, and Open vSwitch where there is one to ask.
 * @returns what they disagree about, with everything that is needed to ask again by hand; undefined when they agree
 */
export async function disagreement(cloud: FrameQuestions, question: FrameQuestion, bridge?: TraceBridge): Promise<string | undefined> {
  const ours = cloud.traced(question);
  const expected = cloud.arrivalText(question.expected);
  const traced = await bridge?.trace(question.text, everyPass(stateText[question.state]));
  const { side } = question;
  return (
    different('the switch', traced && { ports: traced.ports, tunnels: traced.tunnels }, traced && expected) ??
    different('the actions of a router on the switch', traced && isRouted(question, traced), traced && true) ??
    different('our trace', endsOf(ours), expected) ??
    different('problems of our trace', ours.problems, []) ??
    different('the tables of our trace', traced && visited(ours), traced?.tables) ??
    different('the compiled rules', side && cloud.compiled(side), side?.verdict) ??
    different('the classifier', side && cloud.classified(side), side?.verdict) ??
    (bridge && cloud.random.chance(0.1) ? await elsewhere(cloud, question, bridge) : undefined)
  );

  function different(who: string, seen: unknown, wanted: unknown): string | undefined {
    return isDeepStrictEqual(seen, wanted) ? undefined : complaint(cloud, question, who, seen, wanted, traced);
  }
}

/** What the documents say nothing of: our trace and the switch alone are compared, about errors of connections and what belongs to none. */
async function elsewhere(cloud: FrameQuestions, asked: FrameQuestion, bridge: TraceBridge): Promise<string | undefined> {
  const question = { ...asked, state: cloud.random.pick(['related', 'invalid']) };
  const traced = await bridge.trace(question.text, everyPass(stateText[question.state]));
  const ours = cloud.traced(question);
  const seen = { ...endsOf(ours), tables: visited(ours) };
  const wanted = { ports: traced.ports, tunnels: traced.tunnels, tables: traced.tables };
  return isDeepStrictEqual(seen, wanted) ? undefined : complaint(cloud, question, 'our trace', seen, wanted, traced);
}

function complaint(
  cloud: FrameQuestions,
  question: FrameQuestion,
  who: string,
  seen: unknown,
  wanted: unknown,
  traced: Traced | undefined,
): string {
  return [
    `seed ${cloud.seed}: ${who} says ${JSON.stringify(seen)}`,
    `where ${JSON.stringify(wanted)} was expected, of ${question.text} ${stateText[question.state]}`,
    traced?.text ?? '',
  ].join('\n');
}

/** One for the sender, one for each receiver of a flood. */
const everyPass = (state: string): readonly string[] => Array.from({ length: 24 }, () => state);

const visited = ({ steps }: Trace): readonly string[] =>
  steps.map(({ tableId, hit }) => (hit ? `${tableId} ${hit.rule.priority}` : `${tableId} -`));

/** A router's frame comes from the router of the receiver's network, and is one hop older. */
function isRouted({ routed }: FrameQuestion, { actions }: Traced): boolean {
  if (!routed) return true;
  const { router, receiver } = routed;
  return actions.includes(`set(eth(src=${formatMac(router)},dst=${formatMac(receiver)}))`) && /(ttl|hlimit)=63/.test(actions);
}
