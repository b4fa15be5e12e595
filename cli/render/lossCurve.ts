import { plot } from 'asciichart';

/**
 * The losses of a run as a curve of at most `columns` by 10 characters. More steps than columns are averaged in groups of
 * equal length; non-finite losses (skipped steps) are left out.
 */
export function lossCurve(losses: readonly number[], columns: number): string[] {
  const finite = losses.filter((loss) => Number.isFinite(loss));
  if (finite.length < 2) return [];
  const width = Math.max(10, columns - labelWidth);
  const points = finite.length <= width ? finite : grouped(finite, width);
  const chart = plot(points, { height: 9, format: label }).split('\n');
  const title = `loss over ${losses.length} steps`;
  return [title, ...chart.map((line) => line.trimEnd())];
}

const labelWidth = 12;
const label = (loss: number): string => loss.toFixed(3).padStart(labelWidth - 3);

function grouped(values: readonly number[], groups: number): number[] {
  return Array.from({ length: groups }, (_, group) => {
    const start = Math.floor((group * values.length) / groups);
    const end = Math.floor(((group + 1) * values.length) / groups);
    const members = values.slice(start, end);
    return members.reduce((sum, value) => sum + value, 0) / members.length;
  });
}
