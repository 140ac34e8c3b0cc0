import { AdmissionError } from '../admission/error.ts';
import { reasonOf, WeirError } from '../base/errors.ts';

/** An error on its way to the other thread. */
export type Carried =
  | { readonly kind: 'failure'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'refusal';
      readonly code: AdmissionError['code'];
      readonly message: string;
      readonly errors: AdmissionError['errors'];
      readonly users: AdmissionError['users'];
    }
  /** Of the operating system, such as a port in use. */
  | { readonly kind: 'system'; readonly code: string | undefined; readonly syscall: string; readonly message: string }
  /** Nobody's failure but the program's. */
  | { readonly kind: 'defect'; readonly message: string; readonly stack: string | undefined };

export function carriedOf(thrown: unknown): Carried {
  if (thrown instanceof AdmissionError) {
    const { code, message, errors, users } = thrown;
    return { kind: 'refusal', code, message, errors, users };
  }
  if (thrown instanceof WeirError) return { kind: 'failure', code: thrown.code, message: thrown.message };
  if (thrown instanceof Error && 'syscall' in thrown) {
    const { code, syscall = '', message } = thrown as NodeJS.ErrnoException;
    return { kind: 'system', code, syscall, message };
  }
  return { kind: 'defect', message: reasonOf(thrown), stack: thrown instanceof Error ? thrown.stack : undefined };
}

export function errorOf(carried: Carried): Error {
  switch (carried.kind) {
    case 'failure':
      return new WeirError(carried.code, carried.message);
    case 'refusal':
      return new AdmissionError(carried.code, carried.message, {
        errors: carried.errors,
        users: carried.users.map(({ kind, tenant, name }) => ({ kind, tenant, name })),
      });
    case 'system':
      return Object.assign(new Error(carried.message), { code: carried.code, syscall: carried.syscall });
    case 'defect':
      return new Error(carried.message, { cause: carried.stack });
  }
}
