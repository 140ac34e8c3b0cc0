export { judge } from './judge.ts';
export type { End, Packet, Protocol, Question } from './packet.ts';
export { readQuestion } from './question.ts';
export type { Asked } from './question.ts';
export type { Decision, SideVerdict, Tried, Verdict } from './verdict.ts';
