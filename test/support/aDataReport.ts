import type { StatusData } from '../../api/sections/status.js';

/** What a preflight may have found. */
export const aDataReport = {
  rows: 66,
  used: 64,
  sequences: 20,
  tokens: 3072,
  supervisedTokens: 1010,
  truncatedRows: 1,
  truncatedPercent: 1.6,
  evaluationRows: 8,
  duplicates: 0,
  contaminated: 0,
  dropped: [{ reason: 'no text', rows: 2, example: 'train.jsonl:17' }],
} satisfies StatusData;
