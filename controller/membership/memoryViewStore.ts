import type { View } from '../../elastic/view.js';
import type { ViewStore } from './viewStore.js';

/** For tests, and for a training whose launcher dies with it. */
export function memoryViewStore(): ViewStore {
  const views: View[] = [];
  return {
    read: async () => views.at(-1),
    write: async (view) => {
      if (view.number <= (views.at(-1)?.number ?? 0)) return 'taken';
      views.push(view);
      return 'written';
    },
  };
}
