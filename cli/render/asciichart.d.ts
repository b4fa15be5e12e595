// The package ships no types; this is what we use of it.
declare module 'asciichart' {
  export function plot(
    series: readonly number[],
    config?: { readonly height?: number; readonly format?: (value: number) => string },
  ): string;
}
