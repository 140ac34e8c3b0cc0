/**
 * What is wrong with a document. `pointer` is a JSON pointer (RFC 6901) into the document as it was sent.
 * Everything a document says about itself is judged here; what needs other documents is judged by admission.
 */
export interface Issue {
  readonly code: IssueCode;
  readonly pointer: string;
  readonly detail: string;
}

export type IssueCode = 'malformed' | 'unknown-field' | 'subnet-overlap' | 'address-outside-subnet';

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: readonly Issue[] };

/** Collects what is wrong, so that a user learns of all of it at once. */
export class Findings {
  readonly issues: Issue[] = [];

  add(pointer: string, detail: string, code: IssueCode = 'malformed'): void {
    this.issues.push({ code, pointer, detail });
  }

  /** The value unless something was found. */
  conclude<T>(value: T): Parsed<T> {
    return this.issues.length > 0 ? { ok: false, issues: this.issues } : { ok: true, value };
  }
}

/** One step of a JSON pointer. */
export function pointerStep(key: string | number): string {
  return `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
