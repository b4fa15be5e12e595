import type { Renderer, Terminal } from './renderer.js';

/** One JSON object per line on standard output; the last one is the result or the error. */
export function jsonRenderer({ out }: Pick<Terminal, 'out'>): Renderer {
  const write = (value: unknown) => out(`${JSON.stringify(value)}\n`);
  return {
    event(event) {
      if (event.event === 'result') write({ event: 'result', ...event.fields });
      else if (event.event === 'report') write({ event: 'report', title: event.title, ...event.data });
      else write(event);
    },
    error: (error) =>
      write({
        event: 'error',
        code: error.code,
        name: error.name,
        message: error.message,
        remedy: error.remedy,
        facts: error.facts,
      }),
    print: (text) => write({ event: 'result', text }),
  };
}
