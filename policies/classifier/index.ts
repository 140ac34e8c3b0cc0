export { Classifier } from './classifier.ts';
export type { ClassifierSize } from './classifier.ts';
export { actionBits, actions, ends, outcomes, protocols, question } from './layout.ts';
export { Reader } from './reader.ts';
export { Resolver } from './resolver.ts';
export type { Ends } from './resolver.ts';
export type { RuleRow } from './rules.ts';
