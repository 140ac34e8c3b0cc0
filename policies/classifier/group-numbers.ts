import { scopedOf } from '../graph/facts.ts';
import { NumberedTexts } from './numbers.ts';

/** A number for each group that exists or that a rule names, by `scopedText`. Whoever uses one gives it back. */
export class GroupNumbers {
  private readonly texts = new NumberedTexts(0);
  private readonly platform = new Set<number>();

  get count(): number {
    return this.texts.size;
  }

  use(key: string): number {
    const number = this.texts.use(key);
    if (scopedOf(key).tenant === undefined) this.platform.add(number);
    return number;
  }

  drop(key: string): void {
    const number = this.texts.get(key);
    this.texts.drop(key);
    if (number !== undefined && this.texts.get(key) === undefined) this.platform.delete(number);
  }

  /** Whether it is one of the platform's groups. */
  isPlatform(number: number): boolean {
    return this.platform.has(number);
  }
}
