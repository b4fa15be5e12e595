import pc from 'picocolors';
import type { CliEvent, JobStateEvent, PhaseEvent, ProgressEvent } from '../events.js';
import { lossCurve } from './lossCurve.js';
import type { Renderer, Terminal } from './renderer.js';
import { bytesText, countText, durationText, lossText } from './units.js';

/** For people: results and reports on standard output, everything on the way there on standard error. */
export function textRenderer(terminal: Terminal): Renderer {
  const colors = pc.createColors(terminal.color);
  const losses: number[] = [];
  let barShown = false;
  let twentiethShown = -1;

  const clearBar = () => {
    if (barShown) terminal.err('\r\u001b[2K');
    barShown = false;
  };
  const say = (text: string) => {
    clearBar();
    terminal.err(`${text}\n`);
  };
  const print = (text: string) => {
    clearBar();
    terminal.out(`${text}\n`);
  };

  const phase = ({ phase, state, detail, seconds }: PhaseEvent) => {
    if (state === 'started') return say(`${colors.cyan('>')} ${phase}${detail ? colors.dim(`: ${detail}`) : ''}`);
    const took = seconds === undefined ? '' : colors.dim(` (${durationText(seconds)})`);
    say(`${colors.green('done')} ${phase}${detail ? `: ${detail}` : ''}${took}`);
  };

  const progress = (event: ProgressEvent) => {
    if (event.loss !== null) losses.push(event.loss);
    if (terminal.interactive) {
      terminal.err(`\r\u001b[2K${progressLine(event, terminal.columns)}`);
      barShown = true;
      return;
    }
    // A file or pipe: the first step, then a line for each twentieth of the way.
    const twentieth = Math.floor((event.step * 20) / event.steps);
    if (twentieth === twentiethShown && event.step !== 1) return;
    twentiethShown = twentieth;
    say(progressFacts(event));
  };

  return {
    print,
    event(event: CliEvent) {
      switch (event.event) {
        case 'phase':
          return phase(event);
        case 'progress':
          return progress(event);
        case 'report':
          return print([colors.bold(event.title), ...event.lines.map((line) => `  ${line}`)].join('\n'));
        case 'warning':
          return say(
            `${colors.yellow('warning')} ${event.message}${event.remedy ? colors.dim(`; ${event.remedy}`) : ''}`,
          );
        case 'log':
          return say(
            [
              `last lines of ${event.worker} (${event.file}):`,
              ...event.lines.map((line) => colors.dim(`  | ${line}`)),
            ].join('\n'),
          );
        case 'job':
          return print(jobLine(event));
        case 'line':
          return print(`${colors.dim(event.worker)} ${event.text}`);
        case 'result': {
          for (const line of lossCurve(losses, terminal.columns)) say(line);
          if (event.lines.length > 0) print(event.lines.join('\n'));
          return;
        }
      }
    },
    error(error) {
      say(
        `${colors.red(`error ${error.code}`)} ${error.name}: ${error.message}\n  ${colors.bold('remedy')} ${error.remedy}`,
      );
    },
  };
}

/** `[######......] step 12/100 loss 2.345 ...`, no wider than the terminal. */
function progressLine(event: ProgressEvent, columns: number): string {
  const facts = progressFacts(event);
  const room = Math.min(30, columns - facts.length - 4);
  if (room < 5) return facts.slice(0, Math.max(1, columns - 1));
  const filled = Math.round((event.step / event.steps) * room);
  return `[${'#'.repeat(filled)}${'.'.repeat(room - filled)}] ${facts}`;
}

function progressFacts({ step, steps, loss, tokensPerSecond, etaSeconds, rssBytes, workers }: ProgressEvent): string {
  return [
    `step ${step}/${steps}`,
    ...(loss === null ? [] : [`loss ${lossText(loss)}`]),
    `${countText(tokensPerSecond)} tok/s`,
    ...(etaSeconds === null ? [] : [`ETA ${durationText(etaSeconds)}`]),
    bytesText(rssBytes),
    `${workers} ${workers === 1 ? 'worker' : 'workers'}`,
  ].join('  ');
}

/** `team/workplace  Training  12/100  loss 2.345  (2 of 3 workers)`. */
function jobLine({ change, namespace, name, state, reason, message, step, steps, loss }: JobStateEvent): string {
  const why = [reason, message].filter(Boolean).join(': ');
  return [
    `${namespace}/${name}`,
    change === 'REMOVED' ? 'removed' : state,
    ...(steps > 0 ? [`${step}/${steps}`] : []),
    ...(loss === null ? [] : [`loss ${lossText(loss)}`]),
    ...(why ? [why] : []),
  ].join('  ');
}
