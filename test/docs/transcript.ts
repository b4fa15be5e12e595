import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** One `$ command` of a page with what it printed. */
export interface Step {
  readonly command: string;
  readonly output: readonly string[];
}

const block = /```console\n([\s\S]*?)```/g;

/** The commands of a page's console blocks, in order. */
export function stepsOf(page: string): Step[] {
  return [...page.matchAll(block)].flatMap(([, body]) => readSteps(body!));
}

function readSteps(body: string): Step[] {
  const steps: { command: string; output: string[] }[] = [];
  for (const line of body.replace(/\n$/, '').split('\n')) {
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: [] });
    else steps.at(-1)?.output.push(line);
  }
  return steps;
}

/** Runs every command and gives back the page with what they print now. */
export async function replay(page: string, run: (command: string) => Promise<string>): Promise<string> {
  const fresh: string[] = [];
  for (const [, body] of page.matchAll(block)) {
    const lines: string[] = [];
    for (const { command } of readSteps(body!)) {
      const output = (await run(command)).trimEnd();
      lines.push(`$ ${command}`, ...(output === '' ? [] : [output]));
    }
    fresh.push(`\`\`\`console\n${lines.join('\n')}\n\`\`\``);
  }
  return page.replace(block, () => fresh.shift()!);
}

/** Standard output and error in one, as a person sees them. */
export async function shell(command: string, options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
  const child = spawn('bash', ['-c', `exec 2>&1; ${command}`], { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  return text(child.stdout);
}

/** What differs with every start of a server, as the page shows it: `"resume_token": "k3v9.12"` and the like. */
export const masked = (output: string): string => output.replace(/("resume_token": )"[^"]*"/g, '$1"<token>"');
