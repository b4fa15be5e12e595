import { comparison } from './elementwise.js';

export const equal = comparison('Equal', (a, b) => a === b);
export const greaterOrEqual = comparison('GreaterOrEqual', (a, b) => a >= b);
export const less = comparison('Less', (a, b) => a < b);
export const and = comparison('And', (a, b) => a !== 0 && b !== 0, 'bool');
