export { openAdmission } from './admission.ts';
export type { Admission } from './admission.ts';
export { contradictions } from './contradictions.ts';
export { AdmissionError } from './error.ts';
export { documentKey } from './keys.ts';
export { parseLabelSelector } from './label-selector.ts';
export type { Budget, ResourceId, Snapshot, Stored, Usage } from './ports.ts';
export { present } from './present.ts';
export type { Action, Precondition, Submission, Submitted, Write } from './request.ts';
