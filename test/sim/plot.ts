/** Points over the number of workers, for the screen and for the docs. */
export interface Series {
  readonly name: string;
  readonly color: string;
  readonly points: readonly { readonly workers: number; readonly goodput: number }[];
  /** Computed from a model, not simulated. */
  readonly dashed?: boolean;
}

/** One bar per point. */
export function textPlot(series: readonly Series[]): string[] {
  const width = 40;
  return series.flatMap(({ name, points }) => [
    name,
    ...points.map(({ workers, goodput }) => {
      const filled = Math.round(Math.max(0, Math.min(1, goodput)) * width);
      return `${String(workers).padStart(6)} ${'#'.repeat(filled)}${'.'.repeat(width - filled)} ${(100 * goodput).toFixed(1)} %`;
    }),
  ]);
}

const size = { width: 640, height: 360, left: 56, right: 16, top: 16, bottom: 72 } as const;

/** Goodput over workers, the latter logarithmic. */
export function svgPlot(series: readonly Series[], caption: string): string {
  const all = series.flatMap(({ points }) => points.map(({ workers }) => workers));
  const [low, high] = [Math.log2(Math.min(...all)), Math.log2(Math.max(...all))];
  const x = (workers: number) =>
    size.left + ((Math.log2(workers) - low) / (high - low || 1)) * (size.width - size.left - size.right);
  const y = (goodput: number) => size.top + (1 - goodput) * (size.height - size.top - size.bottom);
  const text = (at: string, content: string) => `<text ${at} font-family="sans-serif" font-size="12">${content}</text>`;
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((value) => [
    `<line x1="${size.left}" x2="${size.width - size.right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>`,
    text(`x="${size.left - 8}" y="${y(value) + 4}" text-anchor="end"`, `${value * 100} %`),
  ]);
  const ticks = [...new Set(all)].map((workers) =>
    text(`x="${x(workers).toFixed(1)}" y="${y(0) + 18}" text-anchor="middle"`, String(workers)),
  );
  const lines = series.flatMap(({ name, color, points, dashed }, place) => [
    `<polyline fill="none" stroke="${color}" stroke-width="2"${dashed ? ' stroke-dasharray="6 4"' : ''} points="${points
      .map(({ workers, goodput }) => `${x(workers).toFixed(1)},${y(goodput).toFixed(1)}`)
      .join(' ')}"/>`,
    `<rect x="${size.left + place * 190}" y="${size.height - 34}" width="12" height="4" fill="${color}"/>`,
    text(`x="${size.left + place * 190 + 18}" y="${size.height - 28}"`, name),
  ]);
  const body = [...grid, ...ticks, ...lines, text(`x="${size.left}" y="${size.height - 8}"`, caption)];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${caption}">\n<rect width="100%" height="100%" fill="white"/>\n${body.join('\n')}\n</svg>\n`;
}
