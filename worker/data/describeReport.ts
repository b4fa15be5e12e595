import type { DataReport, RowsNamed, SplitReport } from './report.js';

/** The report in lines for a terminal: counts, places of rows, and no training text unless samples were asked for. */
export function describeReport(report: DataReport): readonly string[] {
  const { truncation, duplicates, contamination } = report;
  return [
    ...report.sources.map(
      ({ source, split, rows, used, format }) => `${split}: ${source}: ${used} of ${rows} rows used, format ${format}`,
    ),
    describeSplit('training', report.train),
    ...(report.evaluation ? [describeSplit('evaluation', report.evaluation)] : []),
    ...report.dropped.map(({ reason, ...rows }) => `left out: ${reason}: ${describeRows(rows)}`),
    ...(truncation.rows > 0
      ? [
          `cut at the ${truncation.side}: ${truncation.rows} rows (${percent(truncation.share)}), ${truncation.tokensCut} tokens lost`,
        ]
      : []),
    ...(duplicates.train.rows > 0 ? [`repeated in the training data: ${describeRows(duplicates.train)}`] : []),
    ...(duplicates.evaluation.rows > 0
      ? [`repeated in the evaluation data: ${describeRows(duplicates.evaluation)}`]
      : []),
    ...(contamination.rows.rows > 0
      ? [`evaluation rows that are also training rows: ${describeRows(contamination.rows)}`]
      : []),
    ...(contamination.prompts.rows > 0
      ? [`evaluation rows with the prompt of a training row: ${describeRows(contamination.prompts)}`]
      : []),
    ...(report.mergedBoundaries > 0
      ? [`turns whose first token also holds characters of the prompt: ${report.mergedBoundaries}`]
      : []),
    ...(report.unendedTurns > 0
      ? [`turns without an end-of-turn token (the model does not learn to stop there): ${report.unendedTurns}`]
      : []),
    ...report.samples.map((sample, at) => `sample ${at + 1} ([[supervised]]): ${sample}`),
  ];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const describeRows = ({ rows, examples }: RowsNamed): string =>
  `${rows} (${examples.join(', ')}${rows > examples.length ? ', ...' : ''})`;

const describeSplit = (name: string, split: SplitReport): string =>
  `${name}: ${split.rows} rows in ${split.sequences} sequences, ${split.tokens} tokens, ` +
  `${split.supervisedTokens} supervised, longest ${split.longest}, ${percent(split.packingEfficiency)} filled`;
