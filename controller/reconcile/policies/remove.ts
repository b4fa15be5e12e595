import type { Policy } from '../decide.js';

/** Deleted by its user: the API server removes the children; artifacts and checkpoints stay. */
export const remove: Policy = ({ isBeingDeleted }) => (isBeingDeleted ? { kind: 'leave' } : undefined);
