import { byCodeUnit } from '../common/hash.js';
import type { Member, View } from './view.js';

/** What the oracle learns about one member. */
export type MembershipChange =
  /** All who are there when training begins hold the same state: they take part at once. */
  | { readonly kind: 'formed'; readonly members: readonly Pick<Member, 'id' | 'address'>[] }
  /** It answers, and does not take part yet (or no more). */
  | { readonly kind: 'appeared'; readonly id: string; readonly address: string }
  /** It holds the state and asks to be admitted. */
  | { readonly kind: 'ready'; readonly id: string }
  /** Crashed, cut off, or gone on purpose. */
  | { readonly kind: 'gone'; readonly id: string };

/** The view that follows from a change; the same one when it changes nothing. */
export function nextView(view: View, change: MembershipChange): View {
  const members = new Map(view.members.map((member) => [member.id, member]));
  if (change.kind === 'formed')
    for (const { id, address } of change.members) members.set(id, { id, address, joined: true });
  else if (change.kind === 'appeared') {
    if (!members.has(change.id)) members.set(change.id, { id: change.id, address: change.address, joined: false });
  } else if (change.kind === 'gone') members.delete(change.id);
  else if (members.has(change.id)) members.set(change.id, { ...members.get(change.id)!, joined: true });
  const next = [...members.values()].sort((a, b) => byCodeUnit(a.id, b.id));
  const same = JSON.stringify(next) === JSON.stringify(view.members);
  return same ? view : { number: view.number + 1, members: next };
}
