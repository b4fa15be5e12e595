import type { View } from '../../elastic/view.js';

/** Where views are kept. A number is given away once: that is the fence against two oracles. */
export interface ViewStore {
  /** The view with the highest number. */
  read(): Promise<View | undefined>;
  /** Compare-and-swap: `taken` when a view with this number exists already, and then nothing is written. */
  write(view: View): Promise<'written' | 'taken'>;
}
