import { writeSync } from 'node:fs';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** A structured logger: one JSON object per line, written to a sink that the composition root chooses. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same logger with fields added to every line. */
  with(fields: LogFields): Logger;
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLogger(
  write: (line: string) => void,
  { level = 'info', now = Date.now, fields = {} }: { level?: LogLevel; now?: () => number; fields?: LogFields } = {},
): Logger {
  const at =
    (lineLevel: LogLevel) =>
    (message: string, extra: LogFields = {}) => {
      if (order[lineLevel] < order[level]) return;
      write(
        `${JSON.stringify({ time: new Date(now()).toISOString(), level: lineLevel, message, ...fields, ...extra })}\n`,
      );
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => createLogger(write, { level, now, fields: { ...fields, ...more } }),
  };
}

/**
 * Lines to an open file. One that finds no room is dropped, and told of as soon as there is room again: what is logged never
 * ends what is done.
 */
export function lineSink(fd: number, write = writeSync, now = Date.now): (line: string) => void {
  let lost = 0;
  let torn = false;
  const put = (text: string): void => {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) {
      done += write(fd, bytes, done);
      torn = done < bytes.length;
    }
  };
  return (line) => {
    const told = { time: new Date(now()).toISOString(), level: 'warn', message: 'lines found no room', lost };
    try {
      put(`${torn ? '\n' : ''}${lost > 0 ? `${JSON.stringify(told)}\n` : ''}`);
      lost = 0;
      put(line);
    } catch {
      lost += 1;
    }
  };
}

export const silentLogger: Logger = createLogger(() => {});
