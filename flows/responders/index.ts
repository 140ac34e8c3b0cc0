export { answerTo } from './answer.ts';
export { readPacket } from './packet.ts';
export type { Packet } from './packet.ts';
export { raisedBy } from './raised.ts';
export type { Raised } from './raised.ts';
