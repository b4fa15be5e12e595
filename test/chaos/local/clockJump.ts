import { readFileSync } from 'node:fs';

// Loaded into a process before its program (`--import`): the wall clock that the project's clock reads is moved by the
// milliseconds in the file that ESPALIER_CHAOS_CLOCK names, as a wrong time server or an administrator would.
const file = process.env.ESPALIER_CHAOS_CLOCK;
if (file !== undefined) {
  const real = Date.now.bind(Date);
  let offsetMs = 0;
  const look = () => {
    try {
      offsetMs = Number(readFileSync(file, 'utf8')) || 0;
    } catch {
      // No file yet: no jump yet.
    }
  };
  look();
  setInterval(look, 200).unref();
  const RealDate = Date;
  // `new Date()` follows as well: requests to object stores are signed with it.
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, newTarget) =>
      Reflect.construct(target, given.length === 0 ? [real() + offsetMs] : given, newTarget) as object,
    get: (target, name, receiver) => (name === 'now' ? () => real() + offsetMs : Reflect.get(target, name, receiver)),
  });
}
