export { judge } from './judge.ts';
export type { End, Packet, Question } from './packet.ts';
export { readAddress, readQuestion } from './question.ts';
export type { Asked } from './question.ts';
export type { SideVerdict, Verdict } from './verdict.ts';
